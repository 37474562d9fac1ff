"""What may be answered to a request for a proof. Pure: request, resource, item, record and time in, a verdict out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from tongban_catalog.form import Text
from tongban_catalog.item import Item
from tongban_catalog.resource import Resource
from tongban_catalog.standing import in_order, standing
from tongban_schemas.envelope import Event, EventData
from tongban_schemas.events.applications import ApplicationNotAccepted, ApplicationWithdrawn
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked
from tongban_schemas.events.evidence import FailureReason, RefusalGround, Stage, evidence_field, lookup_field
from tongban_schemas.types import ItemRef, Limit

from tongban_certificates.domain import FACTS
from tongban_certificates.registers.model import Record

RequestState = Literal["open", "desk", "negotiation", "mediation", "answered", "failed", "closed"]
HOLDER: Final = "holder"
"""What a record is looked up by."""
NEGOTIATION: Final = Limit(number=5, unit="WD")
MEDIATION: Final = Limit(number=10, unit="WD")
CATALOGUE_GRACE: Final = timedelta(minutes=2)
"""How long a request waits for an entry of the catalogue that it names and that is not known here."""
STAGE_OF: Final[Mapping[RequestState, Stage]] = {
    "desk": "answer",
    "negotiation": "negotiation",
    "mediation": "mediation",
}
"""The stage at which a person answers."""
NEXT_STAGE: Final[Mapping[Stage, Literal["negotiation", "mediation"]]] = {
    "answer": "negotiation",
    "negotiation": "mediation",
}
"""What an objection to a refusal of a stage leads to; there is none after mediation."""
CASE_FACTS: Final[Mapping[str, type[EventData]]] = {
    **FACTS,
    CertificateIssued.TYPE: CertificateIssued,
    CertificateRevoked.TYPE: CertificateRevoked,
}
"""The facts from which it is known that a case has ended, by type."""
SHARING_RULES: Final = "政务数据共享条例（国务院令第809号）"
"""What a refusal rests on when a request goes beyond what was approved: scene, scope and time limit bind whoever asks."""


@dataclass(frozen=True, slots=True)
class ShareRequest:
    """A request for a proof, as it stands. ``lookup`` is sealed. ``refusal`` is the last one, at ``refused_at_stage``.

    ``failing_told``: it was said that the source does not answer.
    """

    request: UUID
    application: UUID
    resource: str
    material: str
    provider: str
    asked_by: str
    item: ItemRef
    basis: str
    fields: tuple[str, ...]
    lookup: Mapping[str, str]
    lookup_plain: Mapping[str, str]
    asked_at: datetime
    expires: datetime
    correlation_id: UUID
    traceparent: str | None
    state: RequestState
    refusal: UUID | None
    refused_at_stage: Stage | None
    objection: UUID | None
    argument: str | None
    attempts: int
    failing_told: bool

    @property
    def stage(self) -> Stage:
        return STAGE_OF.get(self.state, "answer")

    @property
    def lookup_fields(self) -> frozenset[str]:
        """The fields whose keys open what to look up by."""
        return frozenset(map(lookup_field, self.lookup))


@dataclass(frozen=True, slots=True)
class Answer:
    """The register answers by itself."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A person at the source has to answer, within ``limit``."""

    limit: Limit


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not given."""

    ground: RefusalGround
    basis: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Fail:
    """It cannot be given."""

    reason: FailureReason


@dataclass(frozen=True, slots=True)
class Wait:
    """The catalogue has not told this deployment yet what the request names."""


Verdict = Answer | Ask | Refuse | Fail | Wait


def judge(request: ShareRequest, resource: Resource | None, item: Item | None, now: datetime) -> Verdict:
    """What becomes of a request. An objection keeps it alive after its time limit."""
    if now >= request.expires and request.objection is None:
        return Fail("expired")
    if (resource is None or item is None) and now < request.asked_at + CATALOGUE_GRACE:
        return Wait()
    if resource is None:
        return _refuse("request-incomplete", "目录中没有这一信息资源。", "The catalogue has no such resource.")
    if request.provider != resource.provider:
        return _refuse("not-held", "该信息资源不由本部门提供。", "The resource is kept by another department.")
    if resource.sharing.kind == "none":
        return Refuse("forbidden-by-law", basis_of(resource), _forbidden(resource))
    if not resource.covers(request.fields):
        return _refuse("request-incomplete", "请求中有该资源没有的信息项。", "The resource has no such fields.")
    if item is None or not _named_by(item, request):
        return _refuse(
            "purpose-not-covered",
            "该事项未将此资源列为材料来源，或请求超出所列信息项。",
            "The item does not name this resource as the material's source, or not with these fields.",
        )
    if resource.sharing.kind == "conditional":
        return Ask(resource.sharing.answer)
    return Answer()


def basis_of(resource: Resource) -> str:
    """The law that the class of a resource rests on, in words."""
    parts = [f"{one.law.zh} {one.article}".strip() for one in resource.sharing.basis if one.law is not None]
    return "；".join(parts) or SHARING_RULES


def _refuse(ground: RefusalGround, zh: str, en: str) -> Refuse:
    return Refuse(ground, SHARING_RULES, Text(zh, en))


def _forbidden(resource: Resource) -> Text:
    says = [one.says for one in resource.sharing.basis]
    if says:
        return says[0]
    return Text("该信息资源不予共享。", "The resource is not shared.")


def _named_by(item: Item, request: ShareRequest) -> bool:
    """Whether the item says that this material comes from this resource, with these fields at the most."""
    return any(
        source.material == request.material
        and source.resource == request.resource
        and set(request.fields) <= set(source.fields)
        for source in item.sources
    )


def answer_fields(request: ShareRequest, resource: Resource) -> frozenset[str]:
    """The fields under which what is personal in the answer is sealed."""
    return frozenset(evidence_field(request.material, name) for name in request.fields if name in resource.personal)


def declared(record: Record, fields: Iterable[str]) -> dict[str, object]:
    """What a record holds of the fields that were asked for, and nothing else of it."""
    return {name: record.values[name] for name in fields if record.values.get(name) is not None}


def in_force(record: Record | None, now: datetime) -> Record | None:
    """The record, unless it has expired: what is not in force any more proves nothing."""
    return None if record is None or (record.valid_until is not None and record.valid_until <= now) else record


def ended(facts: Iterable[Event], item: Item | None) -> bool:
    """Whether nothing more is decided in a case: withdrawn, not accepted, refused, or its certificate stands.

    A refusal that was annulled does not count, nor a certificate that was revoked. ``item``: None while it is unknown.
    """
    ordered = in_order(facts)
    issued: set[str] = set()
    revoked: set[str] = set()
    for event in ordered:
        match event.data:
            case ApplicationWithdrawn() | ApplicationNotAccepted():
                return True
            case CertificateIssued(number=number):
                issued.add(number)
            case CertificateRevoked(number=number):
                revoked.add(number)
            case _:
                pass
    if issued - revoked:
        return True
    return item is not None and bool(standing(ordered, item).refused)
