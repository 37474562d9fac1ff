"""Rules that the source itself must keep, each with the accident behind it."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PRODUCERS = {"runtime/tongban_runtime/relay.py", "catalog/tongban_catalog/publish.py"}


def _files(*suffixes: str) -> Iterator[Path]:
    """Files that git keeps."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in map(ROOT.joinpath, listed.splitlines()):
        if path.is_file() and path.suffix in suffixes:
            yield path


def _product() -> Iterator[tuple[str, ast.Module]]:
    for path in _files(".py"):
        name = path.relative_to(ROOT).as_posix()
        if "/tests/" not in f"/{name}" and not name.startswith(("bench/", "conftest")):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def _called(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_only_the_relay_and_the_catalogue_command_produce() -> None:
    """A second way to Kafka publishes facts that no transaction made true."""
    producers = {name for name, tree in _product() if {"AIOKafkaProducer", "Producer"} & set(_called(tree))}
    assert producers == _PRODUCERS


def test_services_commit_only_at_the_edge() -> None:
    """A store that commits splits an effect from its position."""
    offenders = []
    for name, tree in _product():
        if name.startswith("services/") and Path(name).name in {"store.py", "handlers.py", "domain.py"}:
            offenders += [f"{name}: {call}" for call in _called(tree) if call in {"transaction", "acquire", "commit"}]
    assert offenders == []


def test_logs_go_through_the_closed_vocabulary() -> None:
    """A free log line is where a name or a number leaks."""
    levels = {"debug", "info", "warning", "error", "critical", "log"}
    offenders = [
        f"{name}:{node.lineno}"
        for name, tree in _product()
        if name.startswith("services/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in levels
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "logs")
    ]
    assert offenders == []


def test_files_stay_small() -> None:
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines()) for path in _files(".py")}
    limits = {name: 500 if "tests/" in name else 400 for name in lengths}
    assert {name: length for name, length in lengths.items() if length > limits[name]} == {}


def test_names_say_something() -> None:
    vague = re.compile(r"(^|_)(utils?|helpers?|common|misc|manager)(_|$)")
    assert [path.name for path in _files(".py") if vague.search(path.stem)] == []


def test_no_test_is_skipped_or_mocked() -> None:
    """A skipped test and a mock both let a broken promise pass."""
    banned = re.compile(r"pytest\.(skip|importorskip|mark\.(skip|xfail))|MagicMock|AsyncMock|mock\.patch")
    here = Path(__file__)
    offenders = [path.name for path in _files(".py") if path != here and banned.search(path.read_text("utf-8"))]
    assert offenders == []


def test_nothing_depends_on_one_machine() -> None:
    banned = re.compile(r"(?<![\w.])/(work|root|home/[a-z]+)/|pythonhosted|registry\.npmjs|repo1?\.maven")
    here = Path(__file__)
    offenders = [
        path.relative_to(ROOT).as_posix()
        for path in _files(".py", ".md", ".toml", ".yaml", ".yml", ".sh", ".xml", ".lock", ".json", "")
        if path != here and banned.search(path.read_text("utf-8", errors="replace"))
    ]
    assert offenders == []
