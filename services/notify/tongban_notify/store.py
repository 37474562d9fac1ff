"""Every statement of notify. Functions take the caller's transaction and never commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tongban_catalog.shelf import Shelf
from tongban_runtime.database import Tx
from tongban_schemas.types import ItemRef, Language

from tongban_notify.domain import FailureReason, Notification, Owed, final_event_id
from tongban_notify.names import News, tell
from tongban_notify.news import Particulars


@dataclass(frozen=True, slots=True)
class Due:
    """An e-mail that is to be handed over now. ``attempts`` counts the failures so far."""

    notification: Notification
    news: News
    language: Language
    sealed_email: str | None
    created_at: datetime
    attempts: int
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class Ending:
    """The final state of one notification: sent, or failed for ``reason``."""

    notification: Notification
    reason: FailureReason | None


@dataclass(frozen=True, slots=True)
class Message:
    """An in-site message of a person."""

    id: UUID
    application: UUID
    news: News
    language: Language
    read_at: datetime | None


_TOLD = """
    SELECT n.*, r.language, r.sealed_email, r.item_code, r.item_version, r.case_number
    FROM notification n JOIN recipient r ON r.application = n.application
"""


async def add(tx: Tx, cases: Sequence[Owed], now: datetime) -> set[UUID]:
    """Writes what locked cases owe and returns the ids that were new. In-site messages are final at once."""
    if not cases:
        return set()
    people = [case.recipient for case in cases]
    await tx.execute(
        """
        INSERT INTO recipient AS r (application, person, language, item_code, item_version, sealed_email, case_number)
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int[], $6::text[], $7::text[])
        ON CONFLICT (application) DO UPDATE SET sealed_email = excluded.sealed_email, case_number = excluded.case_number
        WHERE (r.sealed_email, r.case_number) IS DISTINCT FROM (excluded.sealed_email, excluded.case_number)
        """,
        [person.application for person in people],
        [person.person for person in people],
        [person.language for person in people],
        [person.item.code for person in people],
        [person.item.version for person in people],
        [person.sealed_email for person in people],
        [person.case_number for person in people],
    )
    rows = [(case, notification) for case in cases for notification in case.notifications]
    final = [
        final_event_id(notification, failed=False) if notification.channel == "inbox" else None
        for _, notification in rows
    ]
    fresh = await tx.fetch(
        """
        INSERT INTO notification (id, application, person, kind, channel, cause, correlation_id, traceparent, department,
            particulars, happened_at, final_event, state, finished_at, created_at, due_at)
        SELECT id, application, person, kind, channel, cause, correlation, trace, department, particulars, happened_at,
            final_event,
            CASE WHEN final_event IS NULL THEN 'pending' ELSE 'sent' END,
            CASE WHEN final_event IS NULL THEN NULL ELSE $13::timestamptz END, $13, $13
        FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
            $9::text[], $10::json[], $11::timestamptz[], $12::uuid[])
            AS t(id, application, person, kind, channel, cause, correlation, trace, department, particulars, happened_at,
                final_event)
        ON CONFLICT DO NOTHING RETURNING id
        """,
        [notification.id for _, notification in rows],
        [notification.application for _, notification in rows],
        [case.recipient.person for case, _ in rows],
        [notification.kind for _, notification in rows],
        [notification.channel for _, notification in rows],
        [notification.cause for _, notification in rows],
        [notification.correlation for _, notification in rows],
        [case.traceparent for case, _ in rows],
        [notification.told.department for _, notification in rows],
        [notification.told.model_dump_json(exclude_defaults=True) for _, notification in rows],
        [notification.happened_at for _, notification in rows],
        final,
        now,
    )
    return {row["id"] for row in fresh}


async def take_due(tx: Tx, shelf: Shelf, now: datetime, limit: int) -> list[Due]:
    """The e-mails that are due, oldest first, locked until the transaction ends; what another sender holds is left out."""
    rows = await tx.fetch(
        _TOLD + " WHERE n.state = 'pending' AND n.due_at <= $1 ORDER BY n.due_at LIMIT $2 FOR UPDATE OF n SKIP LOCKED",
        now,
        limit,
    )
    if not rows:
        return []
    return [
        Due(
            notification=_notification(row),
            news=news,
            language=row["language"],
            sealed_email=row["sealed_email"],
            created_at=row["created_at"],
            attempts=row["attempts"],
            traceparent=row["traceparent"],
        )
        for row, news in zip(rows, await _news(tx, shelf, rows), strict=True)
    ]


async def finish(tx: Tx, endings: Sequence[Ending], now: datetime) -> set[UUID]:
    """Gives pending notifications of locked cases their final state; returns the ids that reached it now."""
    rows = await tx.fetch(
        """
        UPDATE notification n
        SET state = CASE WHEN t.reason IS NULL THEN 'sent' ELSE 'failed' END,
            reason = t.reason, final_event = t.final_event, finished_at = $4
        FROM unnest($1::uuid[], $2::text[], $3::uuid[]) AS t(id, reason, final_event)
        WHERE n.id = t.id AND n.state = 'pending'
        RETURNING n.id
        """,
        [ending.notification.id for ending in endings],
        [ending.reason for ending in endings],
        [final_event_id(ending.notification, failed=ending.reason is not None) for ending in endings],
        now,
    )
    return {row["id"] for row in rows}


async def postpone(tx: Tx, due_at: Mapping[UUID, datetime]) -> None:
    """Sets when pending notifications are tried again, and counts the failure."""
    await tx.execute(
        """
        UPDATE notification n SET due_at = t.due_at, attempts = n.attempts + 1
        FROM unnest($1::uuid[], $2::timestamptz[]) AS t(id, due_at) WHERE n.id = t.id AND n.state = 'pending'
        """,
        list(due_at),
        list(due_at.values()),
    )


async def messages(
    tx: Tx, shelf: Shelf, person: UUID, before: tuple[datetime, UUID] | None, limit: int
) -> list[Message]:
    """In-site messages of a person, newest first, those after the place ``before``."""
    at, message_id = before or (None, None)
    rows = await tx.fetch(
        _TOLD
        + """
        WHERE n.person = $1 AND n.channel = 'inbox'
            AND ($2::timestamptz IS NULL OR (n.happened_at, n.id) < ($2, $3::uuid))
        ORDER BY n.happened_at DESC, n.id DESC LIMIT $4
        """,
        person,
        at,
        message_id,
        limit,
    )
    return [
        Message(row["id"], row["application"], news, row["language"], row["read_at"])
        for row, news in zip(rows, await _news(tx, shelf, rows), strict=True)
    ]


async def mark_read(tx: Tx, person: UUID, message: UUID, now: datetime) -> bool:
    """Marks a message of the person as read, keeping the first time. False when the person has no such message."""
    found = await tx.fetchval(
        """
        UPDATE notification SET read_at = coalesce(read_at, $3)
        WHERE id = $1 AND person = $2 AND channel = 'inbox' RETURNING true
        """,
        message,
        person,
        now,
    )
    return found is True


async def _news(tx: Tx, shelf: Shelf, rows: Sequence[Any]) -> list[News]:
    refs = [ItemRef(code=row["item_code"], version=row["item_version"]) for row in rows]
    items = await shelf.items(tx, refs)
    departments = await shelf.departments(tx)
    resources = await shelf.resources(tx)
    found = []
    for row, ref in zip(rows, refs, strict=True):
        one = _notification(row)
        resource = resources.get(one.told.resource) if one.told.resource else None
        body = departments.get(row["department"])
        found.append(tell(one, ref.code, items.get(ref), body, resource, row["case_number"]))
    return found


def _notification(row: Any) -> Notification:
    return Notification(
        id=row["id"],
        application=row["application"],
        kind=row["kind"],
        channel=row["channel"],
        cause=row["cause"],
        correlation=row["correlation_id"],
        happened_at=row["happened_at"],
        told=Particulars.model_validate_json(row["particulars"]),
    )
