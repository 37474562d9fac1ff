"""How the Kafka client reads record batches: what a batch says of its offsets, and names that are not UTF-8.

Not every offset of a partition is a record. The broker gives one to each mark that ends a transaction, and the records of an
aborted transaction keep theirs and are never delivered. Only the batch tells these from a record that was lost, and the client
drops what it says; so the client's own reader of batches is replaced by `Fetched`, for every consumer of the process, Faust's
too. It also reads header names that are not UTF-8, on which the client's reader ends the consumer, again after every restart.

Source: the record batch format of Kafka's protocol guide, and ``aiokafka.consumer.fetcher.PartitionRecords`` of aiokafka 0.14.
"""

from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

ISOLATION: Final = "read_committed"
"""What a producer took back before it counted is no fact."""

_KEPT: Final = 20_000
"""Ranges that are remembered of a partition: more than any consumer has fetched and not yet handled."""

_no_records: dict[TopicPartition, dict[int, int]] = {}


def following(place: TopicPartition, offset: int) -> int:
    """The first offset from ``offset`` on that can be a record, by what the batches that were fetched here said."""
    known = _no_records.get(place, {})
    while offset in known:
        offset = known[offset]
    return offset


def note(place: TopicPartition, start: int, end: int) -> None:
    """Remembers that a partition's log holds no record from ``start`` up to ``end``, which is not part of it."""
    known = _no_records.setdefault(place, {})
    known[start] = end
    if len(known) > _KEPT:
        del known[next(iter(known))]


class _Batches(_MemoryRecordsPy):  # type: ignore[misc]
    """The batches of one answer, each with its bytes, so that it can be read a second time."""

    def next_batch(self, *arguments: Any) -> Any:
        self.raw = self._next_slice
        return super().next_batch(*arguments)


class _Lenient(bytearray):
    """Bytes whose slices are decoded whatever they hold; `str.encode` with ``surrogateescape`` gives them back."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Lenient(found) if isinstance(index, slice) else found

    def decode(self, *_: Any) -> str:
        return super().decode("utf-8", "surrogateescape")


class Fetched(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of one partition in one answer of the broker."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[Any]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._is_left_out(batch):
                note(self._tp, max(batch.base_offset, self.next_fetch_offset), batch.next_offset)
            else:
                for record in _records(batch, self._records.raw):
                    if record.offset >= self.next_fetch_offset:
                        self.next_fetch_offset = record.offset + 1
                        yield self._consumer_record(self._tp, record)
            self.next_fetch_offset = batch.next_offset

    def _is_left_out(self, batch: Any) -> bool:
        """Whether the batch is a mark of the broker, or of a transaction that was aborted."""
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return True
        return bool(batch.is_control_batch)


def _records(batch: Any, raw: Any) -> Iterator[Any]:
    """The records of a batch; those after one that the quick reader cannot read come from the lenient one."""
    read = 0
    try:
        for record in batch:
            read += 1
            yield record
    except (CorruptRecordException, UnicodeDecodeError):
        lenient = _DefaultRecordBatchPy(bytes(raw))
        lenient._maybe_uncompress()
        lenient._buffer = _Lenient(lenient._buffer)
        for number, record in enumerate(lenient):
            if number >= read:
                yield record


def install() -> None:
    """Makes every consumer of this process read batches as described above."""
    fetcher.MemoryRecords = _Batches
    fetcher.PartitionRecords = Fetched


def new_client(*topics: str, **settings: Any) -> AIOKafkaConsumer:
    """A consumer that is not started yet. ``settings`` are aiokafka's; nothing is committed but by hand."""
    install()
    return AIOKafkaConsumer(*topics, **{"enable_auto_commit": False, "isolation_level": ISOLATION, **settings})
