"""Handlers and worker on a real database: one certificate per case, however its facts arrive and whoever crashes."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_certificates import identifier, store
from tongban_certificates.credentials import load_trust_anchor
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.independent import verify_with_pdfsig
from tongban_certificates.issuing import IssuingWorker
from tongban_certificates.registers.register import Registers
from tongban_certificates.verification import CertificateVerifier
from tongban_runtime.registry import Registry
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import ARRIVALS, Arrival
from tongban_runtime.testing.keys import TestKeyring
from tongban_schemas.envelope import decode_data
from tongban_schemas.events.certificates import CertificateIssued

from . import cases
from .conftest import VERIFY_URL, hear, opened


async def states(pool: Any) -> dict[str, str]:
    return {
        str(row["application"]): row["state"] for row in await pool.fetch("SELECT application, state FROM certificate")
    }


HISTORY = [
    *cases.granted_case("plain"),
    *cases.granted_case("repair", cases.REPAIR),
    *cases.granted_case("short")[:-1],
    *cases.granted_case("refused"),
    cases.refused("refused"),
    *cases.granted_case("withdrawn"),
    cases.withdrawn("withdrawn", 2),
    *cases.granted_case("late-withdrawal"),
    cases.withdrawn("late-withdrawal", 900),
]
EXPECTED = {str(cases.case_id(name)) for name in ("plain", "repair", "late-withdrawal")}


@pytest.mark.parametrize("arrival", ARRIVALS)
@pytest.mark.parametrize("seed", range(3))
async def test_arrival_of_facts_changes_no_decision(pool: Any, registry: Registry, arrival: Arrival, seed: int) -> None:
    await hear(pool, registry, [*HISTORY, *cases.catalogue()], arrival, seed)
    found = await states(pool)
    assert {application for application, state in found.items() if state == "due"} == EXPECTED
    assert {state for application, state in found.items() if application not in EXPECTED} <= {"cancelled"}
    assert not await pool.fetch("SELECT FROM waiting_case")


async def test_case_waits_for_a_catalogue_that_comes_late(pool: Any, registry: Registry) -> None:
    await hear(pool, registry, cases.granted_case("early"))
    assert await states(pool) == {}
    assert len(await pool.fetch("SELECT FROM waiting_case")) == 1
    await hear(pool, registry, cases.catalogue())
    assert list((await states(pool)).values()) == ["due"]


async def test_numbers_are_valid_unique_and_without_holes(pool: Any, registry: Registry) -> None:
    events = [event for index in range(25) for event in cases.granted_case(f"numbered-{index}", cases.REPAIR)]
    await hear(pool, registry, [*cases.catalogue(), *events], "shuffled", 5)
    numbers = [row["number"] for row in await pool.fetch("SELECT number FROM certificate")]
    serials = sorted(identifier.parse(number).serial for number in numbers)
    assert serials == [f"2026{index:07d}" for index in range(1, 26)]


async def test_other_bodies_cases_are_left_alone(
    pool: Any, shelf: Shelf, clock: FakeClock, registers: Registers
) -> None:
    registry = CertificateHandlers(shelf, clock, TestKeyring(), registers, {"market-regulation"}).registry()
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("foreign")])
    assert await states(pool) == {}


async def test_due_certificate_is_drawn_signed_stored_and_published(
    pool: Any,
    registry: Registry,
    make_worker: Callable[[], IssuingWorker],
    signing_directory: Path,
    tmp_path: Path,
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("whole")])
    assert await make_worker().issue_due() == 1
    assert await make_worker().issue_due() == 0
    (row,) = await pool.fetch("SELECT * FROM certificate JOIN certificate_file USING (number)")
    assert (row["state"], row["holder_shown"]) == ("issued", "示例制造有限公司")
    assert await CertificateVerifier(load_trust_anchor(signing_directory)).verify(opened(row)) == "valid"
    assert hashlib.sha256(opened(row)).hexdigest() == row["sha256"]
    pdf = tmp_path / "certificate.pdf"
    pdf.write_bytes(opened(row))
    assert verify_with_pdfsig(pdf, signing_directory / "ca.pem").accepted
    (sent,) = await pool.fetch("SELECT * FROM outbox")
    issued = decode_data(CertificateIssued, sent["body"])
    assert issued == CertificateIssued(
        item=cases.INVESTMENT.ref,
        kind=cases.INVESTMENT.certificate.kind,
        number=row["number"],
        issuer="administrative-approval",
        pdf_sha256=row["sha256"],
        verification=f"{VERIFY_URL}/verify/{row['number']}",
    )
    last_grant = cases.granted_case("whole")[-1]
    assert (sent["source"], sent["causation_id"]) == ("/certificates/administrative-approval", last_grant.id)
    assert sent["correlation_id"] == last_grant.correlationid


async def test_two_workers_make_every_certificate_once(
    pool: Any, registry: Registry, make_worker: Callable[[], IssuingWorker]
) -> None:
    events = [event for index in range(40) for event in cases.granted_case(f"busy-{index}", cases.REPAIR)]
    await hear(pool, registry, [*cases.catalogue(), *events])
    workers = [make_worker(), make_worker()]
    running = [asyncio.create_task(worker.run()) for worker in workers]
    async with asyncio.timeout(60):
        while await pool.fetchval("SELECT count(*) FROM certificate WHERE state = 'due'"):
            await asyncio.sleep(0.05)
    for worker in workers:
        worker.stop()
    await asyncio.gather(*running)
    assert await pool.fetchval("SELECT count(*) FROM certificate_file") == 40
    assert await pool.fetchval("SELECT count(*) FROM outbox") == 40


async def test_failed_commit_issues_nothing_and_the_next_try_everything(
    pool: Any, registry: Registry, make_worker: Callable[[], IssuingWorker]
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("broken-off")])
    await pool.execute(
        """
        CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken off'; END $$;
        CREATE TRIGGER break_off BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION break_off();
        """
    )
    try:
        with pytest.raises(Exception, match="broken off"):
            await make_worker().issue_due()
    finally:
        await pool.execute("DROP FUNCTION break_off CASCADE")
    assert list((await states(pool)).values()) == ["due"]
    assert not await pool.fetch("SELECT FROM certificate_file")
    assert await make_worker().issue_due() == 1
    assert list((await states(pool)).values()) == ["issued"]


async def test_undrawable_name_stays_due_with_its_reason_and_holds_nobody_up(
    pool: Any, registry: Registry, make_worker: Callable[[], IssuingWorker], clock: FakeClock
) -> None:
    rare = cases.granted_case("rare", cases.REPAIR, company_name="示例\U0002ebf0公司")
    await hear(pool, registry, [*cases.catalogue(), *rare, *cases.granted_case("usual", cases.REPAIR)])
    assert await make_worker().issue_due() == 2
    found = await states(pool)
    assert found == {str(cases.case_id("rare")): "due", str(cases.case_id("usual")): "issued"}
    row = await pool.fetchrow("SELECT failure, attempts, retry_at FROM certificate WHERE state = 'due'")
    assert (row["failure"], row["attempts"]) == ("missing_glyph", 1)
    assert row["retry_at"] == clock.now() + timedelta(seconds=1)
    assert await make_worker().issue_due() == 0
    clock.advance(timedelta(seconds=1))
    assert await make_worker().issue_due() == 1
    (stuck,) = await store.stuck(pool)
    assert (stuck["application"], stuck["failure"], stuck["attempts"]) == (cases.case_id("rare"), "missing_glyph", 2)
    assert await make_worker().issue_due() == 0
    assert await store.retry(pool, "1.2", clock.now()) is None
    assert await store.retry(pool, stuck["number"], clock.now()) is not None
    assert await make_worker().issue_due() == 1
    assert (await store.stuck(pool))[0]["attempts"] == 3
    assert await store.count_stuck(pool) == 1


@pytest.mark.parametrize(
    ("item", "answers", "failure", "shown"),
    [
        (cases.REPAIR, {"company_name": None}, "no_holder", None),
        (cases.WITHOUT_HOLDER, {}, "no_holder", None),
        (cases.PERSONAL, {"applicant_name": "欧阳示例", "applicant_id": "990102199001011234"}, None, "欧＊＊"),
    ],
    ids=["no-name", "no-holder-declared", "sealed-person"],
)
async def test_holder_is_who_the_item_says(
    pool: Any,
    registry: Registry,
    make_worker: Callable[[], IssuingWorker],
    item: Item,
    answers: dict[str, object],
    failure: str | None,
    shown: str | None,
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("holder", item, **answers)])
    assert await make_worker().issue_due() == 1
    row = await pool.fetchrow("SELECT failure, holder_shown FROM certificate")
    assert (row["failure"], row["holder_shown"]) == (failure, shown)


async def test_withdrawal_heard_before_issuing_cancels_and_after_it_does_not(
    pool: Any, registry: Registry, make_worker: Callable[[], IssuingWorker]
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("changed", cases.REPAIR)])
    await hear(pool, registry, [cases.withdrawn("changed", 0)])
    assert list((await states(pool)).values()) == ["cancelled"]
    assert await make_worker().issue_due() == 0
    await hear(pool, registry, cases.granted_case("kept", cases.REPAIR))
    assert await make_worker().issue_due() == 1
    await hear(pool, registry, [cases.withdrawn("kept", 0)])
    async with pool.acquire() as connection:
        known = await store.latest_editions(connection, [cases.case_id("kept")])
    assert [row.state for row in known.values()] == ["issued"]
