"""Reads a Kafka topic from its beginning to its present end, once, without a group: for commands, not for services."""

import asyncio
from collections.abc import Callable

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from tongban_runtime.fetching import new_client

REQUEST_TIMEOUT_MS = 10_000
_STALLED_SECONDS = 60
_NEW_TOPIC_TRIES, _NEW_TOPIC_PAUSE_SECONDS = 10, 0.3
"""A topic that was just made is not known to every broker at once."""


class TopicError(RuntimeError):
    """A topic is not there or does not answer; the text says what to do."""


async def read_topic(kafka: str, topic: str, take: Callable[["ConsumerRecord[bytes, bytes]"], None]) -> None:
    """Gives every record that the topic holds now to ``take``; of one partition in order.

    ``kafka`` is ``host:port[,host:port]``. Raises `TopicError` when the topic does not exist, or when nothing comes for a
    minute, a `KafkaError` of aiokafka when the broker cannot be reached, and what ``take`` raises.
    """
    partitions = await _partitions(kafka, topic)
    consumer = new_client(
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        client_id="tongban-catalog",
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        while [one for one in partitions if await consumer.position(one) < ends[one]]:
            async with asyncio.timeout(_STALLED_SECONDS):
                while not (fetched := await consumer.getmany(timeout_ms=500)):
                    if not [one for one in partitions if await consumer.position(one) < ends[one]]:
                        break
            for partition, records in fetched.items():
                for record in records:
                    if record.offset < ends[partition]:
                        take(record)
    except TimeoutError as error:
        raise TopicError(
            f"读取主题 {topic} 超时,请检查 Kafka / reading the topic {topic} took too long: check Kafka"
        ) from error
    finally:
        await consumer.stop()


async def _partitions(kafka: str, topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=REQUEST_TIMEOUT_MS)
    await admin.start()
    tries = _NEW_TOPIC_TRIES
    try:
        (described,) = await admin.describe_topics([topic])
        while described["error_code"] == UnknownTopicOrPartitionError.errno and (tries := tries - 1):
            await asyncio.sleep(_NEW_TOPIC_PAUSE_SECONDS)
            (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    if described["error_code"] == UnknownTopicOrPartitionError.errno:
        raise TopicError(f"Kafka 上没有主题 {topic},请先建立 / there is no topic {topic} on Kafka: create it first")
    if described["error_code"]:
        raise for_code(described["error_code"])(topic)
    return [TopicPartition(topic, part["partition"]) for part in described["partitions"]]
