"""What a register gives is taken, also when nobody could type it so."""

from tongban_intake.store import evidence
from tongban_schemas.events.applications import ApplicationSubmitted

from .conftest import only
from .proving import OWN, provided
from .test_evidence_api import Desk, desk, shared_desk, sign_in

__all__ = ["desk", "shared_desk", "sign_in"]


async def test_what_a_register_gave_is_taken_though_nobody_could_type_it(desk: Desk) -> None:
    draft, requests = await desk.agreed()
    keys = await desk.service.keys(draft)
    odd = {
        "residence-permit": {"address": "八号"},
        "household-register": {"child_name": "长" * 60, "region": "9801010010"},
    }
    odd["home-proof"] = {"kind": "共有"}
    before = await evidence.figures(desk.service.runtime.pool)
    await desk.service.hear(*(provided(one, keys, **odd.get(name, {})) for name, one in requests.items()))
    after = await evidence.figures(desk.service.runtime.pool)
    told = {name: after[name].get("unfit", 0) - before.get(name, {}).get("unfit", 0) for name in after}
    assert {name: number for name, number in told.items() if number} == {
        "residence-permit-99": 1,
        "household-register": 2,
        "home-right-99": 1,
    }
    assert {one["field"] for one in (await desk.get(f"/v1/drafts/{draft}"))["errors"]} == {"home_kind"}
    body = {"item": desk.item.code, "region": "990000", "answers": OWN | {"home_kind": "owned"}}
    async with desk.client() as client:
        assert (await client.put(f"/v1/drafts/{draft}", json=body, headers={"If-Match": "*"})).json()["errors"] == []
    assert (await desk.post(f"/v1/drafts/{draft}/submission")).status_code == 202
    data = only(await desk.service.outbox(draft), ApplicationSubmitted).data
    assert isinstance(data, ApplicationSubmitted)
    assert (data.answers["child_household_region"], data.answers["home_kind"]) == ("9801010010", "owned")
    assert keys.open("home_address", data.sealed["home_address"]) == "八号"
