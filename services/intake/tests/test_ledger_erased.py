"""A draft that is gone: its person still reads who had looked at it, and nothing of what it held is left."""

from typing import Any
from uuid import UUID, uuid4

from tongban_catalog.shelf import Shelf
from tongban_intake.facts import fact_of
from tongban_intake.folding import fold_changes, note
from tongban_intake.vault.rules import Asker
from tongban_runtime.keys import KeyRequest
from tongban_schemas.events.access import AccessErased, AccessRefused

from .conftest import only
from .counter import kind_of
from .test_evidence_api import Desk, desk, shared_desk, sign_in

__all__ = ["desk", "shared_desk", "sign_in"]


async def fold(desk: Desk, case: str) -> None:
    changes: Any = {}
    for event in await desk.service.outbox(case):
        if (fact := fact_of(event)) is not None:
            note(changes, case, 0, fact)
    async with desk.service.runtime.pool.acquire() as tx, tx.transaction():
        await fold_changes(tx, Shelf(), 1, changes)


async def looked_at(desk: Desk) -> str:
    """A draft of which a source was given the number to look it up by."""
    draft, requests = await desk.agreed()
    asked = KeyRequest(
        UUID(draft), "evidence", frozenset({"evidence.lookup/holder"}), "housing", request=requests["home-proof"].id
    )
    async with desk.service.runtime.pool.acquire() as tx, tx.transaction():
        await desk.service.intake.vault.release(tx, Asker("certificates", frozenset({"housing"})), [asked])
    await fold(desk, draft)
    return draft


async def test_who_looked_at_a_discarded_draft_stays_to_be_seen_by_its_person(desk: Desk) -> None:
    draft = await looked_at(desk)
    (before,) = (await desk.get("/v1/ledger"))["lines"]
    async with desk.client() as client:
        for _ in range(2):
            assert (await client.delete(f"/v1/drafts/{draft}")).status_code == 204
        assert (await client.get(f"/v1/drafts/{draft}")).status_code == 404
        await fold(desk, draft)
        whole, one = await desk.get("/v1/ledger"), await desk.get(f"/v1/ledger/{draft}")
        assert whole == one
        assert [line["kind"] for line in whole["lines"]] == ["erased", "used"]
        assert whole["lines"][1] == before
        pages = [await client.get("/ledger"), await client.get(f"/applications/{draft}/ledger")]
        doubt = await client.post(f"/v1/ledger/{draft}/{before['event']}/doubt", json={"text": "为什么？"})
    assert [page.status_code for page in pages] == [200, 200]
    assert all("系统自动使用" in page.text for page in pages)
    assert kind_of(doubt) == (410, "access-erased")
    only(await desk.service.outbox(draft), AccessErased)
    row = await desk.service.runtime.pool.fetchrow("SELECT * FROM erased_draft WHERE id = $1", UUID(draft))
    assert dict(row) == {"id": UUID(draft), "applicant": desk.person, "erased_at": desk.clock.now()}


async def test_nobody_else_reads_it_and_who_tries_is_told_of(desk: Desk) -> None:
    draft = await looked_at(desk)
    async with desk.client() as client, desk.service.client(uuid4()) as stranger:
        assert (await client.delete(f"/v1/drafts/{draft}")).status_code == 204
        assert kind_of(await stranger.get(f"/v1/ledger/{draft}")) == (404, "no-such-case")
        assert (await stranger.get("/v1/ledger")).json() == {"lines": [], "more": False}
    told = only(await desk.service.outbox(draft), AccessRefused)
    assert isinstance(told.data, AccessRefused)
    assert told.data.rule == "not-the-applicant"
    await fold(desk, draft)
    lines = (await desk.get(f"/v1/ledger/{draft}"))["lines"]
    assert [line["kind"] for line in lines][:2] == ["turned-away", "erased"]
