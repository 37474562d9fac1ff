import json
from pathlib import Path

import pytest
from tongban_catalog.__main__ import main
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog

ITEMS = load_catalog().items


def test_check_says_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert f"{len(ITEMS)} 个事项 items" in capsys.readouterr().out


def test_list_names_every_item(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count("  v1  ") == len(ITEMS)


def test_show_prints_text_json_and_a_drawing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "credit-repair"]) == 0
    assert "XF" in capsys.readouterr().out
    assert main(["show", "credit-repair", "--json"]) == 0
    assert Item.from_definition(json.loads(capsys.readouterr().out)).has_step("XF")
    assert main(["show", "credit-repair", "--graph"]) == 0
    assert capsys.readouterr().out.startswith("flowchart LR")


def test_show_of_no_item_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "nothing"]) == 1
    assert "enterprise-investment-project" in capsys.readouterr().err


def test_publish_without_an_address_says_which_setting(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TONGBAN_KAFKA", raising=False)
    assert main(["publish"]) == 2
    assert "TONGBAN_KAFKA" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["impact", "credit-repair"], ["diff", "credit-repair"]])
def test_what_reads_kafka_says_which_setting_it_needs(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TONGBAN_KAFKA", raising=False)
    assert main(command) == 2
    assert "TONGBAN_KAFKA" in capsys.readouterr().err


def test_diff_compares_with_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    definition = {**ITEMS["credit-repair"].definition, "version": 2}
    file = tmp_path / "old.json"
    file.write_text(json.dumps(definition), encoding="utf-8")
    assert main(["diff", "credit-repair", str(file)]) == 0
    assert "没有变更 / no change" in capsys.readouterr().out
    definition["summary"] = {"zh": "旧", "en": "old words"}
    file.write_text(json.dumps(definition), encoding="utf-8")
    assert main(["diff", "credit-repair", str(file)]) == 0
    assert "changed summary: 旧 / old words → " in capsys.readouterr().out
    assert main(["diff", "credit-repair", str(tmp_path / "none.json")]) == 1
    assert "none.json" in capsys.readouterr().err


def test_diff_compares_two_items(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "credit-repair", "credit-repair"]) == 0
    assert "no change" in capsys.readouterr().out


def test_export_prints_one_item_or_all(capsys: pytest.CaptureFixture[str]) -> None:
    def services() -> int:
        graph = json.loads(capsys.readouterr().out)["@graph"]
        return sum(node["@type"] == "cpsv:PublicService" for node in graph)

    assert main(["export", "--jsonld", "credit-repair"]) == 0
    assert services() == 1
    assert main(["export", "--jsonld"]) == 0
    assert services() == len(ITEMS)


def test_figures_count_what_is_asked_and_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figures"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(ITEMS)
    assert main(["figures", "primary-school-enrolment", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["materials"]["brought"] == []
    assert len(told["fields"]["fetched"]) == 8
