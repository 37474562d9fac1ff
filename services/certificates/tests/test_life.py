"""What becomes of a certificate: delivered late, taken back, made anew, renewed, out of date."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from tongban_catalog.shelf import Shelf
from tongban_certificates import identifier
from tongban_certificates.api import make_app
from tongban_certificates.assembly import last_valid_day, masked_code
from tongban_certificates.credentials import load_trust_anchor
from tongban_certificates.issuing import IssuingWorker
from tongban_certificates.verification import CertificateVerifier
from tongban_runtime import failures
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.registry import Registry
from tongban_runtime.testing.clock import FakeClock
from tongban_runtime.testing.injection import ARRIVALS, Arrival
from tongban_runtime.testing.keys import TestKeyring
from tongban_schemas.envelope import Event, decode_data
from tongban_schemas.events.certificates import CertificateDeliveryOverdue, CertificateIssued, CertificateRevoked

from . import cases
from .conftest import hear, opened

MakeWorker = Callable[[], IssuingWorker]
TENTH_DAY_ENDS = datetime(2026, 3, 16, 16, tzinfo=UTC)
"""24:00 in China on the tenth working day after 2 March 2026."""
_MODELS = {model.TYPE: model for model in (CertificateIssued, CertificateRevoked, CertificateDeliveryOverdue)}


async def told(pool: Any) -> list[Any]:
    """What the service published, in order."""
    rows = await pool.fetch("SELECT type, body FROM outbox ORDER BY id")
    return [decode_data(_MODELS[row["type"]], row["body"]) for row in rows]


async def rows(pool: Any) -> list[Any]:
    found: list[Any] = await pool.fetch("SELECT * FROM certificate ORDER BY issued_at NULLS LAST, edition")
    return found


@pytest.fixture
async def public(
    pool: Any, shelf: Shelf, clock: FakeClock, signing_directory: Any
) -> Callable[..., Awaitable[httpx.Response]]:
    """Asks the public check for a number, as a page or (``json``) as data."""
    app = make_app(pool, shelf, clock, CertificateVerifier(load_trust_anchor(signing_directory)), TestKeyring())
    failures.install(app)

    async def ask(number: str, *, json: bool = False, file: bytes | None = None) -> httpx.Response:
        headers = {"accept": "application/json" if json else "text/html"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://verify.test") as client:
            if file is not None:
                return await client.post("/verify", files={"file": file}, headers=headers)
            return await client.get(f"/verify/{number}", headers=headers)

    return ask


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_annulment_revokes_and_a_new_grant_earns_the_next_version(
    pool: Any, registry: Registry, make_worker: MakeWorker, clock: FakeClock, arrival: Arrival
) -> None:
    case = cases.granted_case("taken-back")
    await hear(pool, registry, [*cases.catalogue(), *case])
    assert await make_worker().issue_due() == 1
    clock.advance(timedelta(days=3))
    annulment = cases.annulled(case[2], 100, reopen=True)
    await hear(pool, registry, [annulment, *cases.granted_anew(annulment, 110)], arrival, 3)
    await hear(pool, registry, [annulment], "duplicated")
    first, second = await rows(pool)
    assert (first["state"], first["revoked_for"], first["revoked_at"]) == ("revoked", "annulled", clock.now())
    assert (second["state"], second["edition"], second["replaces"]) == ("due", 2, first["number"])
    before, after = identifier.parse(first["number"]), identifier.parse(second["number"])
    assert (after.serial, before.version, after.version) == (before.serial, 1, 2)
    assert await make_worker().issue_due() == 1
    issued, revoked, again = await told(pool)
    assert revoked == CertificateRevoked(
        number=issued.number, issuer="administrative-approval", cause="annulled", because=annulment.id
    )
    assert (again.number, again.replaces) == (second["number"], first["number"])
    assert again.pdf_sha256 != issued.pdf_sha256


async def test_annulment_for_good_leaves_no_certificate(pool: Any, registry: Registry, make_worker: MakeWorker) -> None:
    case = cases.granted_case("for-good", cases.REPAIR)
    await hear(pool, registry, [*cases.catalogue(), *case])
    await make_worker().issue_due()
    await hear(pool, registry, [cases.annulled(case[-1], 100, reopen=False)])
    assert [row["state"] for row in await rows(pool)] == ["revoked"]
    assert await make_worker().issue_due() == 0


@pytest.mark.parametrize("arrival", ARRIVALS)
async def test_annulment_heard_before_issuing_keeps_the_number_for_the_new_decision(
    pool: Any, registry: Registry, make_worker: MakeWorker, arrival: Arrival
) -> None:
    case = cases.granted_case("in-time", cases.REPAIR)
    annulment = cases.annulled(case[-1], 100, reopen=True)
    anew = cases.granted_anew(annulment, 110)
    await hear(pool, registry, [*cases.catalogue(), *case, annulment, *anew], arrival, 11)
    (row,) = await rows(pool)
    assert (row["state"], row["edition"], row["decisions"]) == ("due", 1, [anew[-1].id])
    await make_worker().issue_due()
    assert [type(one) for one in await told(pool)] == [CertificateIssued]


async def test_public_check_tells_that_and_when_a_certificate_was_revoked(
    pool: Any,
    registry: Registry,
    make_worker: MakeWorker,
    clock: FakeClock,
    public: Callable[..., Awaitable[httpx.Response]],
) -> None:
    case = cases.granted_case("shown", cases.REPAIR)
    await hear(pool, registry, [*cases.catalogue(), *case])
    await make_worker().issue_due()
    (row,) = await rows(pool)
    clock.advance(timedelta(days=3))
    annulment = cases.annulled(case[-1], 100, reopen=True)
    await hear(pool, registry, [annulment, *cases.granted_anew(annulment, 110)])
    body = (await public(row["number"], json=True)).json()
    assert (body["state"], body["revoked_for"], body["revoked_at"]) == ("revoked", "annulled", "2026-03-05T02:00:00Z")
    assert body["replaced_by"] is None
    page = (await public(row["number"])).text
    assert "证照已于 2026-03-05 失效" in page
    assert "revoked on 2026-03-05" in page
    assert f"{row['number']}/pdf" not in page
    stored = await pool.fetchrow("SELECT * FROM certificate JOIN certificate_file USING (number)")
    checked = (await public("", json=True, file=opened(stored))).json()
    assert (checked["outcome"], checked["certificate"]["state"]) == ("revoked", "revoked")
    await make_worker().issue_due()
    later = (await public(row["number"], json=True)).json()["replaced_by"]
    assert identifier.parse(later).version == 2
    assert later in (await public(row["number"])).text
    assert "证照有效" in (await public(later)).text


async def test_delivery_that_is_late_is_said_once_at_its_instant(
    pool: Any, registry: Registry, make_worker: MakeWorker, alarm_worker: AlarmWorker, clock: FakeClock
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("late", cases.REPAIR)])
    assert await pool.fetchval("SELECT at FROM alarm") == TENTH_DAY_ENDS
    clock.set(TENTH_DAY_ENDS - timedelta(microseconds=1))
    assert await alarm_worker.ring_due() == 0
    clock.set(TENTH_DAY_ENDS + timedelta(days=2))
    assert await alarm_worker.ring_due() == 1
    assert await alarm_worker.ring_due() == 0
    await hear(pool, registry, cases.granted_case("late", cases.REPAIR), "duplicated")
    await make_worker().issue_due()
    overdue, issued = await told(pool)
    assert overdue == CertificateDeliveryOverdue(
        item=cases.REPAIR.ref,
        kind=cases.REPAIR.certificate.kind,
        issuer="administrative-approval",
        due=TENTH_DAY_ENDS,
    )
    assert isinstance(issued, CertificateIssued)
    assert await pool.fetchval("SELECT time FROM outbox ORDER BY id LIMIT 1") == TENTH_DAY_ENDS


async def test_issuing_in_time_ends_the_clock(
    pool: Any, registry: Registry, make_worker: MakeWorker, alarm_worker: AlarmWorker, clock: FakeClock
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("in-time", cases.REPAIR)])
    await make_worker().issue_due()
    assert not await pool.fetch("SELECT FROM alarm")
    clock.set(TENTH_DAY_ENDS + timedelta(days=30))
    assert await alarm_worker.ring_due() == 0
    assert [type(one) for one in await told(pool)] == [CertificateIssued]


async def test_worker_that_comes_late_says_so_before_it_issues(
    pool: Any, registry: Registry, make_worker: MakeWorker, alarm_worker: AlarmWorker, clock: FakeClock
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("stopped", cases.REPAIR)])
    clock.set(TENTH_DAY_ENDS)
    await make_worker().issue_due()
    assert [type(one) for one in await told(pool)] == [CertificateDeliveryOverdue, CertificateIssued]
    assert await alarm_worker.ring_due() == 0


async def test_facts_that_come_after_the_time_are_overdue_at_once(
    pool: Any, registry: Registry, clock: FakeClock, alarm_worker: AlarmWorker
) -> None:
    clock.set(TENTH_DAY_ENDS + timedelta(days=1))
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("heard-late", cases.REPAIR)])
    assert [type(one) for one in await told(pool)] == [CertificateDeliveryOverdue]
    assert await alarm_worker.ring_due() == 0


async def test_late_cases_are_said_in_order_of_time(
    pool: Any, registry: Registry, alarm_worker: AlarmWorker, clock: FakeClock
) -> None:
    names = [f"queue-{index}" for index in range(20)]
    history: list[Event] = []
    for index, name in enumerate(names):
        case = cases.granted_case(name, cases.REPAIR)
        annulment = cases.annulled(case[-1], 10, reopen=True)
        history += [*case, annulment, *cases.granted_anew(annulment, 1440 * (index % 7) + 20)]
    await hear(pool, registry, [*cases.catalogue(), *history])
    clock.set(TENTH_DAY_ENDS + timedelta(days=30))
    while await alarm_worker.ring_due():
        pass
    times = [row["time"] for row in await pool.fetch("SELECT time FROM outbox ORDER BY id")]
    assert len(times) == len(names)
    assert times == sorted(times)
    assert len(set(times)) > 3


def _renewal(name: str, number: str, **answers: object) -> list[Event]:
    return cases.granted_case(name, cases.RENEWABLE, previous_number=number, **answers)


async def test_renewal_is_the_next_version_and_replaces_the_earlier_one(
    pool: Any,
    registry: Registry,
    make_worker: MakeWorker,
    clock: FakeClock,
    public: Callable[..., Awaitable[httpx.Response]],
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("old", cases.RENEWABLE)])
    await make_worker().issue_due()
    (old,) = await rows(pool)
    assert old["valid_until"] == date(2031, 3, 1)
    clock.advance(timedelta(days=1))
    await hear(pool, registry, _renewal("new", old["number"].lower()))
    assert [row["state"] for row in await rows(pool)] == ["issued", "due"]
    await make_worker().issue_due()
    before, after = await rows(pool)
    assert (before["state"], before["revoked_for"], after["state"]) == ("revoked", "replaced", "issued")
    assert identifier.parse(after["number"]).serial == identifier.parse(old["number"]).serial
    assert identifier.parse(after["number"]).version == 2
    _, issued, revoked = await told(pool)
    new_event = await pool.fetchval("SELECT event_id FROM outbox ORDER BY id OFFSET 1 LIMIT 1")
    assert (issued.replaces, issued.valid_until) == (old["number"], date(2031, 3, 2))
    assert (revoked.number, revoked.cause, revoked.because) == (old["number"], "replaced", new_event)
    assert await pool.fetchval("SELECT subject FROM outbox ORDER BY id DESC LIMIT 1") == cases.case_id("old")
    body = (await public(old["number"], json=True)).json()
    assert (body["state"], body["revoked_for"], body["replaced_by"]) == ("revoked", "replaced", after["number"])
    assert "已由新证照取代" in (await public(old["number"])).text
    await hear(pool, registry, [cases.annulled(cases.granted_case("old", cases.RENEWABLE)[-1], 300, reopen=False)])
    assert len(await told(pool)) == 3


async def test_certificate_past_its_day_is_expired(
    pool: Any,
    registry: Registry,
    make_worker: MakeWorker,
    clock: FakeClock,
    public: Callable[..., Awaitable[httpx.Response]],
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("five-years", cases.RENEWABLE)])
    await make_worker().issue_due()
    (row,) = await rows(pool)
    clock.set(datetime(2031, 3, 1, 15, 59, tzinfo=UTC))
    assert (await public(row["number"], json=True)).json()["state"] == "valid"
    clock.advance(timedelta(minutes=1))
    assert (await public(row["number"], json=True)).json()["state"] == "expired"
    assert "有效期至 2031-03-01" in (await public(row["number"])).text


async def test_nobody_renews_another_persons_certificate(
    pool: Any, registry: Registry, make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("victim", cases.RENEWABLE)])
    await make_worker().issue_due()
    (old,) = await rows(pool)
    monkeypatch.setattr(cases, "APPLICANT", UUID(int=8))
    await hear(pool, registry, _renewal("thief", old["number"]))
    await make_worker().issue_due()
    before, after = await rows(pool)
    assert (before["state"], after["state"], after["replaces"]) == ("issued", "issued", None)
    assert identifier.parse(after["number"]).serial != identifier.parse(old["number"]).serial


@pytest.mark.parametrize("told_number", ["not a number", "1.2.156.3005.2.x"])
async def test_renewal_of_no_readable_number_is_a_new_certificate(
    pool: Any, registry: Registry, make_worker: MakeWorker, told_number: str
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *_renewal("odd", told_number)])
    await make_worker().issue_due()
    (row,) = await rows(pool)
    assert (row["state"], row["replaces"]) == ("issued", None)


async def test_certificate_from_elsewhere_is_named_by_its_renewal(
    pool: Any, registry: Registry, make_worker: MakeWorker
) -> None:
    elsewhere = str(identifier.build(cases.RENEWABLE.certificate.kind, "11990000000000019A", "2019ABC"))
    await hear(pool, registry, [*cases.catalogue(), *_renewal("moved", elsewhere)])
    await make_worker().issue_due()
    (row,) = await rows(pool)
    assert row["replaces"] == elsewhere
    assert identifier.parse(row["number"]).version == 1


async def test_two_renewals_of_one_certificate_get_two_versions(
    pool: Any, registry: Registry, make_worker: MakeWorker
) -> None:
    await hear(pool, registry, [*cases.catalogue(), *cases.granted_case("old", cases.RENEWABLE)])
    await make_worker().issue_due()
    (old,) = await rows(pool)
    await hear(pool, registry, [*_renewal("one", old["number"]), *_renewal("two", old["number"])], "shuffled", 2)
    await make_worker().issue_due()
    found = [identifier.parse(row["number"]) for row in await rows(pool)]
    assert sorted(one.version for one in found) == [1, 2, 3]
    assert sum(isinstance(one, CertificateRevoked) for one in await told(pool)) == 1


def test_years_of_validity_end_the_day_before_the_anniversary() -> None:
    assert last_valid_day(date(2026, 11, 24), 5) == date(2031, 11, 23)
    assert last_valid_day(date(2028, 2, 29), 1) == date(2029, 2, 28)
    assert last_valid_day(date(2026, 11, 24), None) is None


@pytest.mark.parametrize(
    ("code", "shown"), [("990102199001011234", "990102********1234"), ("E12345678", "*******78"), ("1", "1")]
)
def test_a_persons_number_loses_its_middle(code: str, shown: str) -> None:
    assert masked_code(code) == shown
