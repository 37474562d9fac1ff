"""The README's commands as they stand, against the running system: they find it by themselves, and say what they did."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tongban_local.stack import Stack

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]
_SETTINGS = Path(".local/main/settings")
_OPERATORS = [
    command.replace("ITEM", "enterprise-investment-project").replace("FOLDER", "exported").replace(" [--swap]", "")
    for command in re.findall(r"^\|[^|]+\| `python (-m tongban_[^`]+)`", (ROOT / "README.md").read_text("utf-8"), re.M)
]


@pytest.fixture(scope="module")
def folder(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the stack runs, as the project's folder is after `make up`."""
    made = tmp_path_factory.mktemp("project")
    (made / _SETTINGS.parent).mkdir(parents=True)
    (made / _SETTINGS).symlink_to(stack.settings)
    return made


def _run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
    line = [sys.executable, *shlex.split(command)]
    return subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_readme_names_the_operators_commands() -> None:
    assert [command.split()[1:3] for command in _OPERATORS] == [
        ["tongban_catalog", "impact"],
        ["tongban_intake", "rebuild"],
        ["tongban_intake", "exchange"],
        ["tongban_intake", "erase"],
        ["tongban_intake", "ledger"],
    ]


@pytest.mark.parametrize("command", _OPERATORS)
def test_an_operators_command_finds_the_system(command: str, folder: Path) -> None:
    done = _run(folder, command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr


def test_settings_files_are_their_owners_alone(stack: Stack) -> None:
    files = list(stack.settings.rglob("*.json"))
    assert len(files) >= 5
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
