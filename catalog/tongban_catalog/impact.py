"""Reads every case of an item from Kafka and tries a new version on it. Publishes nothing, commits no offset."""

from collections import defaultdict

from aiokafka import ConsumerRecord
from tongban_schemas.envelope import Event, EventData, decode
from tongban_schemas.events import EVENTS, applications, approvals, catalog, certificates
from tongban_schemas.events.applications import ApplicationSubmitted
from tongban_schemas.events.catalog import ItemPublished
from tongban_schemas.types import ItemRef

from tongban_catalog.item import Item
from tongban_catalog.publish import standing_events
from tongban_catalog.reading import read_topic
from tongban_catalog.shadow import Impact, assess

_MODELS: dict[str, type[EventData]] = EVENTS


async def impact(item: Item, kafka: str, topic_prefix: str = "") -> Impact:
    """Which cases run on other versions of the item's code, and what would be otherwise for all that ever came.

    Raises `tongban_catalog.reading.TopicError`, `tongban_schemas.envelope.MalformedRecordError`, or a `KafkaError`.
    """
    versions = await published_versions(kafka, topic_prefix, item.code)
    return assess(item, await cases_of(kafka, topic_prefix, item.code), versions)


async def published_versions(kafka: str, topic_prefix: str, code: str) -> dict[ItemRef, Item]:
    """Every version of an item that the catalogue's topic holds."""
    events = (await standing_events(kafka, topic_prefix + catalog.TOPIC)).values()
    return {
        event.data.item: Item.from_definition(event.data.definition)
        for event in events
        if isinstance(event.data, ItemPublished) and event.data.item.code == code
    }


async def cases_of(kafka: str, topic_prefix: str, code: str) -> dict[str, list[Event]]:
    """The facts of every application for an item, in any version, by application."""
    heard: dict[str, list[Event]] = defaultdict(list)
    ours: set[str] = set()

    def hear(record: "ConsumerRecord[bytes, bytes]") -> None:
        if record.value is None:
            return
        event = decode(record.headers, record.value, _MODELS)
        if event is not None:
            heard[event.subject].append(event)
            if isinstance(event.data, ApplicationSubmitted) and event.data.item.code == code:
                ours.add(event.subject)

    await read_topic(kafka, topic_prefix + applications.TOPIC, hear)
    for subject in heard.keys() - ours:
        del heard[subject]

    def add(record: "ConsumerRecord[bytes, bytes]") -> None:
        if record.value is None or (record.key is not None and record.key.decode(errors="replace") not in ours):
            return
        event = decode(record.headers, record.value, _MODELS)
        if event is not None and event.subject in ours:
            heard[event.subject].append(event)

    for topic in (approvals.TOPIC, certificates.TOPIC):
        await read_topic(kafka, topic_prefix + topic, add)
    return dict(heard)
