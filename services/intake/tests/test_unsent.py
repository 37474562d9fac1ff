"""A mail that reaches nobody: the case's page says why, and where the address is changed."""

from typing import Any, get_args
from uuid import UUID, uuid4

import pytest
from tongban_catalog.shelf import Shelf
from tongban_intake.facts import fact_of
from tongban_intake.folding import fold_changes
from tongban_intake.presentation.names import failure_words
from tongban_intake.status.model import Deliveries
from tongban_notify.domain import FailureReason
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.notifications import NotificationFailed

from .counter import MATERIALS, Counter
from .test_case_pages import page_of


def test_every_reason_of_the_sender_has_words_of_its_own() -> None:
    words = [failure_words(Deliveries(0, 1, (reason,))) for reason in get_args(FailureReason)]
    assert len({one.zh for [one] in words}) == len(words)
    assert failure_words(Deliveries(0, 1)) not in words


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (Deliveries(1, 0), []),
        (Deliveries(0, 1), ["邮件没有送到"]),
        (Deliveries(0, 2, ("<b>", "unheard_of")), ["邮件没有送到"]),
        (Deliveries(0, 2, ("no_address", "unheard_of")), ["没有填写电子邮箱", "邮件没有送到"]),
    ],
    ids=["none failed", "no reason", "reasons without words", "both"],
)
def test_each_reason_is_said_once_and_never_as_a_code(ended: Deliveries, said: list[str]) -> None:
    assert [words.zh for words in failure_words(ended)] == said


async def test_the_page_says_why_a_mail_reached_nobody_and_where_the_address_is_changed(counter: Counter) -> None:
    case = await counter.apply(MATERIALS)
    assert "没有送到" not in await page_of(counter, case)
    await _fold_failure(counter, case)
    told = await page_of(counter, case)
    assert "1 封邮件没有送到：对方的邮件服务器拒收，邮箱可能写错、已停用或者已满。" in told
    assert 'href="/services/' in told
    assert '#where">与办理部门联系' in told
    async with counter.service.client(counter.person) as client:
        shown: dict[str, Any] = (await client.get(f"/v1/applications/{case}")).json()
    assert shown["notifications"]["email"]["failed"] == 1
    assert shown["notifications"]["email"]["why"][0]["en"].startswith("its mail server refused it")


async def _fold_failure(counter: Counter, case: str) -> None:
    data: EventData = NotificationFailed(notification=uuid4(), about="submitted", channel="email", reason="refused")
    event = Event(event_id(data.TYPE, case), "/notify", case, counter.clock.now(), UUID(case), data, 1)
    fact = fact_of(event)
    assert fact is not None
    async with counter.service.runtime.pool.acquire() as tx, tx.transaction():
        await fold_changes(tx, Shelf(), 1, {case: (0, [fact])})
