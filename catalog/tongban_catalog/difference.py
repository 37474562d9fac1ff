"""What changes from one version of an item to another, one line a change. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tongban_schemas.types import JsonObject

from tongban_catalog.form import Text

Kind = Literal["eased", "harder", "changed", "added", "removed"]

KINDS: Mapping[Kind, Text] = {
    "eased": Text("放宽", "eased"),
    "harder": Text("收紧", "harder"),
    "changed": Text("变更", "changed"),
    "added": Text("新增", "added"),
    "removed": Text("取消", "removed"),
}
_LESS_IS_EASIER = ("legal", "promised", "extension", "joint", "delivery", "notice", "ask_before", "expected")
"""A smaller number of one of these is better for the applicant; a smaller number of days to bring what was promised is not."""
_KEYED = ("id", "step", "material")


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``place`` is dotted, with ids instead of list positions: ``steps.BA.limit.promised``."""

    kind: Kind
    place: str
    old: Any
    new: Any

    @property
    def said(self) -> Text:
        word = KINDS[self.kind]
        return Text(f"{word.zh} {self.place}:{self._values('无')}", f"{word.en} {self.place}: {self._values('none')}")

    def _values(self, none: str) -> str:
        if self.kind == "added":
            return shown(self.new, none)
        if self.kind == "removed":
            return shown(self.old, none)
        return f"{shown(self.old, none)} → {shown(self.new, none)}"


def shown(value: Any, none: str) -> str:
    """A short form of a part of a definition."""
    if value is None:
        return none
    if isinstance(value, Mapping):
        if value.keys() == {"number", "unit"}:
            return f"{value['number']} {value['unit']}"
        if "zh" in value and "en" in value:
            return f"{value['zh']} / {value['en']}"
        for name in ("id", "step", "material"):
            if isinstance(known := value.get(name), str):
                label = value.get("name")
                return known + (f" ({shown(label, none)})" if isinstance(label, Mapping) else "")
        return "{" + ", ".join(f"{key}: {shown(part, none)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(part, none) for part in value) + "]"
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def diff(old: JsonObject, new: JsonObject) -> list[Change]:
    """Every change from one definition to another, in the order of their places; ``version`` itself is left out."""
    changes = [change for change in _walk(old, new, ()) if change.place != "version"]
    return sorted(changes, key=lambda change: change.place)


def _walk(old: Any, new: Any, place: tuple[str, ...]) -> Iterator[Change]:
    if old == new:
        return
    where = ".".join(place)
    if _is_limit(old) and _is_limit(new):
        yield Change(_limit_kind(old, new, place), where, old, new)
    elif isinstance(old, Mapping) and isinstance(new, Mapping) and not {"zh", "en"} <= old.keys():
        yield from _keyed(old, new, place)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, place)
    else:
        yield Change(_scalar_kind(old, new, place), where, old, new)


def _keyed(old: Mapping[str, Any], new: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[Change]:
    for name in [*old, *(name for name in new if name not in old)]:
        here = (*place, name)
        if name not in new:
            yield Change(_absent(name, old[name], "removed"), ".".join(here), old[name], None)
        elif name not in old:
            yield Change(_absent(name, new[name], "added"), ".".join(here), None, new[name])
        else:
            yield from _walk(old[name], new[name], here)


def _lists(old: list[Any], new: list[Any], place: tuple[str, ...]) -> Iterator[Change]:
    key = next((name for name in _KEYED if all(isinstance(one, Mapping) and name in one for one in (*old, *new))), None)
    texts_old, texts_new = _named(old, key), _named(new, key)
    eases = place[-1:] == ("sources",)
    if texts_old.keys() == texts_new.keys() and list(texts_old) != list(texts_new) and texts_old == texts_new:
        yield Change("changed", ".".join(place), list(texts_old), list(texts_new))
    for name, one in texts_old.items():
        here = (*place, name) if key is not None else place
        if name not in texts_new:
            yield Change("harder" if eases else "removed", ".".join(here), one, None)
        elif key is not None:
            yield from _walk(one, texts_new[name], here)
    for name, one in texts_new.items():
        if name not in texts_old:
            here = (*place, name) if key is not None else place
            yield Change("eased" if eases else "added", ".".join(here), None, one)


def _named(parts: list[Any], key: str | None) -> dict[str, Any]:
    """The parts of a list by name: a source's has its resource in it, and what has the name of another has a number."""
    found: dict[str, Any] = {}
    for one in parts:
        name = shown(one, "") if key is None else str(one[key])
        if key == "material" and "resource" in one:
            name = f"{name} <- {one['resource']}"
        number = 2
        while key is not None and name in found:
            name, number = f"{name.partition(' #')[0]} #{number}", number + 1
        found[name] = one
    return found


def _absent(name: str, value: Any, kind: Literal["added", "removed"]) -> Kind:
    """``required`` may be left out where it is true; a time to bring a material, or its source, makes things easier."""
    if name in ("tolerable", "sources"):
        return "eased" if kind == "added" else "harder"
    if name == "required" and isinstance(value, bool):
        return "changed" if value else "eased" if kind == "added" else "harder"
    return kind


def _limit_kind(old: JsonObject, new: JsonObject, place: tuple[str, ...]) -> Kind:
    if old["unit"] != new["unit"]:
        return "changed"
    if place[-1] == "tolerable":
        return "eased" if new["number"] > old["number"] else "harder"
    if any(name in _LESS_IS_EASIER for name in place[-2:]):
        return "eased" if new["number"] < old["number"] else "harder"
    return "changed"


def _scalar_kind(old: Any, new: Any, place: tuple[str, ...]) -> Kind:
    if place[-1] == "amount_cny":
        return "eased" if new < old else "harder"
    if place[-1] == "required" and isinstance(old, bool):
        return "eased" if old else "harder"
    if place[-1] == "quorum":
        return "eased" if new < old else "harder"
    return "changed"


def _is_limit(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"number", "unit"}
