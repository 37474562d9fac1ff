"""What is asked of registers for a case, what a rule puts in a proof's place, and which requests time has ended. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from tongban_catalog.clock import Calendars, china_day, deadline
from tongban_catalog.item import (
    Basis,
    Item,
    NoDepartmentError,
    Source,
    Substitution,
    form_errors,
    sources_of,
    substitution_of,
)
from tongban_catalog.parts import APPLICANT
from tongban_catalog.proofs import Proof
from tongban_catalog.resource import Resource
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.evidence import (
    EvidenceFailed,
    EvidenceRequested,
    EvidenceSubstituted,
    FailureReason,
)

from tongban_intake.domain.filing import say
from tongban_intake.evidence.answers import Answered, Fetched

GRACE: Final = timedelta(hours=1)
"""How long after its end a request's answer may still be on its way: then the request failed, and the person may bring it."""
MAX_ATTEMPTS: Final = 9
"""How often one proof of one case is asked for."""
HOLDER: Final = "holder"
"""The name under which a request says whose record it is about."""


@dataclass(frozen=True, slots=True)
class Due:
    """A request to be made: of which source, by which department, the how many-eth."""

    source: Source
    provider: str
    asked_by: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Stands:
    """A substitution that fires: the material, which of the item's rules, and the proofs that it rests on, by event id."""

    material: str
    number: int
    rule: Substitution
    rests_on: tuple[UUID, ...]


def attempts(facts: Iterable[Event], material: str) -> int:
    """How often a proof was asked for."""
    return max(
        (
            fact.data.attempt
            for fact in facts
            if isinstance(fact.data, EvidenceRequested) and fact.data.material == material
        ),
        default=0,
    )


def exhausted(facts: Iterable[Event]) -> frozenset[str]:
    """The materials that were asked for so often that they are not asked for any more."""
    return frozenset(
        fact.data.material
        for fact in facts
        if isinstance(fact.data, EvidenceRequested) and fact.data.attempt >= MAX_ATTEMPTS
    )


def due(
    item: Item,
    told: Answered,
    proofs: Mapping[str, Proof],
    facts: Iterable[Event],
    resources: Mapping[str, Resource],
    now: datetime,
) -> list[Due]:
    """What is to be asked now: every proof with a source that was not asked of that source yet, in the item's order.

    A source whose resource the catalogue has not published is left out, and so is one whose asking department the answers do
    not name yet.
    """
    facts = tuple(facts)
    found = []
    for source in sources_of(item, told.plain, china_day(now)):
        proof = proofs.get(source.material)
        if proof is not None and (proof.state == "substituted" or proof.resource == source.resource):
            continue
        made = attempt(item, source, told, facts, resources)
        if made is not None:
            found.append(made)
    return found


def attempt(
    item: Item, source: Source, told: Answered, facts: Iterable[Event], resources: Mapping[str, Resource]
) -> Due | None:
    """The next request of a source; None when it cannot be made, or was made `MAX_ATTEMPTS` times."""
    resource, material = resources.get(source.resource), item.material(source.material)
    number = attempts(facts, source.material) + 1
    if resource is None or material is None or number > MAX_ATTEMPTS:
        return None
    try:
        asked_by = material.choice.department_of(told.plain)
    except NoDepartmentError:
        return None
    return Due(source, resource.provider, asked_by, number)


def holder_answer(item: Item, source: Source, answers: Mapping[str, Any], fetched: Mapping[str, Fetched]) -> str | None:
    """The name of the answer that says whose record it is, once it is given and fits the form; None: not yet.

    For the applicant's own record it is `APPLICANT`.
    """
    name = source.holder
    if name == APPLICANT or name in fetched:
        return name
    given = isinstance(answers.get(name), str)
    wrong = given and any(error["field"] == name for error in form_errors(item, answers))
    return name if given and not wrong else None


def request_id(case: UUID, one: Due) -> UUID:
    """The event id of a request, which its sealed lookup is made for."""
    return event_id(EvidenceRequested.TYPE, str(case), one.source.material, str(one.attempt))


def request(
    case: UUID,
    item: Item,
    one: Due,
    *,
    plain: str | None,
    sealed: str | None,
    calendars: Calendars,
    now: datetime,
    cause: UUID | None,
    traceparent: str | None,
) -> Event:
    """The event that asks. ``plain`` or ``sealed`` is what to look up by; neither: the request cannot be answered."""
    source = one.source
    data = EvidenceRequested(
        material=source.material,
        resource=source.resource,
        provider=one.provider,
        item=item.ref,
        asked_by=one.asked_by,
        basis=basis_text(source.basis),
        fields=list(source.fields),
        lookup={} if sealed is None else {HOLDER: sealed},
        lookup_plain={} if plain is None else {HOLDER: plain},
        attempt=one.attempt,
        expires=expiry(calendars, item.region, now, source),
    )
    return say(case, data, source.material, str(one.attempt), time=now, traceparent=traceparent, cause=cause)


