"""What the sign-in knows is not asked by any item, and an item that asks for it is refused."""

from pathlib import Path
from shutil import copytree

import pytest
from tongban_catalog.check import check_catalog
from tongban_catalog.item import asked_fields
from tongban_catalog.load import PACKAGED, load_catalog

STANDARDS = Path("standards")
PENSION, FOOD = STANDARDS / "pension-transfer.yaml", STANDARDS / "food-business-permit.yaml"
KNOWN = "from_sign_in: {person_name: name, person_id: id_number}\n"
BAD = {
    "a number that the sign-in knows is asked": (PENSION, KNOWN, "", "asks-what-sign-in-knows"),
    "a code that the sign-in knows is asked": (
        FOOD,
        "from_sign_in: {company_uscc: organisation_code}\n",
        "",
        "asks-what-sign-in-knows",
    ),
    "no such answer": (PENSION, "person_name: name,", "no_such: name,", "sign-in-field"),
    "no text": (FOOD, "{company_uscc: ", "{conditions_changed: id_number, company_uscc: ", "sign-in-field"),
    "a name in the clear": (PENSION, "{person_name: name,", "{employer_name: name,", "sign-in-field"),
    "an organisation where only persons apply": (
        PENSION,
        "person_id: id_number}",
        "person_id: organisation_code}",
        "sign-in-field",
    ),
    "something that no sign-in says": (PENSION, "person_name: name,", "person_name: nickname,", "schema"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("catalog") / "root"
    copytree(PACKAGED, root, ignore=lambda _, names: [one for one in names if one.endswith((".py", ".pyc"))])
    for file in (*root.glob("standards/*"), *root.glob("implementations/*/*")):
        if file.stem not in ("food-business-permit", "pension-transfer"):
            file.unlink()
    return root


@pytest.mark.parametrize("name", BAD)
def test_an_item_that_asks_for_what_the_sign_in_knows_is_refused(folder: Path, name: str) -> None:
    file, old, new, rule = BAD[name]
    whole = (folder / file).read_text()
    assert old in whole
    (folder / file).write_text(whole.replace(old, new, 1))
    found = check_catalog(folder)
    (folder / file).write_text(whole)
    assert [one.rule for one in found] == [rule]


def test_no_item_asks_for_the_code_of_who_applies() -> None:
    for item in load_catalog().items.values():
        holder = item.definition.get("holder", {})
        if "code" in holder and not holder.get("another"):
            assert holder["code"] not in asked_fields(item), item.name.en
