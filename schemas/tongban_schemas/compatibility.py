"""Whether a changed payload schema may follow a published one, and which side is rolled out first.

Events are kept for ever and read again on every rebuild. So a new reader must read all that was ever written
(backward), and a reader of yesterday must survive what the writer of today writes (forward) as long as the side named
here goes first. What readers ignore may be added; what they rely on may be widened, consumers first; nothing may be
narrowed, removed or given another meaning: that is a new major version, published beside the old one.
"""

from dataclasses import dataclass
from typing import Any, Literal

from tongban_schemas.json_schema import rules
from tongban_schemas.types import JsonObject

Verdict = Literal["compatible", "breaking"]
Side = Literal["either", "consumers", "producers"]
Path = tuple[str, ...]

EACH = "*"
"""The path segment that stands for every element of a list and every value of a map."""

_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_STRUCTURE = frozenset(
    {"properties", "required", "items", "additionalProperties", "anyOf", "enum", "const", "default", "type"}
)
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. ``first`` is the side that would break the other if it did not go first."""

    path: Path
    what: str
    verdict: Verdict
    first: Side

    def __str__(self) -> str:
        return f"{'.'.join(self.path) or 'payload'}: {self.what}"


def compare(old: JsonObject, new: JsonObject) -> list[Change]:
    """Every difference between two payload schemas that do not hold references, annotations left aside."""
    return _compare((), rules(old), rules(new))


def advice(event_type: str, changes: list[Change]) -> str:
    """What to do about the changes of one event type, in one paragraph that names the side to roll out first."""
    breaking = [change for change in changes if change.verdict == "breaking"]
    if breaking:
        base, _, major = event_type.rpartition(".v")
        return (
            f"{event_type}: refused. {'; '.join(map(str, breaking))}. "
            f"{_WHY[_first(breaking)]} Undo the change, or publish {base}.v{int(major) + 1} beside it: "
            "roll out consumers that read both first, then the producers; consumers read "
            f".v{major} for as long as its events are kept."
        )
    listed = "; ".join(map(str, changes))
    return f"{event_type}: {listed}. {_ORDER[_first(changes)]}"


_ORDER: dict[Side, str] = {
    "consumers": "Roll out consumers first: a consumer of the old revision would park what the new producer writes.",
    "producers": "Roll out producers first.",
    "either": "Either side first; roll out consumers first where they must not miss the new field.",
}
_WHY: dict[Side, str] = {
    "consumers": "Consumers would have to go first, and would still lose what they rely on.",
    "producers": "Producers would have to go first, and the events already kept would still be unreadable.",
    "either": "The events already kept would change their meaning.",
}


def _first(changes: list[Change]) -> Side:
    sides = {change.first for change in changes}
    return "consumers" if "consumers" in sides else "producers" if "producers" in sides else "either"


def _widened(path: Path, what: str) -> Change:
    return Change(path, what, "compatible", "consumers")


def _narrowed(path: Path, what: str) -> Change:
    return Change(path, what, "breaking", "producers")


def _compare(path: Path, old: JsonObject, new: JsonObject) -> list[Change]:
    old, old_null = _split_null(old)
    new, new_null = _split_null(new)
    changes: list[Change] = []
    if new_null and not old_null:
        changes.append(_widened(path, "null is now allowed"))
    if old_null and not new_null:
        changes.append(_narrowed(path, "null is no longer allowed"))
    if old.get("type") != new.get("type"):
        what = f"the type changed from {old.get('type', 'any')} to {new.get('type', 'any')}"
        return [*changes, Change(path, what, "breaking", "consumers")]
    if old.get("default", _ABSENT) != new.get("default", _ABSENT):
        changes.append(Change(path, "the default changed", "breaking", "either"))
    changes += _compare_choices(path, old, new)
    changes += _compare_values(path, old, new)
    changes += _compare_limits(path, old, new)
    changes += _compare_fields(path, old, new)
    changes += _compare_elements(path, old, new)
    return changes


def _split_null(schema: JsonObject) -> tuple[JsonObject, bool]:
    choices = schema.get("anyOf", [])
    kept = [choice for choice in choices if choice != {"type": "null"}]
    if len(kept) == len(choices):
        return schema, False
    outer = {keyword: value for keyword, value in schema.items() if keyword != "anyOf"}
    return ({**outer, **kept[0]} if len(kept) == 1 else {**outer, "anyOf": kept}), True


def _compare_choices(path: Path, old: JsonObject, new: JsonObject) -> list[Change]:
    before, after = old.get("anyOf"), new.get("anyOf")
    if before == after:
        return []
    if before is None or after is None:
        return [Change(path, "the alternatives changed", "breaking", "consumers")]
    if all(choice in after for choice in before):
        return [_widened(path, "an alternative was added")]
    return [_narrowed(path, "an alternative was removed or changed")]


def _compare_values(path: Path, old: JsonObject, new: JsonObject) -> list[Change]:
    before, after = _values(old), _values(new)
    if before is None and after is None:
        return []
    if before is None:
        return [_narrowed(path, "the values are now a closed list")]
    if after is None:
        return [_widened(path, "the values are no longer a closed list")]
    changes = []
    if gone := [value for value in before if value not in after]:
        changes.append(_narrowed(path, f"no longer allows {_listed(gone)}"))
    if added := [value for value in after if value not in before]:
        changes.append(_widened(path, f"also allows {_listed(added)}"))
    return changes


def _values(schema: JsonObject) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    values: list[Any] | None = schema.get("enum")
    return values


def _listed(values: list[Any]) -> str:
    return ", ".join(map(str, values))


def _compare_limits(path: Path, old: JsonObject, new: JsonObject) -> list[Change]:
    changes = []
    for keyword in sorted((old.keys() | new.keys()) - _STRUCTURE):
        before, after = old.get(keyword), new.get(keyword)
        if before == after:
            continue
        if before is None:
            changes.append(_narrowed(path, f"{keyword} {after} is new"))
        elif after is None:
            changes.append(_widened(path, f"{keyword} {before} was dropped"))
        elif (keyword in _UPPER and after > before) or (keyword in _LOWER and after < before):
            changes.append(_widened(path, f"{keyword} was loosened from {before} to {after}"))
        else:
            changes.append(_narrowed(path, f"{keyword} changed from {before} to {after}"))
    return changes


def _compare_fields(path: Path, old: JsonObject, new: JsonObject) -> list[Change]:
    before, after = old.get("properties", {}), new.get("properties", {})
    was_required, is_required = set(old.get("required", [])), set(new.get("required", []))
    changes = [
        Change((*path, name), "the field was removed or renamed", "breaking", "consumers")
        for name in sorted(before.keys() - after.keys())
    ]
    for name in sorted(after.keys() - before.keys()):
        if name in is_required:
            changes.append(_narrowed((*path, name), "a new field must be optional (give it a default)"))
        else:
            changes.append(Change((*path, name), "an optional field was added", "compatible", "either"))
    for name in sorted(before.keys() & after.keys()):
        if name in is_required - was_required:
            changes.append(_narrowed((*path, name), "the field is now required"))
        elif name in was_required - is_required:
            changes.append(_widened((*path, name), "the field is now optional"))
            after = {**after, name: {key: value for key, value in after[name].items() if key != "default"}}
        changes += _compare((*path, name), before[name], after[name])
    return changes


def _compare_elements(path: Path, old: JsonObject, new: JsonObject) -> list[Change]:
    changes: list[Change] = []
    for keyword in ("items", "additionalProperties"):
        before, after = old.get(keyword, True), new.get(keyword, True)
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            changes += _compare((*path, EACH), before, after)
        elif after is True:
            changes.append(_widened((*path, EACH), f"any {keyword} are now allowed"))
        else:
            changes.append(_narrowed((*path, EACH), f"{keyword} are now restricted"))
    return changes
