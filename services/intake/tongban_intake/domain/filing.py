"""What the applicant does with a case: submit, correct, bring what was promised, appeal, withdraw."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from tongban_catalog.form import FieldError
from tongban_catalog.item import Item, NoDepartmentError, form_errors, split_personal
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.applications import (
    APPEAL_FIELD,
    ApplicationAppealed,
    ApplicationCorrected,
    ApplicationSubmitted,
    ApplicationSupplemented,
    ApplicationWithdrawn,
)
from tongban_schemas.types import Language

from tongban_intake.domain.history import SOURCE, Answers, Asking

MATERIAL = "materials."
"""Put before a material's id where errors are told by field."""

Seal = Callable[[UUID, Mapping[str, str]], dict[str, str]]
"""(id of the event that carries them, texts by field) -> the sealed values by field."""

Unseal = Callable[[str, str], str]
"""(field, sealed value) -> text."""


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
    materials: Mapping[str, str],
    seal: Seal,
    time: datetime,
    traceparent: str | None,
    fetched: Iterable[str] = (),
) -> Event:
    """The event that opens a case. The answers have to be free of form errors. ``materials``: SHA-256 by material.

    ``fetched``: the materials about which something was published before, on the topic of proofs.
    """
    plain, personal = split_personal(item, answers)
    data = ApplicationSubmitted(
        item=item.ref,
        applicant=applicant,
        region=region,
        language=language,
        answers=plain,
        sealed=seal(event_id(ApplicationSubmitted.TYPE, str(application)), personal),
        materials=dict(materials),
        fetched=sorted(fetched),
    )
    return say(application, data, time=time, traceparent=traceparent)


def say(
    application: UUID,
    data: EventData,
    *discriminators: str,
    time: datetime,
    traceparent: str | None,
    cause: UUID | None = None,
) -> Event:
    """An event about a case. Its id depends on type, application and ``discriminators`` alone."""
    return Event(
        id=event_id(data.TYPE, str(application), *discriminators),
        source=SOURCE,
        subject=str(application),
        time=time,
        correlationid=application,
        causationid=cause,
        traceparent=traceparent,
        data=data,
    )


def receiver_errors(item: Item, answers: Mapping[str, Any]) -> list[FieldError]:
    """The answer that chooses the receiving body, when it chooses none."""
    try:
        item.acceptance.department_of(answers)
    except NoDepartmentError:
        zh, en = (
            "此项决定由哪个部门收件，请从选项中选择。",
            "This answer decides who receives the application: choose one.",
        )
        return [FieldError(field=item.acceptance.choice.by or "", message_zh=zh, message_en=en)]
    return []


def withdrawal(application: UUID, time: datetime, traceparent: str | None) -> Event:
    """The event by which the applicant takes the application back: one per case."""
    return say(application, ApplicationWithdrawn(), time=time, traceparent=traceparent)


def supplement(application: UUID, materials: Mapping[str, str], time: datetime, traceparent: str | None) -> Event:
    """The event by which the applicant brings what was promised: one for each set of materials."""
    data = ApplicationSupplemented(materials=dict(materials))
    return say(application, data, *sorted(materials), time=time, traceparent=traceparent)


def appeal(
    application: UUID, decision: UUID, way: Any, grounds: str, *, seal: Seal, time: datetime, traceparent: str | None
) -> Event:
    """The event by which the applicant asks for review of a decision: one per decision."""
    field = f"{APPEAL_FIELD}/{decision}"
    event = event_id(ApplicationAppealed.TYPE, str(application), str(decision))
    data = ApplicationAppealed(decision=decision, way=way, grounds=seal(event, {field: grounds})[field])
    return say(application, data, str(decision), time=time, traceparent=traceparent, cause=decision)


def same_appeal(before: ApplicationAppealed, way: str, grounds: str, unseal: Unseal) -> bool:
    """Whether an appeal repeats an earlier one, so that a client that lost the answer can ask again."""
    return before.way == way and unseal(f"{APPEAL_FIELD}/{before.decision}", before.grounds) == grounds


def correction_errors(
    item: Item,
    asked: Asking,
    standing: Answers,
    answers: Mapping[str, Any],
    materials: Collection[str],
    unseal: Unseal,
    today: date | None = None,
) -> list[FieldError]:
    """What is wrong with a correction: what nobody asked for, what was asked and left out, or an invalid form with it.

    ``materials``: those whose file was brought for the request; ``today``: the day in China.
    """
    errors = [
        FieldError(
            field=name,
            message_zh="此项未被要求补正，请删除。",
            message_en="Nobody asked to correct this field: remove it.",
        )
        for name in sorted(answers.keys() - set(asked.fields))
    ]
    for name in sorted((set(asked.fields) & set(item.form.fields)) - answers.keys()):
        label = item.form.label(name)
        errors.append(FieldError(field=name, message_zh=f"请填写“{label.zh}”。", message_en=f"Fill in “{label.en}”."))
    for name in sorted(set(asked.materials) - set(materials)):
        material = item.material(name)
        if material is not None:
            zh, en = f"请上传“{material.name.zh}”。", f"Upload “{material.name.en}”."
            errors.append(FieldError(field=MATERIAL + name, message_zh=zh, message_en=en))
    if errors:
        return errors
    opened = {name: unseal(name, value) for name, value in standing.sealed.items() if name not in answers}
    kept = {**standing.plain, **opened}
    return form_errors(item, {**kept, **answers}, kept.keys() - answers.keys(), today)


def correct(
    application: UUID,
    item: Item,
    *,
    request: UUID,
    answers: Mapping[str, Any],
    materials: Mapping[str, str],
    seal: Seal,
    time: datetime,
    traceparent: str | None,
) -> Event:
    """The event that answers a correction request: one per request. The answers have to be free of errors."""
    plain, personal = split_personal(item, answers)
    sealed = seal(event_id(ApplicationCorrected.TYPE, str(application), str(request)), personal)
    data = ApplicationCorrected(request=request, answers=plain, sealed=sealed, materials=dict(materials))
    return say(application, data, str(request), time=time, traceparent=traceparent, cause=request)


def same_correction(item: Item, before: ApplicationCorrected, answers: Mapping[str, Any], unseal: Unseal) -> bool:
    """Whether this repeats what a correction said, so that a client that lost the answer can ask again."""
    plain, personal = split_personal(item, answers)
    opened = {name: unseal(name, value) for name, value in before.sealed.items()}
    return plain == before.answers and personal == opened
