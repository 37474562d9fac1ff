"""A standard and its implementation make one item, and every part of it is traced to the file that says it."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from tongban_catalog.compose import compose, origin
from tongban_catalog.item import Item
from tongban_catalog.load import (
    PACKAGED,
    implementation_files,
    item_names,
    load_catalog,
    load_standards,
    with_keys,
)
from tongban_catalog.problem import places
from tongban_catalog.source import Place, read_source

STANDARDS = load_standards()
FILES = {"/".join(file.parts[-2:]): file for file in implementation_files(PACKAGED)}
NAME = "990000/enterprise-investment-project.yaml"


def pair(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    implementation = read_source(FILES[name]).data
    implements = implementation["implements"]
    standard = STANDARDS[implements["standard"], implements["version"]].data
    return deepcopy(standard), deepcopy(implementation)


def at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


@pytest.mark.parametrize("name", FILES)
def test_every_value_of_an_item_stands_where_it_is_traced_to(name: str) -> None:
    standard, implementation = pair(name)
    for place, value in places(compose(standard, implementation)):
        if not isinstance(value, dict | list):
            whose, there = origin(standard, implementation, place)
            assert at(standard if whose == "standard" else implementation, there) == value, place


def step_ids(definition: dict[str, Any]) -> list[str]:
    return [step["id"] for step in definition["steps"]]


def test_local_steps_are_there_when_they_are_adopted() -> None:
    standard, implementation = pair(NAME)
    with_all = compose(standard, implementation)
    assert {"WS", "GA", "WH"} < set(step_ids(with_all))
    assert all("local" not in step for step in with_all["steps"])
    bare = {**implementation, "adopts": ["GA"]}
    bare["promised"] = {name: one for name, one in implementation["promised"].items() if name not in ("WS", "WH")}
    without = compose(standard, bare)
    assert set(step_ids(with_all)) - set(step_ids(without)) == {"WS", "WH"}
    works = next(step for step in without["steps"] if step["id"] == "SG")
    assert not {"WS", "WH"} & {need["step"] for need in works["needs"]}
    assert "habit-health" in with_all["bases"]
    assert "habit-health" not in without["bases"]
    for place, value in places(without):
        if not isinstance(value, dict | list):
            whose, there = origin(standard, bare, place)
            assert at(standard if whose == "standard" else bare, there) == value, place


def test_fees_and_substitutions_of_the_place() -> None:
    standard, implementation = pair(NAME)
    text = {"zh": "工本费", "en": "copies"}
    standard["fees"] = [
        {"id": "copies", "name": text, "amount_cny": 10, "basis": ["planning-40"]},
        {"id": "seal", "name": text, "amount_cny": 20, "basis": ["planning-40"]},
    ]
    standard["substitutions"] = [{"material": "impact-report", "by": text, "basis": ["impact-22"]}]
    implementation["fees"] = {"copies": 0}
    implementation["substitutions"] = [{"material": "design-scheme", "by": text, "basis": ["here"]}]
    implementation["laws"] = {"local": {"zh": "本地条例", "en": "Local regulation"}}
    implementation["bases"] = {"here": {"law": "local", "article": "3", "says": text}}
    item = Item.from_definition(compose(standard, implementation))
    assert [(fee.id, fee.amount_cny) for fee in item.fees] == [("copies", 0), ("seal", 20)]
    assert [one.material for one in item.substitutions] == ["impact-report", "design-scheme"]
    assert origin(standard, implementation, ("fees", 0, "amount_cny")) == ("implementation", ("fees", "copies"))
    assert origin(standard, implementation, ("fees", 1, "amount_cny")) == ("standard", ("fees", 1, "amount_cny"))
    assert origin(standard, implementation, ("substitutions", 1)) == ("implementation", ("substitutions", 0))
    assert origin(standard, implementation, ("bases", "here", "law")) == ("implementation", ("bases", "here", "law"))


def test_the_item_names_its_standard_place_and_days() -> None:
    item = Item.from_definition(compose(*pair(NAME)))
    assert item.standard is not None
    assert (item.standard.code, item.standard.version) == ("000100001000", 1)
    assert item.region == "990000"
    assert item.effective_from is not None
    assert not item.in_force(item.effective_from.replace(year=2000))
    assert item.in_force(item.effective_from)


def test_one_name_in_two_regions_is_short_in_the_last() -> None:
    files = [Path("implementations") / region / "x.yaml" for region in ("990000", "980000")]
    assert item_names([*files, Path("implementations/980000/y.yaml")]) == {
        files[1]: "980000/x",
        files[0]: "x",
        Path("implementations/980000/y.yaml"): "y",
    }


def test_public_keys_come_from_files_and_private_ones_are_refused(tmp_path: Path) -> None:
    catalog = load_catalog()
    key = {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}
    (tmp_path / "ecology.json").write_text(json.dumps(key), encoding="utf-8")
    (tmp_path / "nobody.json").write_text("{}", encoding="utf-8")
    keyed = with_keys(catalog, tmp_path)
    assert keyed.departments["ecology"].keys == (key,)
    assert keyed.departments["heritage"].keys == ()
    for wrong in (json.dumps({**key, "d": "secret"}), "[1]", "{"):
        (tmp_path / "ecology.json").write_text(wrong, encoding="utf-8")
        with pytest.raises(ValueError, match=r"ecology\.json"):
            with_keys(catalog, tmp_path)
