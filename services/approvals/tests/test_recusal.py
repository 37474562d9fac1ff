"""Who applied does not decide, and who decided does not review: refused, and on record."""

from typing import Any
from uuid import UUID

import pytest
from tongban_approvals.domain import History, recusal
from tongban_catalog.item import Item
from tongban_runtime.keys import Attempt

from .conftest import COLLEAGUE, ME, MakeDeployment
from .samples import appealed, applied, granted, item, new_subject, opened, published, refused, step
from .test_rules import ANNULMENT, BOTH, OPINION, REFUSAL, Desk

APPLICANT, DECIDER = UUID(int=7), UUID(int=8)
"""Who applies, and who decides, in the cases of `samples`."""
OF = item(
    [
        step(
            "AA",
            procedures=[
                {"id": "survey", "name": {"zh": "勘验", "en": "Survey"}, "expected": {"number": 5, "unit": "WD"}}
            ],
        ),
        step("BB", "heritage"),
    ]
)
_ACTS: dict[str, Any] = {
    "take": None,
    "release": None,
    "grant": None,
    "refuse": REFUSAL,
    "correction": {"fields": ["statement"], "message": "?"},
    "procedures": {"procedure": "survey"},
    "extension": {"reason": "?"},
    "annulment": ANNULMENT,
    "appeal-decision": {"outcome": "upheld", "text": "?"},
    "evidence/map/check": None,
}
_DUTIES = ("head", "supervisor")


async def _desk(deploy: MakeDeployment, of: Item) -> Desk:
    deployment, subject = await deploy(BOTH), new_subject()
    await deployment.hear(published(of), *applied(subject, of, {"company_name": "x"}))
    return Desk(deployment, subject)


def _named(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    status, body = answer
    assert "回避" in body["detail_zh"] or "复核" in body["detail_zh"]
    assert "on record" in body["detail_en"]
    return status, body["type"].rsplit(":", 1)[-1]


def test_who_stands_aside() -> None:
    subject = new_subject()
    yes, no = granted(subject, "AA", OF), refused(subject, "BB", OF)
    history = History.of([*applied(subject, OF), opened(subject, "AA", OF), yes, opened(subject, "BB", OF), no], OF)
    assert recusal(APPLICANT, history) == "own-application"
    assert recusal(APPLICANT, history, yes.id) == "own-application"
    assert [recusal(DECIDER, history, one.id) for one in (yes, no)] == ["own-decision", "own-decision"]
    assert recusal(DECIDER, history) is None
    assert recusal(ME, history, no.id) is None


async def test_who_applied_does_nothing_at_any_desk_of_their_case(deploy: MakeDeployment) -> None:
    desk = await _desk(deploy, OF)
    before = len(await desk.deployment.said())
    for verb, body in _ACTS.items():
        desk.deployment.keyring.refused.clear()
        answer = await desk.post(f"AA/{verb}", body, officer=APPLICANT, duties=_DUTIES)
        assert _named(answer) == (403, "own-application"), verb
        (attempt,) = desk.deployment.keyring.refused
        assert (attempt.rule, attempt.step, attempt.officer) == ("own-application", "AA", APPLICANT)
        assert str(attempt.application) == desk.subject
    async with desk.deployment.client(APPLICANT, BOTH) as client:
        seen = await client.get(f"/v1/tasks/{desk.subject}/AA")
    assert _named((seen.status_code, seen.json())) == (403, "own-application")
    assert len(await desk.deployment.said()) == before
    assert (await desk.post("AA/grant"))[0] == 200


async def test_who_applied_gives_no_opinion(deploy: MakeDeployment) -> None:
    of = item(
        [step("AA", opinions=[{**OPINION, "limit": {"number": 5, "unit": "WD"}, "silence": "escalate", "basis": []}])]
    )
    desk = await _desk(deploy, of)
    path, given = "AA/heritage-view", {"agrees": True, "text": "?"}
    assert _named(await desk.post(path, given, officer=APPLICANT, root="opinions")) == (403, "own-application")
    attempt = Attempt(UUID(desk.subject), "opinion", "own-application", "heritage", "AA", officer=APPLICANT)
    assert desk.deployment.keyring.refused == [attempt]
    assert (await desk.post(path, given, root="opinions"))[0] == 200


@pytest.mark.parametrize("verb", ["annulment", "appeal-decision"])
async def test_who_refused_does_not_review(deploy: MakeDeployment, verb: str) -> None:
    desk = await _desk(deploy, OF)
    no = refused(subject := desk.subject, "AA", OF)
    await desk.deployment.hear(no, appealed(subject, no))
    answer = await desk.post(f"AA/{verb}", _ACTS[verb], officer=DECIDER, duties=_DUTIES)
    assert _named(answer) == (403, "own-decision")
    attempt = Attempt(UUID(subject), "remedy", "own-decision", "ecology", "AA", officer=DECIDER)
    assert desk.deployment.keyring.refused == [attempt]
    assert (await desk.post(f"AA/{verb}", _ACTS[verb], officer=COLLEAGUE, duties=_DUTIES))[0] == 200
