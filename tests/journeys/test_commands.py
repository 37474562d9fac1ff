"""The README's commands as they stand, against the running system: they find it by themselves, and say what they did."""

import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tongban_local.stack import BY_HAND, Stack

pytestmark = pytest.mark.alone

ROOT = Path(__file__).resolve().parents[2]
_README = (ROOT / "README.md").read_text("utf-8")
_SETTINGS = Path(".local/main/settings")
_OPERATORS = [
    command.replace("ITEM", "enterprise-investment-project").replace("FOLDER", "exported").replace(" [--swap]", "")
    for command in re.findall(r"^\|[^|]+\| `python (-m tongban_[^`]+)`", _README, re.M)
]


_DEPARTMENT = re.findall(
    r"^python (.+)$", _README.partition("## 您是部门")[2].partition("```sh\n")[2].partition("```")[0], re.M
)


@pytest.fixture(scope="module")
def folder(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the stack runs, as the project's folder is after `make up`."""
    made = tmp_path_factory.mktemp("project")
    (made / _SETTINGS.parent).mkdir(parents=True)
    (made / _SETTINGS).symlink_to(stack.settings)
    return made


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}


def _run(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, *shlex.split(command)]
    return subprocess.run(
        line, cwd=folder, env=_environment(), capture_output=True, text=True, timeout=120, check=False
    )


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


def test_a_departments_commands_run_as_they_stand(stack: Stack, folder: Path) -> None:
    migrate, run = _DEPARTMENT
    done = _run(folder, migrate)
    assert (done.returncode, done.stderr) == (0, "")
    with subprocess.Popen(
        [sys.executable, *shlex.split(run)], cwd=folder, env=_environment(), stderr=subprocess.PIPE
    ) as own:
        try:
            assert _becomes_ready(f"{stack.url(BY_HAND)}/health/ready")
        finally:
            own.terminate()
            said = own.communicate(timeout=60)[1].decode()
    assert own.returncode == 0, said
    assert '"service.stopped"' in said
    assert "rivals.found" not in said


def _becomes_ready(url: str) -> bool:
    for _ in range(120):
        try:
            return httpx.get(url, trust_env=False).status_code == 200
        except httpx.TransportError:
            time.sleep(0.5)
    return False


def test_settings_files_are_their_owners_alone(stack: Stack) -> None:
    files = list(stack.settings.iterdir())
    assert {".json", ".env"} == {file.suffix for file in files}
    assert len(files) >= 9
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
