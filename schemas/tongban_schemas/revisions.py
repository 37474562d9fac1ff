"""The published JSON Schemas: ``published/<type>/<revision>.json``, append-only.

A revision holds the rules of one compatible state of a major version and, under ``examples``, payloads that writers of
that time wrote. ``SHA256SUMS`` pins every file: a revision once published never changes.
"""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tongban_schemas.compatibility import advice, compare
from tongban_schemas.envelope import EventData
from tongban_schemas.json_schema import payload_schema, rules
from tongban_schemas.types import JsonObject

PUBLISHED = Path(__file__).parent / "published"
PINS = "SHA256SUMS"


class IncompatibleChangeError(ValueError):
    """A changed event that may not follow its published revisions. The message says what to do instead."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One published schema; ``number`` counts 1, 2, 3 ... within the event type."""

    type: str
    number: int
    schema: JsonObject

    @property
    def examples(self) -> list[JsonObject]:
        found: list[JsonObject] = self.schema["examples"]
        return found


def load_revisions(folder: Path = PUBLISHED) -> dict[str, list[Revision]]:
    """Every published revision by event type, oldest first."""
    found: dict[str, list[Revision]] = {}
    for path in _files(folder):
        schema = json.loads(path.read_text(encoding="utf-8"))
        found.setdefault(path.parent.name, []).append(Revision(path.parent.name, int(path.stem), schema))
    return {event_type: sorted(found[event_type], key=lambda revision: revision.number) for event_type in sorted(found)}


def export(
    models: Mapping[str, type[EventData]], examples: Mapping[str, Sequence[JsonObject]], folder: Path = PUBLISHED
) -> list[str]:
    """Publish a new revision of every event whose rules changed, and pin it. Returns one line per revision added.

    ``examples`` holds payloads by event type. Raises `IncompatibleChangeError` before anything is written.
    """
    published = load_revisions(folder)
    added: list[tuple[Path, JsonObject, str]] = []
    refused: list[str] = []
    for event_type, model in models.items():
        schema = payload_schema(model)
        earlier = published.get(event_type, [])
        if earlier and rules(earlier[-1].schema) == rules(schema):
            continue
        changes = compare(earlier[-1].schema, schema) if earlier else []
        text = advice(event_type, changes) if changes else "first revision."
        if any(change.verdict == "breaking" for change in changes):
            refused.append(text)
            continue
        path = folder / event_type / f"{len(earlier) + 1}.json"
        added.append((path, {**schema, "examples": list(examples[event_type])}, text))
    if refused:
        raise IncompatibleChangeError("\n".join(refused))
    for path, schema, _ in added:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if added:
        pins = _pins(folder) | {_name(folder, path): _digest(path) for path, _, _ in added}
        lines = [f"{digest}  {name}\n" for name, digest in sorted(pins.items())]
        (folder / PINS).write_text("".join(lines), encoding="utf-8")
    return [f"{_name(folder, path)}: {text}" for path, _, text in added]


def pin_problems(folder: Path = PUBLISHED) -> list[str]:
    """Published files that were changed, removed or added by hand, against ``SHA256SUMS``."""
    pins = _pins(folder)
    present = {_name(folder, path): path for path in _files(folder)}
    restore = "restore it from history and run `python -m tongban_schemas export`"
    problems = [f"{name}: a published revision was removed; {restore}" for name in sorted(pins.keys() - present.keys())]
    for name, path in sorted(present.items()):
        if name not in pins:
            problems.append(f"{name}: not in {PINS}; revisions are made by `python -m tongban_schemas export`")
        elif pins[name] != _digest(path):
            problems.append(f"{name}: a published revision was changed; {restore}")
    return problems


def history_problems(folder: Path = PUBLISHED, base: str = "main") -> list[str]:
    """Published files that differ from the merge base with ``base``. Empty where there is no git history to ask."""
    start = _git(folder, "merge-base", "HEAD", f"origin/{base}") or _git(folder, "merge-base", "HEAD", base)
    if not start:
        return []
    changed = _git(folder, "diff", "--name-only", "--no-renames", "--diff-filter=a", start, "--", "*/*.json")
    return [f"{name}: was published before this branch and never changes" for name in changed.splitlines()]


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.json"))


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _pins(folder: Path) -> dict[str, str]:
    path = folder / PINS
    if not path.exists():
        return {}
    pairs = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in pairs}
