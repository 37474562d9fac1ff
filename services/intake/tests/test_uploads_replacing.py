"""A wrong file gives way to another, until an officer has compared it with the original or decided on it."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

import httpx
from tongban_catalog.proofs import proofs
from tongban_intake.evidence.bringing import MOST
from tongban_intake.uploads.store import Files
from tongban_schemas.envelope import Event
from tongban_schemas.events.approvals import ApprovalGranted
from tongban_schemas.events.evidence import EvidenceChecked, EvidenceUploaded

from .bad_uploads import document, picture
from .test_uploads import PROMISED, SEEN, Desk, desk, kind

__all__ = ["desk"]

LOOKING = {"business-licence": ("BA", "development-reform"), "design-scheme": ("FA", "natural-resources")}
"""A step that looks at the material, and who decides it."""


async def said(desk: Desk) -> list[Event]:
    return [event for event in await desk.service.outbox(desk.case) if isinstance(event.data, EvidenceUploaded)]


async def shown(desk: Desk) -> httpx.Response:
    async with desk.client() as client:
        answer = await client.get(f"/v1/proofs/{desk.case}/{SEEN}/file")
    assert answer.status_code == 200, answer.text
    return answer


async def may_replace(desk: Desk, material: str = SEEN) -> bool:
    async with desk.client() as client:
        told = (await client.get(f"/v1/proofs/{desk.case}")).json()["proofs"]
    return bool(next(one for one in told if one["material"] == material)["replace_allowed"])


def checked(desk: Desk, upload: Event, material: str = SEEN) -> Event:
    step, body = LOOKING[material]
    data = EvidenceChecked(uploaded=upload.id, material=material, department=body, step=step, officer=UUID(int=8))
    return desk.fact(data, f"/approvals/{body}", str(upload.id), minutes=5)


async def test_another_file_takes_the_place_of_a_wrong_one(desk: Desk) -> None:
    failure = await desk.fail(SEEN)
    assert not await may_replace(desk)
    assert (await desk.put(picture())).status_code == 202
    assert await may_replace(desk)
    answer = await desk.put(document())
    assert answer.status_code == 202, answer.text
    first, second = await said(desk)
    assert isinstance(second.data, EvidenceUploaded)
    assert second.data.because == failure.id
    assert first.id != second.id
    assert first.time < second.time
    found = await shown(desk)
    assert hashlib.sha256(found.content).hexdigest() == second.data.sha256
    assert found.headers["etag"] == f'"{second.id}"'
    proof = proofs(await desk.known())[SEEN]
    assert (proof.state, proof.grade, proof.uploaded) == ("uploaded", "C", str(second.id))
    assert (await desk.put(document())).json() == answer.json()
    assert len(await said(desk)) == 2
    async with desk.client() as client:
        assert (await client.post(f"/v1/applications/{desk.case}/withdrawal")).status_code == 202
    assert not await may_replace(desk)
    assert kind(await desk.put(picture())) == "case-ended"


async def test_what_an_officer_has_checked_stays(desk: Desk) -> None:
    await desk.fail(SEEN)
    await desk.put(picture())
    await desk.put(document())
    first, second = await said(desk)
    await desk.know(checked(desk, first))
    assert await may_replace(desk)
    await desk.know(checked(desk, second))
    assert not await may_replace(desk)
    other = await desk.put(picture(size=(400, 400)))
    assert (other.status_code, kind(other)) == (409, "already-uploaded")
    assert (await desk.put(document())).status_code == 202
    assert len(desk.objects()) == 2


async def test_what_was_decided_on_stays(desk: Desk) -> None:
    await desk.fail(PROMISED)
    assert (await desk.put(picture(), PROMISED, query="?promise=true")).status_code == 202
    (upload,) = await said(desk)
    step, body = LOOKING[PROMISED]
    data = ApprovalGranted(step=step, department=body, decided_by="rule", rests_on=[upload.id])
    await desk.know(desk.fact(data, f"/approvals/{body}", step, minutes=5))
    assert not await may_replace(desk, PROMISED)
    assert kind(await desk.put(document(), PROMISED)) == "already-uploaded"


async def test_nobody_replaces_without_end(desk: Desk) -> None:
    await desk.fail(SEEN)
    answers = [await desk.put(picture(size=(100 + side, 100))) for side in range(MOST + 1)]
    assert [answer.status_code for answer in answers] == [202] * MOST + [409]
    assert kind(answers[-1]) == "uploads-over"
    times = [event.time for event in await said(desk)]
    assert times == sorted(set(times))
    assert len(desk.objects()) == MOST


async def test_a_wrong_file_is_seen_and_replaced_on_the_page(desk: Desk) -> None:
    await desk.fail(SEEN)
    page, path = f"/applications/{desk.case}/proofs", f"/proofs/{desk.case}/{SEEN}/file"

    async def send(name: str, content: bytes) -> httpx.Response:
        async with desk.client() as client:
            return await client.post(path, files={"file": (name, content)})

    async def read() -> str:
        async with desk.client() as client:
            return (await client.get(page)).text

    assert "更换" not in await read()
    assert (await send("a.png", picture())).status_code == 303
    found = await read()
    assert f'action="{path}"' in found
    assert f'href="/v1{path}"' in found
    assert "传错了可以更换" in found
    wrong = await send("a.txt", b"text")
    assert wrong.status_code == 415
    assert f'id="problem-{SEEN}"' in wrong.text
    assert (await send("b.pdf", document())).status_code == 303
    await desk.know(checked(desk, (await said(desk))[-1]))
    assert f'action="{path}"' not in await read()
    late = await send("c.png", picture(size=(400, 400)))
    assert late.status_code == 409
    assert "不能再更换" in late.text


class Interrupted(Files):
    """A store during whose work something else happens."""

    def __init__(self, address: str, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__(address)
        self._meanwhile = meanwhile

    async def put(self, content: bytes) -> str:
        place = await super().put(content)
        await self._meanwhile()
        return place


async def test_a_draft_that_is_discarded_during_the_upload_leaves_no_file(desk: Desk) -> None:
    async with desk.client() as client:
        made = await client.post("/v1/drafts", json={"item": desk.counter.item.code})
    desk.case = made.json()["draft"]
    await desk.fail(SEEN)

    async def discard() -> None:
        async with desk.client() as client:
            assert (await client.delete(f"/v1/drafts/{desk.case}")).status_code == 204

    intake = desk.service.app.state.intake
    files = Interrupted(desk.folder.as_uri(), discard)
    desk.service.app.state.intake = replace(intake, uploads=replace(intake.uploads, files=files))
    answer = await desk.put(picture())
    assert (answer.status_code, kind(answer)) == (404, "no-such-case")
    assert await desk.nothing_is_kept()
