"""The sender against a real mail server and a real database: each mail reaches exactly one final state."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from tongban_catalog.shelf import Shelf
from tongban_notify.domain import RetryPolicy
from tongban_notify.handlers import registry
from tongban_notify.letters import Letters
from tongban_notify.sender import Round, Sender
from tongban_notify.smtp import MailServer
from tongban_runtime.database import ENGINE_ERRORS, Pool
from tongban_runtime.health import Heartbeat
from tongban_runtime.keys import KeyRequest, Keyring, Refused, VaultUnavailableError
from tongban_runtime.sealing import CaseKeys
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.keys import TestKeyring
from tongban_schemas.envelope import Event

from .history import ADDRESS, catalog, submitted, whole_case
from .post_office import PostOffice

DAY = timedelta(hours=24)
LONGEST = timedelta(minutes=30)


def make_sender(
    pool: Pool, clock: FakeClock, port: int, *, batch: int = 50, connections: int = 2, keyring: Keyring | None = None
) -> Sender:
    return Sender(
        pool=pool,
        shelf=Shelf(),
        clock=clock,
        keyring=keyring or TestKeyring(),
        letters=Letters("https://portal.example"),
        server=MailServer("127.0.0.1", port, timeout=5),
        mail_from="no-reply@notify.tongban",
        policy=RetryPolicy(timedelta(seconds=5), LONGEST, DAY),
        batch=batch,
        connections=connections,
        heartbeat=Heartbeat("sender"),
        rng=random.Random(7),  # noqa: S311 - a seed makes the run repeatable
    )


class Closed(TestKeyring):
    """A vault that does not answer until it is ``opened``; ``turned`` counts who came before."""

    opened = False
    turned = 0

    async def release(self, wanted: Sequence[KeyRequest]) -> list[CaseKeys | Refused]:
        if not self.opened:
            self.turned += 1
            raise VaultUnavailableError("closed")
        return await super().release(wanted)


def parse(mail: EmailMessage) -> str:
    """The text part of a mail."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
async def sender(informed_pool: Pool, clock: FakeClock, post_office: PostOffice) -> AsyncIterator[Sender]:
    made = make_sender(informed_pool, clock, post_office.port)
    yield made
    await made.close()


async def tell(pool: Pool, clock: FakeClock, *events: Event) -> None:
    handler = registry(Shelf(), clock).handler_of(events[0].type)
    async with pool.acquire() as tx, tx.transaction():
        await handler.function(tx, events)


async def endings(pool: Pool) -> Counter[tuple[str, str | None]]:
    """State and reason of the e-mails, counted."""
    rows = await pool.fetch("SELECT state, reason FROM notification WHERE channel = 'email'")
    return Counter((row["state"], row["reason"]) for row in rows)


async def published(pool: Pool) -> Counter[str]:
    """Final events of e-mails by type, counted."""
    rows = await pool.fetch(
        """
        SELECT o.type FROM outbox o
        WHERE convert_from(o.body, 'UTF8')::jsonb ->> 'channel' = 'email'
        """
    )
    return Counter(row["type"].split(".")[-2] for row in rows)


async def test_every_mail_of_a_case_arrives_once(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await tell(informed_pool, clock, *whole_case(str(uuid4())))
    assert await sender.round() == Round(due=5, sent=5)
    assert await sender.round() == Round()
    assert await endings(informed_pool) == {("sent", None): 5}
    assert await published(informed_pool) == {"sent": 5}
    mails = post_office.mails()
    assert len(mails) == 5
    assert {mail["To"] for mail in mails} == {ADDRESS}
    ids = {
        f"<{row['id']}@notify.tongban>"
        for row in await informed_pool.fetch("SELECT id FROM notification WHERE channel = 'email'")
    }
    assert {mail["Message-ID"] for mail in mails} == ids
    assert post_office.connections == 2


async def test_a_temporary_refusal_is_tried_again_after_a_pause(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4())))
    post_office.refusals = ["451 4.3.0 later"]
    post_office.data_answers = ["452 4.2.2 mailbox full"]
    assert await sender.round() == Round(due=1, postponed=1)
    assert await sender.round() == Round()
    clock.advance(timedelta(seconds=5))
    assert await sender.round() == Round(due=1, postponed=1)
    clock.advance(timedelta(seconds=4))
    assert await sender.round() == Round()
    clock.advance(timedelta(seconds=6))
    assert await sender.round() == Round(due=1, sent=1)
    assert len(post_office.mails()) == 1
    assert await published(informed_pool) == {"sent": 1}


