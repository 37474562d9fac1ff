"""The words that people know things by, taken from the catalogue. Pure."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.item import Item

from tongban_notify.domain import Kind


@dataclass(frozen=True, slots=True)
class News:
    """What one message tells. ``complete`` is False while the catalogue has not told every name that it needs."""

    kind: Kind
    application: UUID
    happened_at: datetime
    item: Text
    certificate: Text
    step: Text
    department: Text
    fields: tuple[Text, ...]
    complete: bool


def tell(
    *,
    kind: Kind,
    application: UUID,
    happened_at: datetime,
    step: str | None,
    department: str | None,
    fields: tuple[str, ...],
    item_code: str,
    item: Item | None,
    body: Department | None,
) -> News:
    """The news in words. ``item`` and ``body`` (the department) are None while the catalogue has not told of them.

    A name that is not known yet is shown by its code, and ``complete`` is then False.
    """
    return News(
        kind=kind,
        application=application,
        happened_at=happened_at,
        item=_code(item_code) if item is None else item.name,
        certificate=_code(item_code) if item is None else item.certificate.name,
        step=item.step(step).name if item is not None and step and item.has_step(step) else _code(step),
        department=_code(department) if body is None else body.name,
        fields=tuple(_code(name) if item is None else item.form.label(name) for name in fields),
        complete=item is not None and (department is None or body is not None),
    )


def _code(code: str | None) -> Text:
    return Text(code or "", code or "")
