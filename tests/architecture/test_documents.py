"""What the documents promise must exist: the tests that guarantees name, the commands that the README gives, the links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_GUARANTEES = (ROOT / "docs/guarantees.md").read_text("utf-8")
_NAMED = re.findall(r"`([\w/]+/tests/[\w/]+\.py|tests/[\w/]+\.py)(?:::(\w+))?`", _GUARANTEES)
_PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def test_every_guarantee_names_a_test() -> None:
    rows = [
        line for line in _GUARANTEES.splitlines() if line.startswith("| ") and not line.startswith(("| What", "|--"))
    ]
    assert len(rows) >= 20
    assert [row for row in rows if "`" not in row] == []


@pytest.mark.parametrize(("file", "function"), _NAMED)
def test_the_named_tests_exist(file: str, function: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert not function or re.search(rf"def {function}\b", text)


def test_the_readme_gives_commands_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text("utf-8"))) <= targets


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
