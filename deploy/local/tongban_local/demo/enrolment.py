"""Enrolment at a primary school, shown: nothing is uploaded, every proof comes from the register that holds it.

The first family lives apart from its home province, and both parents do not hold a permit: five proofs, one of them from
another province. The second family's permits are both valid, so a rule of the item spares it the fourth proof; the
ministry's system stands still meanwhile, and only its proof waits.
"""

import asyncio
import time
from collections import Counter
from typing import Any
from uuid import UUID

import httpx
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog

from tongban_local.demo import registers
from tongban_local.demo.office import alongside, grant_everything
from tongban_local.demo.proof import ProofFailedError
from tongban_local.demo.registers import WAYS, Family
from tongban_local.issuer import Person
from tongban_local.people import REGION, Applicant, Json, Officer, demo_role, expect, sign_in_officers
from tongban_local.progress import Announce
from tongban_local.stack import Stack
from tongban_local.terminal import fitted

ITEM = "primary-school-enrolment"
DERIVED = "no-guardian-proof"
_ASKED: Json = {
    "work_kind": "employed",
    "contact_name": "示例联系人",
    "contact_phone": "000-00000000",
    "contact_email": "contact@example.com",
}
"""All that the family is asked: no register knows it."""
_PATIENCE = 60.0
_LOOK_SECONDS = 0.1


async def show(stack: Stack, http: httpx.AsyncClient, catalog: Catalog, say: Announce) -> UUID:
    """Takes two families through. Returns: the first one's application. Raises: ProofFailedError when a promise breaks."""
    item = catalog.item(ITEM)
    first = Family(_person("applicant"), "示例儿童", both_permits=False, guardian=True)
    second = Family(_person("applicant-2"), "示例儿童二", both_permits=True, guardian=False)
    await registers.fill(stack, http, [first, second])
    say(f"{item.name.zh} {item.name.en}")
    say("登记簿 registers: " + "；".join(f"{name} {zh} {en}" for name, (zh, en) in WAYS.items()))
    case = await _five_proofs(stack, http, item, say)
    await _fourth_derived(stack, http, item, say)
    return case


def _person(role: str) -> Person:
    person = demo_role(role).person
    assert person is not None
    return person


async def _five_proofs(stack: Stack, http: httpx.AsyncClient, item: Item, say: Announce) -> UUID:
    applicant = await Applicant.sign_in(stack, http, "applicant")
    began = time.monotonic()
    draft = await _begin(applicant, item)
    seen = await _fetched(applicant, draft, lambda found: not _pending(found))
    say(f"  一次同意，{time.monotonic() - began:.1f} 秒后 agreed once, then:")
    _tell_proofs(seen, say)
    provided = [proof for proof in seen["proofs"] if proof["state"] == "provided"]
    if len(provided) != 5 or len({proof["provider"] for proof in provided}) != 5:
        raise ProofFailedError(f"应有五个部门的五项证明 Five proofs of five departments were to come: {_states(seen)}")
    if "street-office-98" not in {proof["provider"] for proof in provided}:
        raise ProofFailedError("没有外省的证明 No proof came from another province")
    _tell_inputs(item, seen, say)
    await _submit(applicant, draft)
    status = await _decided(stack, http, applicant, draft)
    say(
        f"✓ 五个部门五项证明，外省一项，表格导入的部门两个，上传 0 项 five proofs of five departments, one of another "
        f"province, two of departments with nothing but a spreadsheet; nothing was uploaded；{status['state_name']['zh']}"
    )
    await _tell_ledger(applicant, draft, say)
    return draft


async def _fourth_derived(stack: Stack, http: httpx.AsyncClient, item: Item, say: Announce) -> None:
    applicant = await Applicant.sign_in(stack, http, "applicant-2")
    stack.supervisor.stop(["ministry"])
    try:
        draft = await _begin(applicant, item)
        seen = await _fetched(
            applicant,
            draft,
            lambda found: _states(found).get("household-register") == "retrying" and _pending(found) == 1,
        )
        waiting = next(proof for proof in seen["proofs"] if proof["pending"])
        say(
            f"  部委系统停机 the ministry's system is down：只等待 only {waiting['name']['zh']} {waiting['name']['en']} "
            f"（{waiting['state']}）waits"
        )
    finally:
        stack.supervisor.ensure_started(["ministry"])
    began = time.monotonic()
    seen = await _fetched(applicant, draft, lambda found: not _pending(found))
    say(f"✓ 恢复后 {time.monotonic() - began:.1f} 秒自行继续 it came back, and the case went on by itself")
    derived = next(proof for proof in seen["proofs"] if proof["material"] == DERIVED)
    if derived["state"] != "substituted" or derived["rule"] is None:
        raise ProofFailedError(f"第四项证明没有被替代 The fourth proof was not spared: {_states(seen)}")
    rule = derived["rule"]
    say(
        f"✓ 第四项证明不再索要 the fourth proof is not asked for：{derived['name']['zh']} ← "
        f"{rule['stands_in']['zh']} {rule['stands_in']['en']}"
    )
    say(f"    规则 rule {rule['number'] + 1}；依据 basis {rule['basis']}；来自 rests on {', '.join(rule['rests_on'])}")


