"""The certificates of an issuing body are a source like its registers: found by a hash, told of what becomes of them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from tongban_catalog.shelf import Shelf
from tongban_certificates.document import CertificateRenderer
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.issuing import IssuingWorker, Press
from tongban_certificates.registers.desk import NotHereError, RegisterDesk
from tongban_certificates.signing import CertificateSigner
from tongban_runtime.health import Heartbeat
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessErased
from tongban_schemas.events.certificates import CertificateIssued
from tongban_schemas.events.evidence import EvidenceCorrected, EvidenceNotRecorded, EvidenceProvided

from . import cases, sources
from .conftest import hear
from .sources import COMPANY, DECISION, World, asked

OTHER_COMPANY = "91990000MA0000020N"
PROVIDER = "administrative-approval"


@dataclass(slots=True)
class Store:
    """The certificates of one issuing body, and who asks for them."""

    world: World
    handlers: CertificateHandlers
    worker: Callable[[], IssuingWorker]

    async def issue(self, name: str, item: Any = cases.RENEWABLE, **answers: object) -> Any:
        """The row of the certificate that a case leads to."""
        case = cases.granted_case(name, item, **answers)
        await hear(self.world.pool, self.handlers.registry(), case)
        await self.worker().issue_due()
        return await self.row(name)

    async def row(self, name: str) -> Any:
        return await self.world.pool.fetchrow(
            "SELECT * FROM certificate WHERE application = $1 ORDER BY edition DESC", cases.case_id(name)
        )

    async def annul(self, name: str, item: Any = cases.RENEWABLE, *, reopen: bool = False) -> Event:
        annulment = cases.annulled(cases.granted_case(name, item)[-1], 100, reopen=reopen)
        await hear(self.world.pool, self.handlers.registry(), [annulment])
        return annulment


@pytest.fixture
async def store(pool: Any, renderer: CertificateRenderer, signer: CertificateSigner) -> Store:
    world = await sources.make_world(pool)
    shelf: Shelf = world.sharing.shelf
    handlers = CertificateHandlers(shelf, world.clock, world.keyring, world.registers, {PROVIDER})
    own = {f"item:{one.code}:{one.version}" for one in cases.ITEMS} | {f"department:{PROVIDER}"}
    await hear(pool, handlers.registry(), [one for one in cases.catalogue() if one.subject in own])

    def worker() -> IssuingWorker:
        return IssuingWorker(
            pool=pool,
            clock=world.clock,
            shelf=shelf,
            press=Press(renderer, signer, "http://verify.test"),
            keyring=world.keyring,
            registers=world.registers,
            batch=16,
            parallel=1,
            heartbeat=Heartbeat("issuer"),
        )

    return Store(world, handlers, worker)


def decision(name: str, holder: str = COMPANY) -> Event:
    return asked(name, "decision", COMPANY, lookup={}, lookup_plain={"holder": holder})


async def answer(store: Store, name: str, holder: str = COMPANY) -> Any:
    """What a case is answered."""
    request = decision(name, holder)
    return next(one.data for one in await store.world.ask(request) if getattr(one.data, "request", None) == request.id)


async def corrections(store: Store) -> list[EvidenceCorrected]:
    await store.world.work()
    return [one.data for one in await store.world.told() if isinstance(one.data, EvidenceCorrected)]


async def test_an_issued_certificate_is_given_to_who_asks_by_its_holders_code(store: Store) -> None:
    row = await store.issue("permit")
    given = await answer(store, "asking")
    assert isinstance(given, EvidenceProvided)
    assert given.values == {
        "number": row["number"],
        "issued_on": "2026-03-02",
        "valid_until": "2031-03-01",
        "state": "issued",
    }
    assert (given.grade, given.sealed, given.recorded_at) == ("A", {}, row["issued_at"])
    assert isinstance(await answer(store, "another", OTHER_COMPANY), EvidenceNotRecorded)
    stored = "".join(str(dict(one)) for one in await store.world.pool.fetch("SELECT * FROM certificate"))
    assert COMPANY not in stored


async def test_what_does_not_hold_any_more_or_names_no_code_is_not_given(store: Store) -> None:
    await store.issue("without-a-code", company_uscc=None)
    assert (await store.row("without-a-code"))["holder"] is None
    assert isinstance(await answer(store, "none"), EvidenceNotRecorded)
    await store.issue("annulled")
    await store.annul("annulled")
    assert isinstance(await answer(store, "revoked"), EvidenceNotRecorded)
    await store.issue("expiring")
    await store.world.pool.execute("UPDATE certificate SET valid_until = '2026-03-01' WHERE state = 'issued'")
    assert isinstance(await answer(store, "expired"), EvidenceNotRecorded)


async def test_an_annulled_certificate_is_told_as_withdrawn_and_its_successor_as_a_change(store: Store) -> None:
    first = await store.issue("permit")
    await answer(store, "asking")
    annulment = await store.annul("permit", reopen=True)
    (gone,) = await corrections(store)
    assert (gone.withdrawn, gone.values, gone.cause) == (True, {}, "source")
    await hear(store.world.pool, store.handlers.registry(), cases.granted_anew(annulment, 110))
    await store.worker().issue_due()
    _, again = await corrections(store)
    second = await store.row("permit")
    assert (second["record"], second["replaces"]) == (first["record"], first["number"])
    assert (again.withdrawn, again.values["number"]) == (False, second["number"])


async def test_a_renewal_is_told_with_the_new_number_and_another_certificate_is_not(store: Store) -> None:
    first = await store.issue("permit")
    given = await answer(store, "asking")
    await store.issue("second-shop")
    assert await corrections(store) == []
    store.world.clock.advance(timedelta(days=1))
    renewed = await store.issue("renewal", previous_number=first["number"])
    (told,) = await corrections(store)
    assert told.request == given.request
    assert (told.changed, told.withdrawn) == (["issued_on", "number", "valid_until"], False)
    assert told.values == {"number": renewed["number"], "issued_on": "2026-03-03", "valid_until": "2031-03-02"}


async def test_a_renewal_for_another_holder_takes_the_record_away(store: Store) -> None:
    first = await store.issue("permit")
    await answer(store, "asking")
    other = await store.issue("renewal", previous_number=first["number"], company_uscc=OTHER_COMPANY)
    assert other["record"] != first["record"]
    (told,) = await corrections(store)
    assert (told.withdrawn, told.values) == (True, {})
    assert (await answer(store, "later", OTHER_COMPANY)).values["number"] == other["number"]


async def test_replicas_issue_answer_and_revoke_at_once_and_no_change_is_missed(store: Store) -> None:
    names = [f"permit-{index}" for index in range(4)]
    for name in names:
        await hear(store.world.pool, store.handlers.registry(), cases.granted_case(name, cases.RENEWABLE))
    await asyncio.gather(store.worker().issue_due(), store.worker().issue_due())
    while await store.worker().issue_due():
        pass
    await store.world.hear(*(decision(f"asking-{index}") for index in range(20)))

    async def annul() -> None:
        for name in names:
            await store.annul(name)

    await asyncio.gather(annul(), store.world.answerer.round(), store.world.answerer.round())
    told = await corrections(store)
    given = [one for one in await store.world.told() if isinstance(one.data, EvidenceProvided)]
    assert {one.provided for one in told if one.withdrawn} == {one.id for one in given}
    numbers = [
        one.data.number for one in await store.world.told(CertificateIssued) if isinstance(one.data, CertificateIssued)
    ]
    assert len(numbers) == len(set(numbers)) == 4


async def test_an_erased_holder_is_not_found_any_more(store: Store) -> None:
    row = await store.issue("permit")
    store.world.keyring.gone.add(row["application"])
    data = AccessErased(ground="retention-over", basis="示例条例", key="0" * 64, chain="0" * 64)
    await hear(
        store.world.pool, store.handlers.registry(), [cases.fact(str(row["application"]), data, 200, "/intake/vault")]
    )
    assert (await store.row("permit"))["holder"] is None
    assert isinstance(await answer(store, "asking"), EvidenceNotRecorded)


async def test_nobody_brings_certificates_in_from_outside(store: Store) -> None:
    desk = RegisterDesk(store.world.pool, store.world.clock, store.world.sharing.shelf, store.world.registers)
    with pytest.raises(NotHereError):
        await desk.resource(DECISION, None)
