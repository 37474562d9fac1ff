import json

import pytest
from tongban_catalog.__main__ import main
from tongban_catalog.item import Item


def test_check_says_what_it_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "2 个事项 items" in capsys.readouterr().out


def test_list_names_every_item(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert capsys.readouterr().out.count("  v1  ") == 2


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
