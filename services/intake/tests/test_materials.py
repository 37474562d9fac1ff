"""Every material is a file: asked for in the draft, by a notice, for a promise, and when nobody may be asked in its place."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from tongban_catalog.load import Catalog
from tongban_schemas.events.applications import (
    ApplicationCorrected,
    ApplicationCorrectionNoticed,
    ApplicationSubmitted,
)
from tongban_schemas.events.evidence import EvidenceUploaded

from .bad_uploads import picture
from .conftest import PERSONAL, Service, only
from .counter import BODY, MATERIALS, Counter, digests, kind_of

FOOD, SCHOOL = "food-business-permit", "primary-school-enrolment"


async def begun(service: Service, catalog: Catalog, person: UUID, name: str, **answers: object) -> str:
    item = catalog.item(name)
    body = {"item": item.code, "region": "990000", "answers": item.form.example() | PERSONAL | answers}
    async with service.client(person) as client:
        made = await client.post("/v1/drafts", json=body)
    assert made.status_code == 201, made.text
    draft: str = made.json()["draft"]
    return draft


async def put(service: Service, person: UUID, case: str, material: str) -> httpx.Response:
    async with service.client(person) as client:
        return await client.put(f"/v1/proofs/{case}/{material}/file", content=picture())


async def shown(service: Service, person: UUID, case: str) -> dict[str, Any]:
    async with service.client(person) as client:
        found = (await client.get(f"/v1/proofs/{case}")).json()["proofs"]
    return {one["material"]: one for one in found}


@pytest.mark.parametrize("changed", [False, True])
async def test_what_no_register_has_is_uploaded_in_the_draft(
    service: Service, catalog: Catalog, citizen: UUID, changed: bool
) -> None:
    case = await begun(service, catalog, citizen, FOOD, conditions_changed=changed)
    asked = {
        name: (one["upload_allowed"], one["upload_reason"])
        for name, one in (await shown(service, citizen, case)).items()
    }
    assert asked == dict.fromkeys(("hygiene-rules", "layout") if changed else ("hygiene-rules",), (True, "no-source"))
    async with service.browser(citizen) as browser:
        page = (await browser.get(f"/drafts/{case}")).text
        assert f'action="/proofs/{case}/hygiene-rules/file"' in page
        assert "食品安全规章制度" in (await browser.get(f"/drafts/{case}/check")).text.partition("还没有上传的材料")[2]
        sent = await browser.post(f"/proofs/{case}/hygiene-rules/file", files={"file": ("a.png", picture())})
        assert sent.status_code == 303, sent.text
    assert kind_of(await put(service, citizen, case, "no-such")) == (409, "no-such-material")
    async with service.client(citizen) as client:
        other = catalog.item(SCHOOL)
        moved = await client.put(
            f"/v1/drafts/{case}", json={"item": other.code, "answers": {}}, headers={"If-Match": "*"}
        )
        assert kind_of(moved) == (409, "item-fixed")
        assert (await client.post(f"/v1/drafts/{case}/submission")).status_code == 202
    said = await service.outbox(case)
    upload, sent_in = only(said, EvidenceUploaded).data, only(said, ApplicationSubmitted).data
    assert isinstance(upload, EvidenceUploaded)
    assert isinstance(sent_in, ApplicationSubmitted)
    assert (upload.reason, str(upload.because), upload.grade, upload.promise) == ("no-source", case, "D", True)
    assert sent_in.materials == {"hygiene-rules": upload.sha256}
    assert sent_in.fetched == ["hygiene-rules"]


async def test_who_refuses_fetching_uploads_each_proof_with_the_reason_on_record(
    service: Service, catalog: Catalog, citizen: UUID
) -> None:
    case = await begun(service, catalog, citizen, SCHOOL)
    asked = await shown(service, citizen, case)
    assert {one["upload_reason"] for one in asked.values() if one["required"]} == {"consent-refused"}
    async with service.browser(citizen) as browser:
        page = (await browser.get(f"/drafts/{case}")).text
    assert "您没有同意由系统获取。" in page
    assert "it will come from" not in page
    for name in asked:
        assert (await put(service, citizen, case, name)).status_code == 202
    uploads = [one.data for one in await service.outbox(case) if isinstance(one.data, EvidenceUploaded)]
    assert {(one.reason, one.grade) for one in uploads} == {("consent-refused", "C")}
    assert len(uploads) == len(asked) == 5


async def test_the_receiver_opens_what_was_brought_and_a_correction_of_a_material_alone_brings_its_file(
    counter: Counter,
) -> None:
    case = await counter.apply(["design-scheme"])
    answer = await counter.at_desk(case, "notice", {"materials": ["design-scheme"], "message": "图纸看不清。"})
    assert answer.status_code == 200, answer.text
    notice = await counter.one(case, ApplicationCorrectionNoticed)
    await counter.bring(case, *MATERIALS, version=1)
    brought = [one.data for one in await counter.said(case, EvidenceUploaded)][1:]
    assert {(one.material, one.reason, one.because) for one in brought} == {  # type: ignore[attr-defined]
        (name, "notice", notice.id) for name in MATERIALS
    }
    sent = await counter.by_applicant(case, "corrections", {"request": str(notice.id)})
    assert sent.status_code == 202, sent.text
    assert (await counter.one(case, ApplicationCorrected)).data.materials == digests(*MATERIALS)  # type: ignore[attr-defined]
    told = (await counter.at_desk(case, "")).json()["materials"]
    assert {(one["material"], one["state"], one["file"]) for one in told} == {
        (name, "uploaded", True) for name in MATERIALS
    }
    desk = counter.service.client(counter.officer, "officer", [BODY], ["receiver"])
    async with desk:
        for name in MATERIALS:
            opened = await desk.get(f"/v1/proofs/{case}/{name}/file")
            assert (opened.status_code, opened.content) == (200, f"{name}, 1".encode())


async def test_who_acts_for_no_organisation_may_not_apply_for_what_is_for_organisations(
    service: Service, catalog: Catalog, citizen: UUID
) -> None:
    item = catalog.item(FOOD)
    answers = item.form.example() | PERSONAL
    body = {"item": item.code, "region": "990000", "answers": answers}
    alone = {"Authorization": f"Bearer {service.token(citizen, acts_for=None)}"}
    async with service.client() as client:
        begun_alone = await client.post("/v1/drafts", json=body, headers=alone)
        sent = await client.post("/v1/applications", json=body, headers=alone | {"Idempotency-Key": "k"})
        assert {kind_of(begun_alone), kind_of(sent)} == {(403, "for-organisations")}
        school = {"item": catalog.item(SCHOOL).code, "answers": {}}
        made = await client.post("/v1/drafts", json=school, headers=alone)
        assert made.status_code == 201
        moved = await client.put(f"/v1/drafts/{made.json()['draft']}", json=body, headers=alone | {"If-Match": "*"})
        assert kind_of(moved) == (403, "for-organisations")
        page = await client.post(f"/apply/{item.code}", headers=alone, data={"consent": "no"})
        assert page.status_code == 403
        assert "由单位申请" in page.text


async def test_the_guide_says_one_thing_about_each_material(service: Service, catalog: Catalog) -> None:
    for item in (catalog.item(FOOD), catalog.item(SCHOOL)):
        async with service.client() as nobody:
            page = (await nobody.get(f"/services/{item.code}")).text
        cards = page.partition('aria-labelledby="materials"')[2].partition("</section>")[0].split("<h3>")[1:]
        fetched = {source.material for source in item.sources}
        assert len(cards) == len(item.materials) > 0
        for material, card in zip(item.materials, cards, strict=True):
            assert material.name.zh in card
            says = ("由系统获取，不用您提交" in card, "不同意获取或者未能取得时" in card, "怎样取得" in card)
            assert says == ((True, True, False) if material.id in fetched else (False, False, True)), material.id
