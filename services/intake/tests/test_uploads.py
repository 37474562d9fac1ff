"""A file is taken only after the fetch has failed, lies sealed outside the database, and is seen by whom it concerns."""

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
from tongban_catalog.proofs import proofs
from tongban_intake import domain
from tongban_intake.uploads import rows
from tongban_intake.uploads.desk import Uploads
from tongban_runtime import facts
from tongban_schemas.envelope import Event, EventData, event_id
from tongban_schemas.events.access import AccessGranted, AccessRefused
from tongban_schemas.events.evidence import (
    EvidenceFailed,
    EvidenceProvided,
    EvidenceRequested,
    EvidenceUploaded,
    upload_field,
)

from .bad_uploads import BAD, document, picture
from .cases import acted
from .clamd import Clamd, clamd
from .conftest import only
from .counter import BODY, Counter

PROMISED, SEEN = "business-licence", "design-scheme"
PROVIDER = "market-regulation"


class Desk:
    """Somebody whose proof could not be fetched, and the store that their file goes to."""

    def __init__(self, counter: Counter, folder: Path) -> None:
        self.counter = counter
        self.service = counter.service
        self.folder = folder
        self.case = ""
        self.use(None)

    def use(self, scanner: str | None) -> None:
        uploads = Uploads.build(self.folder.as_uri(), scanner)
        self.service.app.state.intake = replace(self.service.intake, uploads=uploads)

    async def know(self, *events: Event) -> None:
        async with self.service.runtime.pool.acquire() as tx, tx.transaction():
            await facts.remember(tx, events)

    def fact(self, data: EventData, source: str, *names: str, minutes: int = 0) -> Event:
        at = self.counter.clock.now() + timedelta(minutes=minutes)
        event = Event(event_id(data.TYPE, self.case, *names), source, self.case, at, UUID(self.case), data, 7)
        return acted(event, self.counter.item)

    def asked(self, material: str) -> Event:
        data = EvidenceRequested(
            material=material,
            resource="business-licence-99",
            provider=PROVIDER,
            item=self.counter.item.ref,
            asked_by=BODY,
            basis="示例办法第一条",
            fields=["company_name"],
            expires=self.counter.clock.now() + timedelta(days=1),
        )
        return self.fact(data, "/intake", material, "1")

    def answer(self, model: type[EventData], request: Event, **more: Any) -> Event:
        data = model.model_validate(
            {"request": request.id, "resource": "business-licence-99", "material": request.data.material}  # type: ignore[attr-defined]
            | {"department": PROVIDER}
            | more
        )
        return self.fact(data, f"/certificates/{PROVIDER}", str(request.id), "answer", minutes=1)

    async def fail(self, material: str) -> Event:
        request = self.asked(material)
        ended = self.answer(EvidenceFailed, request, reason="source-unreachable", final=True)
        await self.know(request, ended)
        return ended

    def client(self, person: UUID | None = None) -> httpx.AsyncClient:
        return self.service.client(person or self.counter.person)

    async def put(
        self, content: bytes, material: str = SEEN, name: str | None = None, person: UUID | None = None, query: str = ""
    ) -> httpx.Response:
        headers = (
            {} if name is None else {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        )
        async with self.client(person) as client:
            return await client.put(f"/v1/proofs/{self.case}/{material}/file{query}", content=content, headers=headers)

    async def known(self) -> tuple[Event, ...]:
        """What intake knows of the case."""
        return (await facts.recall(self.service.runtime.pool, [UUID(self.case)], domain.MODELS)).get(self.case, ())

    def objects(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]

    async def nothing_is_kept(self) -> bool:
        rows = await self.service.runtime.pool.fetchval("SELECT count(*) FROM evidence_file")
        said = [event for event in await self.service.outbox(self.case) if isinstance(event.data, EvidenceUploaded)]
        return not self.objects() and rows == 0 and not said


@pytest.fixture
async def desk(counter: Counter, tmp_path: Path) -> Desk:
    made = Desk(counter, tmp_path / "files")
    made.case = await counter.apply()
    return made


def kind(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["type"]).removeprefix("urn:tongban:problem:")


async def test_bad_files_get_a_clear_answer_and_nothing_is_kept(desk: Desk) -> None:
    await desk.fail(SEEN)
    assert len(BAD) >= 30
    for bad in BAD:
        answer = await desk.put(bad.build(), name=bad.name)
        assert (bad.title, kind(answer)) == (bad.title, f"file-{bad.rule}")
        assert answer.status_code in (413, 415, 422)
        assert answer.json()["detail_zh"]
        assert answer.json()["detail_en"]
        assert await desk.nothing_is_kept(), bad.title
    assert (await desk.put(picture())).status_code == 202


async def test_what_a_client_calls_a_file_is_no_matter(desk: Desk) -> None:
    await desk.fail(SEEN)
    for name in (
        'permit".pdf',
        "10:30.pdf",
        "C:\\fakepath\\permit.pdf",
        "../../../etc/passwd",
        "a\u202egnp.exe",
        "许" * 300,
    ):
        assert (await desk.put(picture(), name=name)).status_code == 202
    assert all(path.name.isascii() and "permit" not in path.name for path in desk.objects())


@pytest.mark.parametrize("material", ["..%2F..%2Fetc", "A", "a%00b", "%2e%2e"])
async def test_a_path_is_no_material(desk: Desk, material: str) -> None:
    assert (await desk.put(picture(), material)).status_code in (404, 405, 422)
    assert await desk.nothing_is_kept()


async def test_a_file_is_asked_for_only_after_the_fetch_has_failed(desk: Desk) -> None:
    assert kind(await desk.put(picture())) == "not-asked-for"
    request = desk.asked(SEEN)
    await desk.know(request)
    waiting = await desk.put(picture())
    assert (waiting.status_code, kind(waiting), waiting.json()["state"]) == (409, "fetch-first", "waiting")
    await desk.know(desk.answer(EvidenceFailed, request, reason="source-unreachable", final=False))
    assert (await desk.put(picture())).json()["state"] == "retrying"
    await desk.know(desk.answer(EvidenceProvided, request, recorded_at=desk.counter.clock.now()))
    assert (await desk.put(picture())).json()["state"] == "provided"
    assert await desk.nothing_is_kept()


async def test_a_file_lies_sealed_under_a_random_name_and_the_fact_is_said(desk: Desk) -> None:
    failure = await desk.fail(SEEN)
    answer = await desk.put(document(), name="居住证.pdf")
    assert answer.status_code == 202, answer.text
    said = only(await desk.service.outbox(desk.case), EvidenceUploaded)
    assert (said.causationid, said.source, said.sequence) == (failure.id, "/intake", answer.json()["position"])
    assert said.id == event_id(EvidenceUploaded.TYPE, desk.case, SEEN, str(failure.id))
    data = said.data
    assert isinstance(data, EvidenceUploaded)
    assert (data.grade, data.promise, data.media_type, data.pages) == ("C", False, "application/pdf", 1)
    (path,) = desk.objects()
    sealed = path.read_bytes()
    assert b"%PDF" not in sealed
    assert "居住证" not in path.name
    keys = await desk.service.keys(desk.case)
    content = keys.open_bytes(upload_field(SEEN), sealed)
    assert hashlib.sha256(content).hexdigest() == data.sha256
    assert len(content) == data.size
    proof = proofs(await desk.known())[SEEN]
    assert (proof.state, proof.grade, proof.usable) == ("uploaded", "C", False)
    async with desk.client() as client:
        shown = await client.get(f"/v1/proofs/{desk.case}/{SEEN}/file")
    assert shown.content == content
    assert shown.headers["content-type"] == "application/pdf"
    assert shown.headers["content-disposition"] == f'attachment; filename="{SEEN}.pdf"'
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert not [event for event in await desk.service.outbox(desk.case) if isinstance(event.data, AccessGranted)]


async def test_the_same_file_again_is_answered_the_same(desk: Desk) -> None:
    await desk.fail(SEEN)
    first = await desk.put(picture())
    assert (await desk.put(picture())).json() == first.json()
    assert len(desk.objects()) == 1


async def test_of_two_files_at_once_what_is_kept_is_on_record(desk: Desk) -> None:
    await desk.fail(SEEN)
    answers = await asyncio.gather(*(desk.put(picture(size=(300, side))) for side in (200, 300)))
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {202, 409}
    said = [event for event in await desk.service.outbox(desk.case) if isinstance(event.data, EvidenceUploaded)]
    assert len(desk.objects()) == len(said) == statuses.count(202) > 0


async def test_a_promise_does_only_where_the_material_allows_it(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.fail(PROMISED)
    refused = await desk.put(picture(), SEEN, query="?promise=true")
    assert (refused.status_code, kind(refused)) == (422, "no-promise")
    assert await desk.nothing_is_kept()
    assert (await desk.put(picture(), PROMISED, query="?promise=true")).status_code == 202
    data = only(await desk.service.outbox(desk.case), EvidenceUploaded).data
    assert isinstance(data, EvidenceUploaded)
    assert (data.grade, data.promise) == ("D", True)


async def test_a_draft_takes_files_as_an_application_does(desk: Desk) -> None:
    async with desk.client() as client:
        made = await client.post("/v1/drafts", json={"item": desk.counter.item.code})
    desk.case = made.json()["draft"]
    await desk.fail(SEEN)
    assert (await desk.put(picture())).status_code == 202
    async with desk.client() as client:
        assert (await client.get(f"/v1/proofs/{desk.case}/{SEEN}/file")).status_code == 200


async def test_nobody_else_brings_or_sees_it(desk: Desk) -> None:
    await desk.fail(SEEN)
    assert kind(await desk.put(picture(), person=uuid4())) == "no-such-case"
    assert (await desk.put(picture())).status_code == 202
    path = f"/v1/proofs/{desk.case}/{SEEN}/file"
    async with desk.client(uuid4()) as stranger:
        assert (await stranger.get(path)).status_code == 404
    async with desk.service.client() as nobody:
        assert (await nobody.get(path)).status_code == 401
        assert (await nobody.put(path, content=b"1")).status_code == 401
    async with desk.service.client(uuid4(), "officer", ["tax"]) as other:
        assert (await other.get(path)).status_code == 404
    async with desk.client() as own:
        assert (await own.get(f"/v1/proofs/{desk.case}/{PROMISED}/file")).status_code == 404


async def test_an_officers_look_is_on_record(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.put(picture())
    officer = uuid4()
    async with desk.service.client(officer, "officer", [BODY], ["receiver"]) as client:
        assert (await client.get(f"/v1/proofs/{desk.case}/{SEEN}/file")).status_code == 200
    data = only(await desk.service.outbox(desk.case), AccessGranted).data
    assert isinstance(data, AccessGranted)
    assert (data.purpose, data.department, data.officer) == ("receive", BODY, officer)
    assert data.fields == [upload_field(SEEN)]


async def test_a_look_after_the_end_is_refused_and_on_record(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.put(picture())
    async with desk.client() as client:
        assert (await client.post(f"/v1/applications/{desk.case}/withdrawal")).status_code == 202
        assert kind(await desk.put(picture(size=(500, 500)))) == "case-ended"
    async with desk.service.client(uuid4(), "officer", [BODY], ["receiver"]) as client:
        answer = await client.get(f"/v1/proofs/{desk.case}/{SEEN}/file")
    assert (answer.status_code, kind(answer)) == (403, "access-case-closed")
    only(await desk.service.outbox(desk.case), AccessRefused)


async def test_a_virus_is_refused_and_a_silent_scanner_lets_nothing_in(desk: Desk) -> None:
    await desk.fail(SEEN)
    for answer, status, problem in (
        (b"stream: Test.Virus FOUND\x00", 422, "file-infected"),
        (b"stream: size limit exceeded ERROR\x00", 503, "scanner-silent"),
        (b"", 503, "scanner-silent"),
    ):
        async with clamd(Clamd(answer)) as place:
            desk.use(place)
            found = await desk.put(picture())
            assert (found.status_code, kind(found)) == (status, problem)
    desk.use("127.0.0.1:9")
    assert kind(await desk.put(picture())) == "scanner-silent"
    assert await desk.nothing_is_kept()
    scanner = Clamd(b"stream: OK\x00")
    async with clamd(scanner) as place:
        desk.use(place)
        assert (await desk.put(picture())).status_code == 202
    assert scanner.scanned == [picture()]


async def test_without_a_store_nothing_is_said(desk: Desk) -> None:
    await desk.fail(SEEN)
    desk.service.app.state.intake = replace(desk.service.intake, uploads=Uploads.build(None, None))
    answer = await desk.put(picture())
    assert (answer.status_code, kind(answer)) == (503, "file-store-unavailable")
    assert await desk.nothing_is_kept()


async def test_an_object_that_was_changed_is_not_shown(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.put(picture())
    (path,) = desk.objects()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    async with desk.client() as client:
        assert (await client.get(f"/v1/proofs/{desk.case}/{SEEN}/file")).status_code == 503


async def test_objects_that_nothing_leads_to_are_swept_after_a_day(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.put(picture())
    intake = desk.service.app.state.intake
    await intake.uploads.files.put(b"left behind")
    now = datetime.now(UTC)
    assert await intake.uploads.sweep(intake.pool, now) == 0
    assert await intake.uploads.sweep(intake.pool, now + timedelta(days=2)) == 1
    assert len(desk.objects()) == 1


async def test_an_erased_case_leaves_no_file(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.put(picture())
    intake = desk.service.app.state.intake
    async with intake.pool.acquire() as tx, tx.transaction():
        names = await rows.forget(tx, [UUID(desk.case)])
    await intake.uploads.files.delete([*names, *names])
    assert await desk.nothing_is_kept() is False
    assert desk.objects() == []