@pytest.mark.parametrize("answer", ["503 5.5.1 bad sequence", "530 5.7.0 sign in first"])
async def test_what_the_server_says_about_us_fails_no_mail(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice, answer: str
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4())))
    post_office.refusals = [answer]
    assert await sender.round() == Round(due=1, postponed=1, server_answered=False)


@pytest.mark.parametrize("at", ["recipient", "data"])
async def test_a_permanent_refusal_fails_for_good(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice, at: str
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4())))
    answers = post_office.refusals if at == "recipient" else post_office.data_answers
    answers.append("550 5.1.1 no such mailbox")
    assert await sender.round() == Round(due=1, failed=1)
    clock.advance(DAY)
    assert await sender.round() == Round()
    assert await endings(informed_pool) == {("failed", "refused"): 1}
    assert await published(informed_pool) == {"failed": 1}


async def test_addresses_that_cannot_be_used_fail_and_none_is_owed_nothing(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    foreign = submitted(str(uuid4()))
    misplaced = Event(
        id=uuid4(), source="/intake", subject=str(uuid4()), time=foreign.time, sequence=1,
        correlationid=uuid4(), data=foreign.data,
    )  # fmt: skip
    await tell(
        informed_pool,
        clock,
        submitted(str(uuid4()), address=None),
        misplaced,
        submitted(str(uuid4()), address="nobody"),
        submitted(str(uuid4())),
    )
    assert await sender.round() == Round(due=3, sent=1, failed=2)
    assert await endings(informed_pool) == {
        ("failed", "address_unreadable"): 1,
        ("failed", "address_unusable"): 1,
        ("sent", None): 1,
    }


async def test_an_address_beyond_ascii_is_handed_over_in_utf8(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4()), address="联系@例子.example"))
    assert await sender.round() == Round(due=1, sent=1)
    assert "联系@例子.example".encode() in post_office.mailbox.files()[0].read_bytes()


async def test_an_unreachable_server_ends_the_round_and_untried_mails_keep_their_place(
    informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    sender = make_sender(informed_pool, clock, post_office.port, connections=1)
    await post_office.shut()
    await tell(informed_pool, clock, *(submitted(str(uuid4())) for _ in range(4)))
    assert await sender.round() == Round(due=4, postponed=1, server_answered=False)
    assert await informed_pool.fetchval("SELECT count(*) FROM notification WHERE attempts > 0") == 1
    await post_office.open()
    assert await sender.round() == Round(due=3, sent=3)
    clock.advance(timedelta(seconds=5))
    assert await sender.round() == Round(due=1, sent=1)
    await sender.close()


async def test_a_mail_is_given_up_at_its_age(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4())))
    await post_office.shut()
    pauses: list[timedelta] = []
    while (await endings(informed_pool))["pending", None]:
        assert len(pauses) < 100
        due = await informed_pool.fetchval("SELECT due_at FROM notification WHERE channel = 'email'")
        pauses.append(due - clock.now())
        clock.advance(due - clock.now())
        assert (await sender.round()).due == 1
    assert await endings(informed_pool) == {("failed", "gave_up"): 1}
    assert await published(informed_pool) == {"failed": 1}
    assert timedelta(seconds=2.5) <= pauses[1] <= timedelta(seconds=5)
    assert all(LONGEST / 2 <= pause <= LONGEST for pause in pauses[11:])


async def test_mails_wait_for_the_names_of_the_catalogue(pool: Pool, clock: FakeClock, post_office: PostOffice) -> None:
    sender = make_sender(pool, clock, post_office.port)
    await tell(pool, clock, submitted(str(uuid4())))
    assert await sender.round() == Round(due=1, postponed=1)
    await tell(pool, clock, *catalog())
    clock.advance(timedelta(seconds=5))
    assert await sender.round() == Round(due=1, sent=1)
    assert "企业投资项目审批" in post_office.mails()[0]["Subject"]
    await sender.close()


