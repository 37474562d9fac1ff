from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tongban_catalog.department import Department
from tongban_catalog.load import Catalog, load_catalog
from tongban_catalog.publish import PublishError, catalog_events, plan
from tongban_schemas.envelope import Event, encode_body
from tongban_schemas.events.catalog import ItemPublished

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 8, tzinfo=UTC)
CATALOG = load_catalog()


def standing(catalog: Catalog = CATALOG) -> dict[str, Event]:
    return {event.subject: event for event in catalog_events(catalog, NOW)}


def test_keys_are_departments_and_item_versions() -> None:
    keys = list(standing())
    assert keys[0] == "department:administrative-approval"
    assert keys[-len(CATALOG.items) :] == [f"item:{item.code}:1" for item in CATALOG.items.values()]
    assert {event.source for event in standing().values()} == {"/catalog"}


def test_ids_come_from_the_content_not_from_the_time() -> None:
    again = {event.subject: event.id for event in catalog_events(CATALOG, LATER)}
    assert again == {key: event.id for key, event in standing().items()}


def test_publishing_the_same_again_writes_nothing() -> None:
    assert {change for _, change in plan(catalog_events(CATALOG, LATER), standing())} == {"same"}


def test_a_definition_survives_the_way_through_kafka() -> None:
    for event in standing().values():
        if isinstance(event.data, ItemPublished):
            assert ItemPublished.model_validate_json(encode_body(event.data)).definition == event.data.definition


def test_a_published_version_never_changes() -> None:
    events = catalog_events(CATALOG, LATER)
    last = events[-1]
    assert isinstance(last.data, ItemPublished)
    definition = {**last.data.definition, "summary": {"zh": "改", "en": "changed"}}
    events[-1] = replace(last, data=ItemPublished(item=last.data.item, definition=definition))
    with pytest.raises(PublishError, match="add one to version"):
        plan(events, standing())


def test_a_department_may_change_its_name() -> None:
    before = CATALOG.departments["ecology"]
    renamed = {**CATALOG.departments, "ecology": Department(before.id, before.uscc, "生态局", "Ecology")}
    planned = plan(catalog_events(Catalog(renamed, CATALOG.items), LATER), standing())
    changed = [event for event, change in planned if change == "changed"]
    assert [(event.subject, event.sequence) for event in changed] == [("department:ecology", 2)]
    assert changed[0].id != standing()["department:ecology"].id
