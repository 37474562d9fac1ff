"""``python -m tongban_schemas check | export | docs <folder>``: hold, publish and document the contract."""

import argparse
import sys
from pathlib import Path

from tongban_schemas.asyncapi import asyncapi_yaml
from tongban_schemas.checks import Contract, file_problems, problems
from tongban_schemas.events import EVENTS
from tongban_schemas.examples import load_examples, payloads
from tongban_schemas.reference import events_page
from tongban_schemas.revisions import IncompatibleChangeError, export


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tongban_schemas", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("check", help="检查契约 · check the contract; ends with 1 when a rule is broken")
    commands.add_parser("export", help="发布新修订 · publish a new revision of every event that changed compatibly")
    docs = commands.add_parser("docs", help="生成文档 · write asyncapi.yaml and events.md")
    docs.add_argument("folder", type=Path)
    chosen = parser.parse_args(arguments)
    if chosen.command == "check":
        return _say([*problems(Contract()), *file_problems()], failed=True)
    if chosen.command == "docs":
        chosen.folder.mkdir(parents=True, exist_ok=True)
        (chosen.folder / "asyncapi.yaml").write_text(asyncapi_yaml(), encoding="utf-8")
        (chosen.folder / "events.md").write_text(events_page(), encoding="utf-8")
        return 0
    try:
        return _say(export(EVENTS, payloads(load_examples())), failed=False)
    except IncompatibleChangeError as error:
        return _say([str(error)], failed=True)


def _say(lines: list[str], *, failed: bool) -> int:
    (sys.stderr if failed else sys.stdout).writelines(f"{line}\n" for line in lines)
    return 1 if failed and lines else 0


if __name__ == "__main__":
    sys.exit(main())