async def _begin(applicant: Applicant, item: Item) -> UUID:
    """Begins a draft with what only the person knows, and agrees to have the rest fetched."""
    url = applicant.stack.url("intake")
    body = {"item": item.code, "region": REGION, "answers": _ASKED}
    made = expect(await applicant.http.post(f"{url}/v1/drafts", json=body, headers=applicant.headers), 201).json()
    draft = UUID(made["draft"])
    expect(await applicant.http.post(f"{url}/v1/proofs/{draft}", headers=applicant.headers), 202)
    return draft


async def _fetched(applicant: Applicant, case: UUID, enough: Any) -> Json:
    """What the person sees of the proofs, once it is enough."""
    url = f"{applicant.stack.url('intake')}/v1/proofs/{case}"
    deadline = time.monotonic() + _PATIENCE
    while True:
        seen: Json = expect(await applicant.http.get(url, headers=applicant.headers), 200).json()
        if enough(seen) and _states(seen).get("household-register") != "not-asked":
            return seen
        if time.monotonic() > deadline:
            raise ProofFailedError(f"证明没有到齐 The proofs did not come: {_states(seen)}")
        await asyncio.sleep(_LOOK_SECONDS)


def _states(seen: Json) -> dict[str, str]:
    return {proof["material"]: proof["state"] for proof in seen["proofs"]}


def _pending(seen: Json) -> int:
    return int(seen["pending"])


def _tell_proofs(seen: Json, say: Announce) -> None:
    for proof in seen["proofs"]:
        zh, en = WAYS.get(proof["resource"] or "", ("", ""))
        values = "，".join(str(one["value"]) for one in proof["values"][:2])
        say(
            f"    {fitted(proof['name']['zh'], 26)} ← {fitted((proof['provider_name'] or {}).get('zh', ''), 34)} "
            f"{zh} {en}  等级 grade {proof['grade']}  {values}"
        )


def _tell_inputs(item: Item, seen: Json, say: Announce) -> None:
    origins = Counter(one["origin"] for one in seen["origins"] if not one["field"].startswith("materials."))
    say(
        f"  表单 {len(item.form.fields)} 项：本人填写 asked {len(_ASKED)}，取自登记簿 fetched {origins['fetched']}；"
        f"本人动作合计 a person's inputs in all {len(_ASKED) + 2}（填写 {len(_ASKED)}，同意 1，提交 1 "
        f"answers, consent, submission）"
    )
    if origins["fetched"] < 7:
        raise ProofFailedError(f"表单没有由登记簿填写 The registers did not fill the form: {dict(origins)}")


async def _submit(applicant: Applicant, draft: UUID) -> None:
    url = f"{applicant.stack.url('intake')}/v1/drafts/{draft}/submission?again=true"
    expect(await applicant.http.post(url, headers=applicant.headers), 202)


async def _decided(stack: Stack, http: httpx.AsyncClient, applicant: Applicant, case: UUID) -> Json:
    """The case after the receiving desk accepted it and every department decided."""
    desk = await Officer.sign_in(stack, http, "approvals-construction")
    receipt = f"{stack.url('intake')}/v1/receipts/{case}/accept"
    deadline = time.monotonic() + _PATIENCE
    while (answer := await http.post(receipt, json={}, headers=desk.headers)).status_code in (404, 409):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    expect(answer, 200)
    officers = await sign_in_officers(stack, http)
    work = [grant_everything(officer, case, (0.05, 0.2)) for officer in officers]
    return await alongside(work, _issued(applicant, case))


async def _issued(applicant: Applicant, case: UUID) -> Json:
    deadline = time.monotonic() + _PATIENCE
    while (status := await applicant.status(case))["state"] != "issued":
        if time.monotonic() > deadline:
            raise ProofFailedError(f"办件停在 The case stays at {status['state']}: {case}")
        await asyncio.sleep(_LOOK_SECONDS)
    return status


async def _tell_ledger(applicant: Applicant, case: UUID, say: Announce) -> None:
    url = f"{applicant.stack.url('intake')}/v1/ledger/{case}"
    found = expect(await applicant.http.get(url, headers=applicant.headers), 200).json()
    lines = found["lines"]
    departments = {line["department"] for line in lines if line["department"]}
    say(f"  谁看过我的数据 who used my data：{len(lines)} 条 lines，{len(departments)} 个部门 departments")
    if len(departments) < 5:
        raise ProofFailedError(f"台账缺少部门 Departments are missing from the ledger: {sorted(departments)}")
