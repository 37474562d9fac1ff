"""Puts on record what the vault says about cases: facts on ``tongban.access.v1``, chained per case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from tongban_runtime import outbox
from tongban_runtime.database import Tx
from tongban_runtime.keys import Attempt, KeyRequest
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.access import FIRST_CHAIN, AccessGranted, AccessRefused, AccessRule, Caller

from tongban_intake.vault import chain, store
from tongban_intake.vault.store import KeyRow

SOURCE: Final = "/intake/vault"
"""The source of the vault's events: they have a count of their own, beside intake's."""
_FIELDS_TOLD: Final = 200
_STEPS: Final = frozenset({"decide", "opinion", "remedy"})
_REQUESTS: Final = frozenset({"evidence", "share", "correct"})


@dataclass(frozen=True, slots=True)
class Said:
    """A fact to put on record. Without ``names`` it is new each time; with them, the same names say it once."""

    case: UUID
    data: EventData
    names: tuple[str, ...] = ()
    cause: UUID | None = None
    traceparent: str | None = None


async def put(tx: Tx, rows: Mapping[UUID, KeyRow], said: Sequence[Said], at: datetime) -> list[Event]:
    """Publishes facts of locked cases, each chained to the one before it; those that are new, with their sequence.

    ``rows`` are the keys of the cases, read under the lock.
    """
    named = {_id(one, one.names) for one in said if one.names}
    known = await store.published(tx, named) if named else set()
    heads: dict[UUID, bytes] = {}
    events: list[Event] = []
    for one in said:
        before = heads.get(one.case) or rows[one.case].chain or chain.FIRST
        name = _id(one, one.names or (before.hex(),))
        if name in known:
            continue
        known.add(name)
        data, heads[one.case] = chain.linked(one.data, before, name)
        events.append(
            Event(
                id=name,
                source=SOURCE,
                subject=str(one.case),
                time=at,
                correlationid=one.case,
                data=data,
                causationid=one.cause,
                traceparent=one.traceparent,
            )
        )
    if not events:
        return []
    await store.move_heads(tx, list(heads.items()))
    return await outbox.publish(tx, events)


def granted(service: Caller, wanted: KeyRequest) -> Said:
    """A release, told."""
    data = AccessGranted(
        service=service,
        department=None if wanted.purpose == "notify" else wanted.department,
        purpose=wanted.purpose,
        fields=sorted(wanted.fields),
        step=wanted.step if wanted.purpose in _STEPS else None,
        request=wanted.request if wanted.purpose in _REQUESTS else None,
        officer=wanted.officer,
        chain=FIRST_CHAIN,
    )
    return Said(wanted.application, data)


def refused(service: Caller, wanted: KeyRequest | Attempt, rule: AccessRule, at: datetime) -> Said:
    """A refusal, told; the same one is told once an hour, however often a program asks."""
    fields = sorted(wanted.fields)[:_FIELDS_TOLD] if isinstance(wanted, KeyRequest) else []
    data = AccessRefused(
        service=service,
        department=wanted.department,
        purpose=wanted.purpose,
        rule=rule,
        fields=fields,
        step=wanted.step,
        request=wanted.request,
        officer=wanted.officer,
        chain=FIRST_CHAIN,
    )
    person = str(wanted.person) if isinstance(wanted, KeyRequest) else ""
    return Said(wanted.application, data, (data.model_dump_json(exclude={"chain"}), person, f"{at:%Y-%m-%dT%H}"))


def _id(one: Said, names: Sequence[str]) -> UUID:
    return event_id(one.data.TYPE, str(one.case), *names)