async def test_a_database_that_dies_between_250_and_commit_makes_no_second_mail(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice, dsn: str
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4())))

    async def kill_backends() -> None:
        post_office.at_data = None
        other = await asyncpg.connect(dsn)
        await other.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await other.close()

    post_office.at_data = kill_backends
    with pytest.raises(ENGINE_ERRORS):
        await sender.round()
    assert await endings(informed_pool) == {("pending", None): 1}
    assert await sender.round() == Round(due=1, sent=1)
    assert post_office.handed_over == 2
    assert len(post_office.mails()) == 1
    assert len(post_office.mailbox.duplicates()) == 1
    assert await published(informed_pool) == {"sent": 1}


async def test_two_senders_share_the_work_and_repeat_nothing(
    informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await tell(informed_pool, clock, *(submitted(str(uuid4())) for _ in range(60)))
    senders = [make_sender(informed_pool, clock, post_office.port, batch=10) for _ in range(2)]

    async def work(sender: Sender) -> int:
        sent = 0
        while (done := await sender.round()).due:
            sent += done.sent
        return sent

    shares = await asyncio.gather(*map(work, senders))
    assert sum(shares) == 60
    assert min(shares) > 0
    assert post_office.handed_over == 60
    assert await published(informed_pool) == {"sent": 60}
    for sender in senders:
        await sender.close()


async def test_a_round_asks_for_all_its_keys_at_once_and_writes_to_nobody_whose_keys_are_gone(
    informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    keyring = TestKeyring()
    sender = make_sender(informed_pool, clock, post_office.port, keyring=keyring)
    gone, there = uuid4(), uuid4()
    await tell(informed_pool, clock, submitted(str(gone)), *whole_case(str(there)))
    keyring.refusing[gone] = "erased"
    assert await sender.round() == Round(due=6, sent=5, failed=1)
    assert {one.application for one in keyring.asked} == {gone, there}
    assert len(keyring.asked) == 2
    assert await endings(informed_pool) == {("sent", None): 5, ("failed", "address_unreadable"): 1}
    mail = next(mail for mail in post_office.mails() if "未获批准" in mail["Subject"])
    assert "理由：不符合要求" in parse(mail)
    await sender.close()


async def test_a_vault_that_does_not_answer_is_waited_for(
    informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    keyring = Closed()
    sender = make_sender(informed_pool, clock, post_office.port, keyring=keyring)
    await tell(informed_pool, clock, submitted(str(uuid4())))
    running = asyncio.create_task(sender.run())
    async with asyncio.timeout(20):
        while not keyring.turned:
            await asyncio.sleep(0.02)
        assert await informed_pool.fetchval("SELECT max(attempts) FROM notification") == 0
        keyring.opened = True
        while (await endings(informed_pool))["sent", None] < 1:
            await asyncio.sleep(0.05)
    sender.stop()
    await asyncio.wait_for(running, 5)


async def test_a_closed_connection_is_opened_again_at_once(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await tell(informed_pool, clock, submitted(str(uuid4())))
    assert (await sender.round()).sent == 1
    post_office.refusals = ["421 4.4.2 too many mails on one connection"]
    await tell(informed_pool, clock, submitted(str(uuid4())))
    assert await sender.round() == Round(due=1, sent=1)
    assert post_office.connections == 2


async def test_the_component_sends_until_it_is_stopped_and_waits_for_the_server(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice
) -> None:
    await post_office.shut()
    await tell(informed_pool, clock, *(submitted(str(uuid4())) for _ in range(3)))
    running = asyncio.create_task(sender.run())
    await asyncio.sleep(0.3)
    await post_office.open()
    clock.advance(timedelta(seconds=5))
    async with asyncio.timeout(20):
        while (await endings(informed_pool))["sent", None] < 3:
            await asyncio.sleep(0.05)
    sender.stop()
    await asyncio.wait_for(running, 5)
    assert post_office.handed_over == 3


async def test_the_address_is_in_no_log(
    sender: Sender, informed_pool: Pool, clock: FakeClock, post_office: PostOffice,
    caplog: pytest.LogCaptureFixture, tmp_path: Path,
) -> None:  # fmt: skip
    caplog.set_level("DEBUG")
    await tell(informed_pool, clock, *(submitted(str(uuid4())) for _ in range(3)))
    post_office.refusals = ["550 5.1.1 canary@example.com unknown", "451 4.3.0 canary@example.com later"]
    await sender.round()
    own = [record for record in caplog.records if record.name == "tongban"]
    assert len(own) == 3
    assert not [record for record in own if ADDRESS in str(record.__dict__) or ADDRESS in record.getMessage()]
