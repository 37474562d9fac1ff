"""What `diff` says about two versions of an item."""

from copy import deepcopy
from typing import Any

from tongban_catalog.difference import diff
from tongban_catalog.load import load_catalog

OLD = load_catalog().items["enterprise-investment-project"].definition


def changed() -> dict[str, Any]:
    new = deepcopy(OLD)
    new["version"] = 2
    return new


def step(definition: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(part for part in definition["steps"] if part["id"] == name)
    return found


def test_the_same_definition_has_no_changes() -> None:
    assert diff(OLD, changed()) == []


def test_a_shorter_promise_is_eased_and_a_longer_one_harder() -> None:
    new = changed()
    step(new, "YD")["limit"]["promised"] = {"number": 2, "unit": "WD"}
    step(new, "GC")["limit"]["promised"] = {"number": 12, "unit": "WD"}
    told = {change.place: (change.kind, change.said.en) for change in diff(OLD, new)}
    assert told == {
        "steps.YD.limit.promised": ("eased", "eased steps.YD.limit.promised: 3 WD → 2 WD"),
        "steps.GC.limit.promised": ("harder", "harder steps.GC.limit.promised: 10 WD → 12 WD"),
    }


def test_what_comes_and_goes_is_named_by_its_id() -> None:
    new = changed()
    gone = new["materials"].pop()
    new["materials"].append({**gone, "id": "site-photo"})
    new["form"]["required"].remove("traffic_impact")
    told = [(change.kind, change.place) for change in diff(OLD, new)]
    assert told == [
        ("removed", "form.required"),
        ("removed", f"materials.{gone['id']}"),
        ("added", "materials.site-photo"),
    ]


def test_a_need_is_named_by_its_step() -> None:
    new = changed()
    step(new, "SG")["needs"] = [need for need in step(new, "SG")["needs"] if need["step"] != "WH"]
    assert [(change.kind, change.place) for change in diff(OLD, new)] == [("removed", "steps.SG.needs.WH")]


def test_materials_that_may_be_left_out_or_come_later_are_eased() -> None:
    new = changed()
    new["materials"][0]["required"] = False
    new["materials"][1]["tolerable"] = {"number": 10, "unit": "WD"}
    new["materials"][1].pop("required", None)
    told = {change.place.rsplit(".", 1)[-1]: change.kind for change in diff(OLD, new)}
    assert told["required"] == "eased"
    assert told["tolerable"] == "eased"
    assert {change.kind for change in diff(new, OLD)} == {"harder"}


def test_words_are_one_change() -> None:
    new = changed()
    new["name"] = {"zh": "另一个", "en": "Another"}
    (change,) = diff(OLD, new)
    assert (change.kind, change.place) == ("changed", "name")
    assert "另一个 / Another" in change.said.zh
