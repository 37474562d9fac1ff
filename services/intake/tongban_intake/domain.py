"""What intake decides, as pure functions on the set of facts of a case."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from tongban_catalog.form import FieldError
from tongban_catalog.item import Item, form_errors, split_personal
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationWithdrawn,
)
from tongban_schemas.events.approvals import ApprovalCorrectionRequested, ApprovalRefused
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.types import JsonObject, Language

SOURCE = "/intake"

HEARD: tuple[type[EventData], ...] = (
    ApplicationSubmitted,
    ApprovalCorrectionRequested,
    ApprovalRefused,
    CertificateIssued,
)
"""What intake listens to about a case."""

_SAID: tuple[type[EventData], ...] = (ApplicationAccepted, ApplicationCorrected, ApplicationWithdrawn)

MODELS: dict[str, type[EventData]] = {model.TYPE: model for model in (*HEARD, *_SAID)}
"""The facts intake keeps: what it hears, and what it said itself."""

Seal = Callable[[dict[str, str]], dict[str, str]]
"""Texts by field -> the sealed values by field."""

Unseal = Callable[[str, str], str]
"""(field, sealed value) -> text."""

Ending = Literal["issued", "refused", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Answers:
    """A case's answers: those in the clear, and the personal ones as they are sealed, by field."""

    plain: JsonObject
    sealed: dict[str, str]


def request_digest(secret: bytes, request: object) -> bytes:
    """32 bytes that are equal for equal requests, whatever the order of their keys. ``request`` is JSON data.

    Keyed (BLAKE2b, RFC 7693), because a plain hash would let anyone who reads the table guess personal answers.
    """
    return hashlib.blake2b(msgspec.json.encode(request, order="sorted"), digest_size=32, key=secret).digest()


def submit(
    application: UUID,
    item: Item,
    *,
    applicant: UUID,
    region: str,
    language: Language,
    answers: Mapping[str, Any],
    seal: Seal,
    time: datetime,
    traceparent: str | None,
) -> Event:
    """The event that opens a case. The answers have to be free of form errors."""
    plain, personal = split_personal(item, answers)
    return Event(
        id=event_id(ApplicationSubmitted.TYPE, str(application)),
        source=SOURCE,
        subject=str(application),
        time=time,
        correlationid=application,
        traceparent=traceparent,
        data=ApplicationSubmitted(
            item=item.ref,
            applicant=applicant,
            region=region,
            language=language,
            answers=plain,
            sealed=seal(personal),
        ),
    )


def acceptance(facts: Sequence[Event]) -> ApplicationAccepted | None:
    """What accepts the case, if it is to be accepted now: submitted, neither accepted yet nor withdrawn."""
    if any(isinstance(fact.data, ApplicationAccepted | ApplicationWithdrawn) for fact in facts):
        return None
    submitted = submission(facts)
    return None if submitted is None else ApplicationAccepted(item=submitted.item)


def submission(facts: Iterable[Event]) -> ApplicationSubmitted | None:
    """What the applicant submitted, or None while intake has not heard of it."""
    return next((fact.data for fact in facts if isinstance(fact.data, ApplicationSubmitted)), None)


def ending(facts: Sequence[Event]) -> Ending | None:
    """How the case ended, or None while it runs."""
    kinds = {type(fact.data) for fact in facts}
    if CertificateIssued in kinds:
        return "issued"
    if ApprovalRefused in kinds:
        return "refused"
    return "withdrawn" if ApplicationWithdrawn in kinds else None


def withdrawal(application: UUID, time: datetime, traceparent: str | None) -> Event:
    """The event by which the applicant takes the application back: one per case."""
    return Event(
        id=event_id(ApplicationWithdrawn.TYPE, str(application)),
        source=SOURCE,
        subject=str(application),
        time=time,
        correlationid=application,
        traceparent=traceparent,
        data=ApplicationWithdrawn(),
    )


def withdrawn(facts: Iterable[Event]) -> Event | None:
    """The withdrawal of the case, if there is one."""
    return next((fact for fact in facts if isinstance(fact.data, ApplicationWithdrawn)), None)


def correction_request(facts: Iterable[Event], request: UUID) -> ApprovalCorrectionRequested | None:
    """The correction request with this event id, or None."""
    for fact in facts:
        if fact.id == request and isinstance(fact.data, ApprovalCorrectionRequested):
            return fact.data
    return None


def answered(facts: Iterable[Event], request: UUID) -> tuple[Event, ApplicationCorrected] | None:
    """The correction that answered a request, or None."""
    for fact in facts:
        if isinstance(fact.data, ApplicationCorrected) and fact.data.request == request:
            return fact, fact.data
    return None


def current_answers(facts: Sequence[Event]) -> Answers:
    """The submitted answers with every correction laid over them, in the order of their times."""
    plain: JsonObject = {}
    sealed: dict[str, str] = {}
    submitted = submission(facts)
    if submitted is not None:
        plain |= submitted.answers
        sealed |= submitted.sealed
    for fact in sorted(facts, key=lambda fact: (fact.time, fact.id)):
        if isinstance(fact.data, ApplicationCorrected):
            plain |= fact.data.answers
            sealed |= fact.data.sealed
    return Answers(plain, sealed)


def correction_errors(
    item: Item, request: ApprovalCorrectionRequested, standing: Answers, answers: Mapping[str, Any], unseal: Unseal
) -> list[FieldError]:
    """What is wrong with a correction: fields nobody asked for, asked fields left out, or an invalid form with it."""
    known = set(item.form.fields)
    errors = [
        FieldError(
            field=name,
            message_zh="此项未被要求补正，请删除。",
            message_en="Nobody asked to correct this field: remove it.",
        )
        for name in sorted(answers.keys() - set(request.fields))
    ]
    for name in sorted((set(request.fields) & known) - answers.keys()):
        label = item.form.label(name)
        errors.append(FieldError(field=name, message_zh=f"请填写“{label.zh}”。", message_en=f"Fill in “{label.en}”."))
    if errors:
        return errors
    opened = {name: unseal(name, value) for name, value in standing.sealed.items() if name not in answers}
    return form_errors(item, {**standing.plain, **opened, **answers})


def correct(
    application: UUID,
    item: Item,
    *,
    request: UUID,
    answers: Mapping[str, Any],
    seal: Seal,
    time: datetime,
    traceparent: str | None,
) -> Event:
    """The event that answers a correction request: one per request. The answers have to be free of errors."""
    plain, personal = split_personal(item, answers)
    return Event(
        id=event_id(ApplicationCorrected.TYPE, str(application), str(request)),
        source=SOURCE,
        subject=str(application),
        time=time,
        correlationid=application,
        causationid=request,
        traceparent=traceparent,
        data=ApplicationCorrected(request=request, answers=plain, sealed=seal(personal)),
    )


def same_correction(item: Item, before: ApplicationCorrected, answers: Mapping[str, Any], unseal: Unseal) -> bool:
    """Whether ``answers`` repeat what a correction said, so that a client that lost the answer can ask again."""
    plain, personal = split_personal(item, answers)
    return plain == before.answers and personal == {name: unseal(name, value) for name, value in before.sealed.items()}
