"""The words that people know things by, taken from the catalogue. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.item import Item, Limit, Step
from tongban_catalog.resource import Resource
from tongban_runtime.sealing import CaseKeys, SealBrokenError

from tongban_notify.domain import Notification
from tongban_notify.news import Kind, Particulars

_UNITS = {
    "WD": Text("个工作日", "working day"),
    "ND": Text("个自然日", "calendar day"),
    "WH": Text("个工作小时", "working hour"),
    "NH": Text("小时", "hour"),
}
_NOTHING = Text("", "")


@dataclass(frozen=True, slots=True)
class News:
    """What one message tells. ``complete`` is False while the catalogue has not told every name that it needs.

    ``told`` holds what needs no name, and the sealed text.
    """

    kind: Kind
    application: UUID
    happened_at: datetime
    item: Text
    certificate: Text
    step: Text
    department: Text
    fields: tuple[Text, ...]
    materials: tuple[Text, ...]
    procedure: Text
    opinion: Text
    limit: Text
    told: Particulars
    complete: bool
    case_number: str | None = None


def tell(
    notification: Notification,
    item_code: str,
    item: Item | None,
    body: Department | None,
    resource: Resource | None = None,
    case_number: str | None = None,
) -> News:
    """The news in words. ``item``, ``body`` (the department) and ``resource`` are None while the catalogue has not told of them.

    A name that is not known yet is shown by its code, and ``complete`` is then False.
    """
    told = notification.told
    step = item.step(told.step) if item is not None and told.step and item.has_step(told.step) else None
    return News(
        kind=notification.kind,
        application=notification.application,
        happened_at=notification.happened_at,
        item=_code(item_code) if item is None else item.name,
        certificate=_code(item_code) if item is None else item.certificate.name,
        step=_code(told.step) if step is None else step.name,
        department=_code(told.department) if body is None else body.name,
        fields=_of_record(resource, told.fields) if told.resource else _of_form(item, told.fields),
        materials=tuple(_material(item, name) for name in told.materials),
        procedure=_procedure(step, told.procedure),
        opinion=_opinion(step, told.opinion),
        limit=_NOTHING if told.limit is None else length(told.limit),
        told=told,
        case_number=case_number,
        complete=item is not None
        and (told.department is None or body is not None)
        and (told.resource is None or resource is not None),
    )


def length(limit: Limit) -> Text:
    """A length of time in words: ``10个工作日``, ``10 working days``."""
    unit = _UNITS[limit.unit]
    return Text(f"{limit.number}{unit.zh}", f"{limit.number} {unit.en}{'' if limit.number == 1 else 's'}")


def open_text(news: News, keys: CaseKeys | None) -> str | None:
    """The words that stand in the person's own letter; None when there are none, or they do not open, or no keys came."""
    if news.told.text is None or keys is None:
        return None
    for field in news.told.sealed_under:
        try:
            return keys.open(field, news.told.text)
        except SealBrokenError:
            continue
    return None


def _of_form(item: Item | None, names: Iterable[str]) -> tuple[Text, ...]:
    return tuple(_code(name) if item is None else item.form.label(name) for name in names)


def _of_record(resource: Resource | None, names: Iterable[str]) -> tuple[Text, ...]:
    known = [(name, None if resource is None else resource.field(name)) for name in names]
    return tuple(_code(name) if field is None else field.name for name, field in known)


def _material(item: Item | None, name: str) -> Text:
    found = None if item is None else item.material(name)
    return _code(name) if found is None else found.name


def _procedure(step: Step | None, name: str | None) -> Text:
    found = None if step is None or name is None else step.procedure(name)
    return _code(name) if found is None else found.name


def _opinion(step: Step | None, name: str | None) -> Text:
    found = None if step is None or name is None else step.opinion(name)
    return _code(name) if found is None else found.name


def _code(code: str | None) -> Text:
    return Text(code or "", code or "")
