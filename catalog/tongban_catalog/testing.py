"""For tests: a catalogue whose departments have keys, and events with the acts that their bodies would have signed."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from tongban_runtime.acts import digest
from tongban_runtime.testing.acts import public_keys, signer
from tongban_schemas.envelope import Event
from tongban_schemas.types import CHINA

from tongban_catalog.acting import ACTS, ordinal
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_catalog.parts import NoDepartmentError
from tongban_catalog.speakers import submission_of


def keyed(catalog: Catalog) -> Catalog:
    """The catalogue with the public keys that tests give its departments."""
    bodies = {name: replace(one, keys=tuple(public_keys(name))) for name, one in catalog.departments.items()}
    return replace(catalog, departments=bodies)


def signed(events: Iterable[Event], item: Item, usccs: Mapping[str, str]) -> list[Event]:
    """The events of one case; those that are formal acts and have none carry one, as their department would have signed it.

    ``usccs``: the unified social credit code of each department. An acceptance that is deemed, and what is said by nobody in the
    catalogue, stays without.
    """
    told = list(events)
    sent: Any = submission_of(told)
    answers = {} if sent is None else sent.data.answers
    return [_signed(event, item, answers, usccs) for event in told]


def _signed(event: Event, item: Item, answers: Mapping[str, Any], usccs: Mapping[str, str]) -> Event:
    data: Any = event.data
    rule = ACTS.get(event.type)
    if rule is None or data.act is not None or (getattr(data, "deemed", False) and not hasattr(data, "step")):
        return event
    step = getattr(data, "step", None)
    try:
        body = getattr(data, "department", None) or item.acceptance.department_of(answers)
    except NoDepartmentError:
        return event
    if body not in usccs or (step is not None and not item.has_step(step)):
        return event
    content: dict[str, Any] = {"item": item.code, **rule.content(data)}
    if step is not None:
        content["step"] = step
    if rule.text is not None:
        content["texts"] = [digest(getattr(data, rule.text))]
    if rule.kind == "grant":
        content |= {"says": data.fields, "texts": [digest(text) for _, text in sorted(data.sealed.items())]}
    act = signer([body]).sign(
        body,
        usccs[body],
        rule.kind,
        case_number=None,
        subject=event.subject,
        at=event.time.astimezone(CHINA),
        ordinal=ordinal(item, step, getattr(data, "round", 1)),
        content=content,
    )
    return replace(event, data=data.model_copy(update={"act": act}))
