"""From the facts of a case to what stands on its certificate. Pure, but for the opening of sealed values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tongban_catalog.department import Department
from tongban_catalog.item import Item

from tongban_certificates.document import Bilingual, CertificateContent, DecisionLine
from tongban_certificates.domain import CHINA, CaseFacts, DueCertificate

HOLDER_FIELDS: Final = ("company_name", "applicant_name")
"""The answers that name the holder, in order of preference."""
HOLDER_CODE_FIELD: Final = "company_uscc"
SUBJECT_FIELD: Final = "project_name"

OpenSealed = Callable[[str, str], str]
"""(field, sealed value) -> the value. Raises `SealBrokenError`."""


class NoHolderError(ValueError):
    """The answers name no holder."""


class UnknownDepartmentError(ValueError):
    """The catalogue has not registered a department that the certificate has to name."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """The content, and the holder as anyone may see it: a company in full, a person masked."""

    content: CertificateContent
    holder_shown: str


def assemble(
    facts: CaseFacts,
    due: DueCertificate,
    item: Item,
    departments: Mapping[str, Department],
    *,
    number: str,
    issued_at: datetime,
    verify_url: str,
    open_sealed: OpenSealed,
) -> Assembled:
    """What stands on the certificate. Raises `NoHolderError`, `UnknownDepartmentError`, `SealBrokenError`."""
    holder, personal = _holder(facts, open_sealed)
    content = CertificateContent(
        title=Bilingual(item.certificate.name.zh, item.certificate.name.en),
        holder=holder,
        holder_code=_text(facts, HOLDER_CODE_FIELD),
        subject=_text(facts, SUBJECT_FIELD),
        item=Bilingual(item.name.zh, item.name.en),
        decisions=tuple(
            DecisionLine(
                step=Bilingual(item.step(grant.step).name.zh, item.step(grant.step).name.en),
                department=_department(departments, grant.department),
                decided_on=grant.at.astimezone(CHINA).date(),
            )
            for grant in due.grants
            if item.has_step(grant.step)
        ),
        number=number,
        issued_on=issued_at.astimezone(CHINA).date(),
        issuer=_department(departments, due.issuer),
        verification=f"{verify_url}/verify/{number}",
    )
    return Assembled(content, holder[:1] + "＊＊" if personal else holder)


def _holder(facts: CaseFacts, open_sealed: OpenSealed) -> tuple[str, bool]:
    for field in HOLDER_FIELDS:
        if name := _text(facts, field):
            return name, False
        if field in facts.sealed:
            return open_sealed(field, facts.sealed[field]), True
    raise NoHolderError(f"the answers hold none of {', '.join(HOLDER_FIELDS)}")


def _text(facts: CaseFacts, field: str) -> str | None:
    value = facts.answers.get(field)
    return value if isinstance(value, str) and value else None


def _department(departments: Mapping[str, Department], department: str) -> Bilingual:
    found = departments.get(department)
    if found is None:
        raise UnknownDepartmentError(f"the catalogue has not registered {department}")
    return Bilingual(found.name_zh, found.name_en)
