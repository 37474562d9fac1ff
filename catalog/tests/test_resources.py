"""Information resources: what a definition becomes, and what keeps one from being published."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree

import pytest
from tongban_catalog.check import check_departments, check_resources
from tongban_catalog.codes import uscc_is_valid
from tongban_catalog.load import PACKAGED, load_catalog
from tongban_catalog.publish import catalog_events, plan
from tongban_catalog.resource import Resource, ResourceDefinitionError
from tongban_schemas.envelope import encode_body
from tongban_schemas.events.catalog import ResourcePublished
from tongban_schemas.types import Limit

NOON = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CATALOG = load_catalog()
PERMIT = CATALOG.resources["residence-permit-99"]
TAX = CATALOG.resources["tax-payment-99"]
RESOURCE = Path("resources/residence-permit-99.yaml")
CLASS_NONE = Path("resources/juvenile-record-99.yaml")
CONDITIONAL = Path("resources/tax-payment-99.yaml")
STORE = Path("resources/tobacco-permit-99.yaml")

BAD = {
    "an unknown department": (
        RESOURCE,
        "provider: public-security",
        "provider: police",
        "unknown-department",
        "police",
    ),
    "a code of another category": (RESOURCE, "code: 30200101/", "code: 30200102/", "resource-code", "30200101/"),
    "no code": (RESOURCE, "code: 30200101/000001", "code: one", "schema", "code"),
    "the name of another": (RESOURCE, "id: residence-permit-99", "id: permits", "resource-file", "permits.yaml"),
    "a field twice": (RESOURCE, "{id: address,", "{id: holder_name,", "duplicate-field", "holder_name"),
    "an unknown type": (RESOURCE, "type: date", "type: day", "schema", "string, date"),
    "a misspelt key": (RESOURCE, "holder: citizen", "holdre: citizen", "schema", "Did you mean holder"),
    "values of a boolean": (RESOURCE, "type: boolean}", "type: boolean, values: [a]}", "resource-values", "string"),
    "open although personal": (RESOURCE, "open: none", "open: full", "resource-open", "personal"),
    "an unknown relation": (RESOURCE, "related: [household-register]", "related: [x1]", "unknown-resource", "x1"),
    "the class none without a law": (
        CLASS_NONE,
        '  basis:\n    - law: {zh: 刑事诉讼法, en: Criminal Procedure Law}\n      article: "286"\n      says:\n',
        "  condition:\n",
        "resource-without-law",
        "article of a law",
    ),
    "a condition without its class": (CONDITIONAL, "kind: conditional", "kind: unconditional", "sharing-condition", ""),
    "a code that there is": (
        RESOURCE,
        "code: 30200101/000001\ncategory: 3-02-001-01",
        "code: 30200901/000001\ncategory: 3-02-009-01",
        "duplicate-resource",
        "30200901/000001",
    ),
    "a kind that is no kind": (STORE, "certificate: 1199", "certificate: 0199", "uscc", "0199"),
    "a kind that is too short": (STORE, "182H001", "182H01", "schema", "certificate"),
    "a register that is a store": (
        RESOURCE,
        "format:",
        "certificate: 11990000000000182H001\nformat:",
        "certificate-field",
        "",
    ),
    "a store of people's names": (STORE, "type: date}", "type: date, personal: true}", "certificate-field", "personal"),
    "a store that is not sure": (STORE, "open: none", "open: none\ngrade: B", "certificate-grade", "grade A"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("catalog") / "root"
    copytree(PACKAGED, root, ignore=lambda _, names: [one for one in names if one.endswith((".py", ".pyc"))])
    return root


@pytest.mark.parametrize("name", BAD)
def test_a_bad_resource_is_refused_with_its_rule(name: str, folder: Path) -> None:
    file, old, new, rule, said = BAD[name]
    content = (folder / file).read_text(encoding="utf-8")
    assert old in content, "the mutation no longer fits the file"
    (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    try:
        departments, _ = check_departments(folder / "departments.yaml")
        _, problems = check_resources(folder, departments)
    finally:
        (folder / file).write_text(content, encoding="utf-8")
    found = [one for one in problems if one.rule == rule and said in str(one)]
    assert [one for one in found if one.file.parent.name == "resources"], [str(one) for one in problems]


def test_a_definition_becomes_a_resource() -> None:
    assert PERMIT.provider == "public-security"
    assert PERMIT.personal == {"permit_number", "holder_name", "address"}
    assert PERMIT.covers(["address", "valid_until"])
    assert not PERMIT.covers(["address", "salary"])
    assert (PERMIT.sharing.kind, PERMIT.sharing.answer, PERMIT.grade) == (
        "unconditional",
        Limit(number=1, unit="WD"),
        "A",
    )
    assert (TAX.sharing.kind, TAX.sharing.answer) == ("conditional", Limit(number=10, unit="WD"))
    assert TAX.sharing.condition is not None
    assert CATALOG.resources["juvenile-record-99"].sharing.basis[0].article == "286"


def test_what_is_personal_is_split_off_as_text() -> None:
    plain, personal = PERMIT.split_personal({"address": "示范街道", "both_permits_valid": True, "salary": 3})
    assert plain == {"both_permits_valid": True}
    assert personal == {"address": "示范街道", "salary": "3"}
    assert Resource.split_personal(CATALOG.resources["juvenile-record-99"], {"sealed": True})[1] == {"sealed": "true"}


@pytest.mark.parametrize(
    ("resource", "field", "good", "bad"),
    [
        ("residence-permit-99", "valid_until", "2026-12-31", "2026-2-31"),
        ("residence-permit-99", "both_permits_valid", True, "true"),
        ("social-insurance-99", "months", 30, True),
        ("home-right-99", "kind", "leased", "castle"),
    ],
)
def test_a_field_knows_what_it_takes(resource: str, field: str, good: object, bad: object) -> None:
    found = CATALOG.resources[resource].field(field)
    assert found is not None
    assert found.takes(good)
    assert not found.takes(bad)


@pytest.mark.parametrize("key", ["id", "fields", "sharing", "published_on", "holder"])
def test_what_is_no_resource_says_so(key: str) -> None:
    definition = deepcopy(PERMIT.definition)
    del definition[key]
    with pytest.raises(ResourceDefinitionError, match="not usable"):
        Resource.from_definition(definition)


def test_resources_are_published_before_items_and_may_change() -> None:
    events = catalog_events(CATALOG, NOON)
    keys = [event.subject for event in events]
    assert keys.index("resource:household-register") < min(keys.index(one) for one in keys if one.startswith("item:"))
    published = {event.subject: event for event in events}
    data = published["resource:tax-payment-99"].data
    assert isinstance(data, ResourcePublished)
    assert ResourcePublished.model_validate_json(encode_body(data)).definition == TAX.definition
    daily = Resource.from_definition({**TAX.definition, "update": {"zh": "每日", "en": "every day"}})
    changed = replace(CATALOG, resources={**CATALOG.resources, daily.id: daily})
    planned = plan(catalog_events(changed, NOON), published)
    assert [(one.subject, one.sequence) for one, kind in planned if kind == "changed"] == [
        ("resource:tax-payment-99", 2)
    ]


def test_the_national_register_belongs_to_no_region() -> None:
    body = CATALOG.departments[CATALOG.resources["household-register"].provider]
    assert body.region is None
    assert uscc_is_valid(body.uscc)