def expiry(calendars: Calendars, region: str, now: datetime, source: Source) -> datetime:
    """The instant at which a request ends. A year without a calendar counts Monday to Friday: a request is no legal limit."""
    at = deadline(calendars, region, now, source.limit).at
    if at is None:
        raise ValueError("a period without stops has an end")
    return at


def fires(item: Item, told: Answered, proofs: Mapping[str, Proof], now: datetime) -> list[Stands]:
    """The substitutions that fire now and were not said yet: all that their condition reads was fetched.

    What people merely say of themselves puts nothing in a proof's place.
    """
    found = []
    for material in item.materials:
        proof = proofs.get(material.id)
        if not material.required or (proof is not None and proof.state in ("substituted", "provided")):
            continue
        if material.when is not None and not material.when.holds(told.plain):
            continue
        stood = substitution_of(item, told.plain, material.id, china_day(now))
        if stood is None or stood[1].when is None:
            continue
        number, rule = stood
        rests_on = _rests_on(stood[1].when.fields, told, proofs)
        if rests_on:
            found.append(Stands(material.id, number, rule, rests_on))
    return found


def substitute(case: UUID, one: Stands, *, now: datetime, cause: UUID | None, traceparent: str | None) -> Event:
    """The event that a rule stands in for a proof."""
    data = EvidenceSubstituted(
        material=one.material, rule=one.number, basis=basis_text(one.rule.basis), rests_on=list(one.rests_on)
    )
    return say(case, data, one.material, str(one.number), time=now, traceparent=traceparent, cause=cause)


def expired(case: UUID, proofs: Mapping[str, Proof], until: datetime) -> list[Event]:
    """The failures of requests that nobody answered and whose grace has passed."""
    found = []
    for proof in proofs.values():
        if not _runs(proof) or proof.expires is None or proof.expires + GRACE > until:
            continue
        if proof.request is not None and proof.resource is not None and proof.provider is not None:
            data = _failed(proof.request, proof.resource, proof.material, proof.provider, "expired")
            found.append(_failure(case, data, proof.expires + GRACE, None))
    return found


def without_holder(case: UUID, request: Event) -> Event:
    """The failure of a request when nobody can say whose record is meant, at the moment of the request."""
    asked = request.data
    if not isinstance(asked, EvidenceRequested):
        raise TypeError("only a request can fail")
    data = _failed(str(request.id), asked.resource, asked.material, asked.provider, "no-holder")
    return _failure(case, data, request.time, request.traceparent)


def next_expiry(proofs: Mapping[str, Proof]) -> datetime | None:
    """When the next request will have failed if nobody answers it."""
    return min(
        (proof.expires + GRACE for proof in proofs.values() if _runs(proof) and proof.expires is not None),
        default=None,
    )


def basis_text(basis: Iterable[Basis]) -> str:
    """Legal bases in words, Chinese and English, as facts carry them."""
    return "；".join(
        f"{one.says.zh} {one.says.en}"
        if one.law is None
        else f"{one.law.zh}第{one.article}条 {one.law.en}, art. {one.article}"
        for one in basis
    )


def _rests_on(fields: frozenset[str], told: Answered, proofs: Mapping[str, Proof]) -> tuple[UUID, ...]:
    """The proofs that supply all that a condition reads; none when something of it was not fetched."""
    if not fields or not fields <= told.fetched.keys():
        return ()
    provided = {proofs[told.fetched[name].material].provided for name in fields}
    return tuple(sorted(UUID(one) for one in provided if one is not None))


def _runs(proof: Proof) -> bool:
    return proof.state in ("waiting", "retrying")


def _failed(request: str, resource: str, material: str, provider: str, reason: FailureReason) -> EvidenceFailed:
    return EvidenceFailed(
        request=UUID(request), resource=resource, material=material, department=provider, reason=reason, final=True
    )


def _failure(case: UUID, data: EvidenceFailed, at: datetime, traceparent: str | None) -> Event:
    """Said by intake for a source that does not answer."""
    return say(case, data, str(data.request), "final", time=at, traceparent=traceparent, cause=data.request)
