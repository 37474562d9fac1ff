"""Publishes the catalogue to its compacted topic. An operator's command: the one producer besides the outbox relay.

It owns no database, so there is no transaction to commit with; the topic itself is the record, and event ids come from
the content, so that publishing twice is publishing once. Two operators publishing different catalogues at the same moment
are not kept apart: one publisher per place.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from aiokafka import AIOKafkaProducer, ConsumerRecord
from tongban_runtime.records import Record, read
from tongban_schemas.envelope import Event, EventData, encode_body, encode_headers, event_id
from tongban_schemas.events.catalog import EVENTS, TOPIC, DepartmentRegistered, ItemPublished, ResourcePublished

from tongban_catalog.load import Catalog
from tongban_catalog.reading import REQUEST_TIMEOUT_MS, TopicError, read_topic

SOURCE = "/catalog"
_MODELS: dict[str, type[EventData]] = {model.TYPE: model for model in EVENTS}

Change = Literal["new", "same", "changed"]


class PublishError(TopicError):
    """The catalogue cannot be published; the text says what to do. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one entry: ``new`` and ``changed`` were written, ``same`` was there already."""

    key: str
    change: Change


def catalog_events(catalog: Catalog, now: datetime) -> list[Event]:
    """The events of a whole catalogue: departments, calendars, resources, items.

    Ids depend on the content alone, not on ``now`` (UTC).
    """
    registered = [
        _event(
            f"department:{body.id}",
            DepartmentRegistered(
                department=body.id,
                uscc=body.uscc,
                name_zh=body.name_zh,
                name_en=body.name_en,
                region=body.region,
                supervisor=body.supervisor,
                keys=list(body.keys),
            ),
            now,
        )
        for body in catalog.departments.values()
    ]
    registered += [_event(f"calendar:{one.region}:{one.year}", one, now) for one in catalog.calendars]
    registered += [
        _event(
            f"resource:{one.id}",
            ResourcePublished(resource=one.id, provider=one.provider, definition=one.definition),
            now,
        )
        for one in catalog.resources.values()
    ]
    items = [
        _event(f"item:{item.code}:{item.version}", ItemPublished(item=item.ref, definition=item.definition), now)
        for item in catalog.items.values()
    ]
    return registered + items


def _event(subject: str, data: EventData, now: datetime) -> Event:
    identity = event_id(data.TYPE, subject, _digest(data))
    return Event(id=identity, source=SOURCE, subject=subject, time=now, sequence=1, correlationid=identity, data=data)


def _digest(data: EventData) -> str:
    content = json.dumps(data.model_dump(mode="json", exclude_none=True), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()


def plan(events: Sequence[Event], standing: Mapping[str, Event]) -> list[tuple[Event, Change]]:
    """What to do about each event, given the newest one per key that the topic holds.

    A department, a calendar or a resource may change: its next event counts on. Raises `PublishError` for an item version that
    the topic holds with other content.
    """
    planned: list[tuple[Event, Change]] = []
    for event in events:
        before = standing.get(event.subject)
        if before is None:
            planned.append((event, "new"))
        elif _digest(before.data) == _digest(event.data):
            planned.append((before, "same"))
        elif isinstance(event.data, ItemPublished):
            raise PublishError(
                f"{event.subject} 已经发布且内容不同;已发布的版本不可修改,请把 version 加一后再发布 / "
                f"{event.subject} is published with other content: a published version never changes, add one to version"
            )
        else:
            sequence = before.sequence + 1
            identity = event_id(event.type, event.subject, _digest(event.data), str(sequence))
            planned.append((replace(event, id=identity, correlationid=identity, sequence=sequence), "changed"))
    return planned


async def publish(catalog: Catalog, kafka: str, topic_prefix: str = "") -> list[Published]:
    """Writes what the topic does not hold yet and waits until every in-sync replica has it.

    ``kafka`` is ``host:port[,host:port]``. The topic has to exist. Raises `PublishError`, `TopicError`, or a `KafkaError`
    of aiokafka when the broker cannot be reached or does not acknowledge.
    """
    topic = topic_prefix + TOPIC
    planned = plan(catalog_events(catalog, datetime.now(UTC)), await standing_events(kafka, topic))
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        client_id="tongban-catalog",
    )
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                key=event.subject.encode(),
                value=encode_body(event.data),
                headers=encode_headers(event),
                timestamp_ms=int(event.time.timestamp() * 1000),
            )
            for event, change in planned
            if change != "same"
        ]
        for future in sent:
            await future
    finally:
        await producer.stop()
    return [Published(event.subject, change) for event, change in planned]


async def standing_events(kafka: str, topic: str) -> dict[str, Event]:
    """The newest catalogue event of every key, read from the topic's beginning to its present end.

    A record that is no event is passed over, as services do. Raises `tongban_catalog.reading.TopicError` when the topic does
    not exist or does not answer in a minute.
    """
    found: dict[str, Event] = {}

    def keep(record: "ConsumerRecord[bytes, bytes]") -> None:
        key = (record.key or b"").decode(errors="replace")
        if record.value is None:
            found.pop(key, None)
            return
        event = read(Record.of(record), TOPIC, _MODELS)
        if isinstance(event, Event):
            found[key] = event

    await read_topic(kafka, topic, keep)
    return found
