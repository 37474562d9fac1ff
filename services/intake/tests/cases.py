"""Cases as other services tell them, and a producer that puts their events on the topics."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from tongban_catalog.item import Item
from tongban_catalog.load import load_catalog
from tongban_catalog.testing import signed
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.envelope import Event, EventData, encode_body, encode_headers, event_id
from tongban_schemas.events.applications import ApplicationAccepted, ApplicationCorrected, ApplicationSubmitted
from tongban_schemas.events.approvals import (
    ApprovalCorrectionRequested,
    ApprovalGranted,
    ApprovalOpened,
    correction_field,
)
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.events.notifications import NotificationFailed, NotificationSent
from tongban_schemas.types import ItemRef

_CATALOG = load_catalog()
_INVESTMENT = _CATALOG.item("enterprise-investment-project")
_USCC = {name: one.uscc for name, one in _CATALOG.departments.items()}
ITEM = ItemRef(code="11990000000000019A3990100001000", version=1)
KIND = _INVESTMENT.certificate.kind
MORNING = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
Headers = list[tuple[str, bytes]]


def acted(event: Event, item: Item = _INVESTMENT) -> Event:
    """The event with the act that its body signs, where it is a formal act."""
    return signed([event], item, _USCC)[0]


def make_event(subject: str, data: EventData, source: str, sequence: int, minute: int, *extra: str) -> Event:
    event = Event(
        id=event_id(data.TYPE, subject, *extra),
        source=source,
        subject=subject,
        time=MORNING + timedelta(minutes=minute),
        sequence=sequence,
        correlationid=UUID(subject),
        traceparent=f"00-{UUID(subject).hex}-00000000000000a1-01",
        data=data,
    )
    return acted(event)


def finished_case(subject: str | None = None, steps: Sequence[str] = ("BA", "KG", "SG")) -> list[Event]:
    """Every event of a case that ends with its certificate, after one correction."""
    subject = subject or str(uuid4())
    heritage = "/approvals/heritage"
    told: list[tuple[EventData, str, tuple[str, ...]]] = [
        (ApplicationSubmitted(item=ITEM, applicant=UUID(int=7), region="990000"), "/intake", ()),
        (ApplicationAccepted(item=ITEM), "/intake", ()),
    ]
    told += [(ApprovalOpened(step=step, department="heritage"), heritage, (step,)) for step in steps]
    request = event_id(ApprovalCorrectionRequested.TYPE, subject, steps[0])
    told.append(
        (
            ApprovalCorrectionRequested(
                step=steps[0],
                department="heritage",
                fields=["project_name"],
                message=case_keys(subject).seal(request, correction_field(steps[0]), "请更正。"),
            ),
            heritage,
            (steps[0],),
        )
    )
    told.append((ApplicationCorrected(request=request, answers={"project_name": "示例"}), "/intake", (str(request),)))
    told += [
        (ApprovalGranted(step=step, department="heritage", decided_by="rule"), heritage, (step,)) for step in steps
    ]
    told += [
        (
            CertificateIssued(
                item=ITEM,
                kind="11990000000000019A001",
                number=f"1.2.156.3005.2.{subject[:8]}",
                issuer="administrative-approval",
                pdf_sha256="0" * 64,
                verification="http://127.0.0.1/verify",
            ),
            "/certificates/administrative-approval",
            (),
        ),
        (NotificationSent(notification=uuid4(), about="issued", channel="inbox"), "/notify", ("inbox",)),
        (
            NotificationFailed(notification=uuid4(), about="issued", channel="email", reason="rejected"),
            "/notify",
            ("email",),
        ),
    ]
    counters: dict[str, int] = {}
    events = []
    for minute, (data, source, extra) in enumerate(told):
        counters[source] = counters.get(source, 0) + 1
        events.append(make_event(subject, data, source, counters[source], minute, *extra))
    return events


class Stream:
    """Puts events and raw records on the topics of one prefix."""

    def __init__(self, bootstrap: str, prefix: str, transactional_id: str | None = None) -> None:
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, transactional_id=transactional_id
        )
        self.prefix = prefix

    async def __aenter__(self) -> "Stream":
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(self, events: Iterable[Event], partition: int | None = None) -> None:
        """Puts events where their keys belong, or all into one partition."""
        sent = [
            await self._producer.send(
                self.prefix + event.topic,
                encode_body(event.data),
                key=event.subject.encode(),
                headers=encode_headers(event),
                partition=partition,
            )
            for event in events
        ]
        for future in sent:
            await future

    async def send_in_transaction(self, events: Iterable[Event], *, commit: bool) -> None:
        """Puts events there in one transaction of Kafka; the stream must have a ``transactional_id``."""
        await self._producer.begin_transaction()
        await self.send(events)
        await (self._producer.commit_transaction() if commit else self._producer.abort_transaction())

    async def partition_of(self, event: Event) -> int:
        """The partition where an event's key belongs."""
        partitions = sorted(await self._producer.partitions_for(self.prefix + event.topic))
        return int(DefaultPartitioner()(event.subject.encode(), partitions, partitions))

    async def send_raw(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> None:
        await self._producer.send_and_wait(self.prefix + topic, value, key=key, headers=headers)
