"""Publishing: a revision is added when the rules changed compatibly, and no published file ever changes."""

import json
import subprocess
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import Field
from tongban_schemas.__main__ import main
from tongban_schemas.envelope import EventData
from tongban_schemas.revisions import (
    PINS,
    IncompatibleChangeError,
    export,
    history_problems,
    load_revisions,
    pin_problems,
)

TYPE = "cn.tongban.example.made.v1"


class Made(EventData):
    """An example."""

    TYPE: ClassVar[str] = TYPE
    TOPIC: ClassVar[str] = "tongban.examples.v1"

    colour: Literal["red", "blue"]


class MadeReworded(Made):
    """An example, said in other words."""

    colour: Literal["red", "blue"] = Field(description="The colour.")


class MadeWider(Made):
    """An example with one more colour."""

    colour: Literal["red", "blue", "green"]  # type: ignore[assignment]


class MadeNarrower(Made):
    """An example with one colour less."""

    colour: Literal["red"]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    added = export({TYPE: Made}, {TYPE: [{"colour": "red"}]}, tmp_path)
    assert added == [f"{TYPE}/1.json: first revision."]
    return tmp_path


def test_an_unchanged_or_reworded_event_adds_nothing(published: Path) -> None:
    assert export({TYPE: Made}, {TYPE: []}, published) == []
    assert export({TYPE: MadeReworded}, {TYPE: []}, published) == []


def test_a_compatible_change_adds_a_revision_and_leaves_the_old_one(published: Path) -> None:
    before = (published / TYPE / "1.json").read_bytes()
    (line,) = export({TYPE: MadeWider}, {TYPE: [{"colour": "green"}]}, published)
    assert line.startswith(f"{TYPE}/2.json: {TYPE}: colour: also allows green. Roll out consumers first")
    assert (published / TYPE / "1.json").read_bytes() == before
    assert [revision.examples for revision in load_revisions(published)[TYPE]] == [
        [{"colour": "red"}],
        [{"colour": "green"}],
    ]
    assert pin_problems(published) == []
    assert len((published / PINS).read_text().splitlines()) == 2


def test_a_breaking_change_is_refused_and_writes_nothing(published: Path) -> None:
    with pytest.raises(IncompatibleChangeError, match=r"no longer allows blue.*publish cn\.tongban\.example\.made\.v2"):
        export({TYPE: MadeNarrower}, {TYPE: []}, published)
    assert sorted(path.name for path in (published / TYPE).iterdir()) == ["1.json"]


def test_revisions_are_read_in_number_order(published: Path) -> None:
    schema = (published / TYPE / "1.json").read_text()
    for number in range(2, 12):
        (published / TYPE / f"{number}.json").write_text(schema)
    assert [revision.number for revision in load_revisions(published)[TYPE]] == list(range(1, 12))


def test_published_files_are_pinned(published: Path) -> None:
    path = published / TYPE / "1.json"
    schema = json.loads(path.read_text())
    path.write_text(json.dumps(schema))
    assert "a published revision was changed" in pin_problems(published)[0]
    path.rename(path.with_name("2.json"))
    removed, added = pin_problems(published)
    assert "1.json: a published revision was removed" in removed
    assert "2.json: not in SHA256SUMS" in added


def _git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_files_of_the_merge_base_never_change_even_with_their_pin(published: Path) -> None:
    assert history_problems(published) == []
    _git(published, "init", "-q", "-b", "main")
    assert history_problems(published) == []
    _git(published, "add", ".")
    _git(published, "commit", "-qm", "publish")
    _git(published, "checkout", "-qb", "change")
    export({TYPE: MadeWider}, {TYPE: [{"colour": "green"}]}, published)
    assert history_problems(published) == []
    path = published / TYPE / "1.json"
    path.write_text(path.read_text() + "\n")
    _git(published, "commit", "-qam", "rewrite")
    assert history_problems(published) == [f"{TYPE}/1.json: was published before this branch and never changes"]
    path.unlink()
    assert history_problems(published) == [f"{TYPE}/1.json: was published before this branch and never changes"]


def test_the_command_checks_exports_and_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert main(["export"]) == 0
    assert main(["docs", str(tmp_path / "reference")]) == 0
    assert sorted(path.name for path in (tmp_path / "reference").iterdir()) == ["asyncapi.yaml", "events.md"]
    assert capsys.readouterr() == ("", "")
