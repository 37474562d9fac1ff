"""From the facts of a case to what stands on its certificate. Pure, but for the opening of sealed values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.printed import SUBJECT_FIELD
from tongban_schemas.events.approvals import grant_field
from tongban_schemas.types import JsonObject

from tongban_certificates.document import Bilingual, CertificateContent, DecisionLine, SaidLine
from tongban_certificates.domain import CHINA, CaseFacts, DueCertificate, Grant

OpenSealed = Callable[[str, str], str]
"""(field, sealed value) -> the value. Raises `SealBrokenError`."""


class NoHolderError(ValueError):
    """The item names no holder, or the answers leave the name empty: ``about`` is the item's code, or the answer's field."""

    def __init__(self, about: str, message: str) -> None:
        super().__init__(message)
        self.about = about


class UnknownDepartmentError(ValueError):
    """The catalogue has not registered a department that the certificate has to name."""

    def __init__(self, department: str) -> None:
        super().__init__(f"the catalogue has not registered {department}")
        self.department = department


@dataclass(frozen=True, slots=True)
class Assembled:
    """The content, and the holder as anyone may see it: a company in full, a person masked.

    ``holder_code`` is the holder's code in full, to make what the certificate is found by; None: there is none.
    """

    content: CertificateContent
    holder_shown: str
    holder_code: str | None = field(repr=False)


def assemble(
    facts: CaseFacts,
    due: DueCertificate,
    item: Item,
    departments: Mapping[str, Department],
    *,
    number: str,
    replaces: str | None,
    issued_at: datetime,
    verify_url: str,
    open_sealed: OpenSealed,
) -> Assembled:
    """What stands on the certificate. Raises `NoHolderError`, `UnknownDepartmentError`, `SealBrokenError`."""
    if item.holder is None:
        raise NoHolderError(item.code, f"the item {item.code} does not say which answer names the holder")
    holder, personal = _answer(facts, item.holder.name, open_sealed)
    if holder is None:
        raise NoHolderError(item.holder.name, f"the answer {item.holder.name} is empty")
    code, code_personal = (None, False) if item.holder.code is None else _answer(facts, item.holder.code, open_sealed)
    issued_on = issued_at.astimezone(CHINA).date()
    content = CertificateContent(
        title=Bilingual(item.certificate.name.zh, item.certificate.name.en),
        holder=holder,
        holder_code=masked_code(code) if code is not None and code_personal else code,
        holder_is_person=personal,
        subject=_plain(facts, SUBJECT_FIELD),
        item=Bilingual(item.name.zh, item.name.en),
        decisions=tuple(
            DecisionLine(
                step=Bilingual(item.step(grant.step).name.zh, item.step(grant.step).name.en),
                department=_department(departments, grant.department),
                decided_on=grant.at.astimezone(CHINA).date(),
            )
            for grant in due.grants
        ),
        says=tuple(line for grant in due.grants for line in _says(grant, item, open_sealed)),
        number=number,
        replaces=replaces,
        issued_on=issued_on,
        valid_until=last_valid_day(issued_on, item.certificate.valid_years),
        issuer=_department(departments, due.issuer),
        verification=f"{verify_url}/verify/{number}",
    )
    return Assembled(content, holder[:1] + "＊＊" if personal else holder, code)


def last_valid_day(issued_on: date, years: int | None) -> date | None:
    """The last day of ``years`` years that begin on the day of issue; None: it does not expire."""
    if years is None:
        return None
    try:
        ends = issued_on.replace(year=issued_on.year + years)
    except ValueError:  # 29 February
        ends = date(issued_on.year + years, 3, 1)
    return ends - timedelta(days=1)


def masked_code(code: str) -> str:
    """A person's number without its middle: ``340102********1234``; a short one keeps its last two signs alone."""
    if len(code) < 12:
        return "*" * max(0, len(code) - 2) + code[-2:]
    return code[:6] + "*" * (len(code) - 10) + code[-4:]


def _says(grant: Grant, item: Item, open_sealed: OpenSealed) -> list[SaidLine]:
    """What a grant says beyond yes, by the names that its item gives, in the order of the item."""
    form = item.step(grant.step).grant
    if form is None:
        return []
    values = {name: open_sealed(grant_field(grant.step, name), sealed) for name, sealed in grant.sealed.items()}
    values |= grant.fields
    return [
        SaidLine(Bilingual(form.label(name).zh, form.label(name).en), _value(schema, values[name]))
        for name, schema in form.fields.items()
        if name in values
    ]


def _value(schema: JsonObject, value: Any) -> Bilingual:
    """A value as people read it: the label of a choice, yes or no, else itself."""
    if isinstance(value, bool):
        return Bilingual("是", "Yes") if value else Bilingual("否", "No")
    label = schema.get("x-labels", {}).get(str(value))
    return Bilingual(str(value), str(value)) if label is None else Bilingual(label["zh"], label["en"])


def _answer(facts: CaseFacts, name: str, open_sealed: OpenSealed) -> tuple[str | None, bool]:
    """An answer as text, and whether it is personal."""
    if name in facts.sealed:
        return open_sealed(name, facts.sealed[name]).strip() or None, True
    return _plain(facts, name), False


def _plain(facts: CaseFacts, name: str) -> str | None:
    value = facts.answers.get(name)
    return value if isinstance(value, str) and value else None


def _department(departments: Mapping[str, Department], department: str) -> Bilingual:
    found = departments.get(department)
    if found is None:
        raise UnknownDepartmentError(department)
    return Bilingual(found.name_zh, found.name_en)
