"""What can become of a case, on the whole running system: the ways that end it, and the ways back."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest
from tongban_catalog.item import Item
from tongban_catalog.load import Catalog
from tongban_local import mailbox
from tongban_local.demo.office import alongside, grant_everything
from tongban_local.demo.tail import Tail
from tongban_local.people import Applicant, Json, Officer, UnexpectedAnswerError
from tongban_local.stack import Stack
from tongban_schemas.events.approvals import ApprovalOpened
from tongban_schemas.events.certificates import CertificateIssued

pytestmark = pytest.mark.alone

PATIENCE = 60.0
AT_ONCE = (0.0, 0.1)
ALL_OFF = {
    "heritage_underground": False,
    "heritage_control_zone": False,
    "special_fire_project": False,
    "public_health_venue": False,
    "traffic_impact": False,
    "entertainment_venue": False,
}
REFORM, LAND, CONSTRUCTION = range(3)


async def until_status(
    applicant: Applicant, application: UUID, enough: Callable[[Json], bool], position: int = 1
) -> Json:
    """The status once it is enough."""
    async with asyncio.timeout(PATIENCE):
        while not enough(status := await applicant.status(application, position)):
            await asyncio.sleep(0.05)
    return status


async def until_task(officer: Officer, application: UUID, step: str, state: str) -> Json:
    """A step's task once it is in the state."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for task in await officer.tasks_of(application, state):
                if task["step"] == step:
                    return task
            await asyncio.sleep(0.05)


async def until_mail(stack: Stack, application: UUID, subject: str) -> mailbox.Mail:
    """The case's mail whose subject begins so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for mail in mailbox.read(stack.maildir):
                if str(application) in mail.text and mail.subject.startswith(subject):
                    return mail
            await asyncio.sleep(0.1)


def has_state(state: str) -> Callable[[Json], bool]:
    return lambda status: bool(status["state"] == state)


async def test_steps_that_the_answers_switch_off_never_open(
    stack: Stack, applicant: Applicant, officers: list[Officer], project: Item
) -> None:
    answers = project.form.example() | ALL_OFF | {"env_category": "registration"}
    async with Tail(stack.kafka, stack.topic_prefix) as tail:
        application, position = await applicant.apply(project, answers)
        status = await alongside(
            [grant_everything(officer, application, AT_ONCE) for officer in officers],
            until_status(applicant, application, has_state("issued"), position),
        )
        events = await tail.until(
            application, lambda known: any(isinstance(event.data, CertificateIssued) for event in known), PATIENCE
        )
    named = {event.data.step for event in events if isinstance(event.data, ApprovalOpened)}
    assert named == {"BA", "TD", "YD", "FA", "RF", "GC", "HP", "JN", "SG"}
    assert {step["step"] for step in status["flow"]} == named
    by_rule = {step["step"] for step in status["flow"] if step["decided_by"] == "rule"}
    assert by_rule == {"BA", "HP", "JN"}
    assert sum(isinstance(event.data, CertificateIssued) for event in events) == 1


async def test_a_refusal_ends_the_case(
    stack: Stack, applicant: Applicant, officers: list[Officer], project: Item
) -> None:
    application, _ = await applicant.apply(project, project.form.example())
    await until_task(officers[REFORM], application, "HP", "open")
    await until_task(officers[LAND], application, "KG", "open")
    reason = "勘探发现古墓葬，需另行选址。"
    await officers[LAND].act(application, "KG", "refuse", {"reason_code": "conditions-not-met", "reason": reason})
    status = await until_status(applicant, application, has_state("refused"))
    refused = next(step for step in status["flow"] if step["state"] == "refused")
    assert (refused["step"], refused["reason_code"], refused["reason"]) == ("KG", "conditions-not-met", reason)
    assert "行政复议" in status["next"]["zh"]
    assert status["certificate"] is None
    mail = await until_mail(stack, application, "“考古调查勘探”未获批准")
    assert "六十日内申请行政复议" in mail.text
    assert "reconsideration" in mail.text
    assert reason in mail.text
    await until_task(officers[REFORM], application, "HP", "cancelled")
    with pytest.raises(UnexpectedAnswerError, match="409"):
        await officers[REFORM].act(application, "HP", "grant")
    later = await applicant.status(application)
    states = {step["step"]: step["state"] for step in later["flow"]}
    assert states.pop("KG") == "refused"
    assert (states["BA"], states["HP"], states["TD"]) == ("granted", "stopped", "stopped")
    assert set(states.values()) == {"granted", "stopped"}


async def test_a_correction_is_asked_made_and_decided_upon(
    stack: Stack, applicant: Applicant, officers: list[Officer], project: Item
) -> None:
    application, _ = await applicant.apply(project, project.form.example())
    await until_task(officers[LAND], application, "KG", "open")
    wanted = {"fields": ["land_area_m2", "contact_phone"], "message": "用地面积与红线图不符，请核对。"}
    await officers[LAND].act(application, "KG", "correction", wanted)
    status = await until_status(applicant, application, has_state("waiting-for-correction"))
    asked = status["corrections"][0]
    assert (asked["step"], asked["fields"], asked["message"]) == ("KG", wanted["fields"], wanted["message"])
    await until_mail(stack, application, "请补正")
    with pytest.raises(UnexpectedAnswerError, match="409"):
        await officers[LAND].act(application, "KG", "grant")
    with pytest.raises(UnexpectedAnswerError, match="422"):
        await applicant.correct(application, asked["request"], {"land_area_m2": -1, "contact_phone": "000-11111111"})
    answers = {"land_area_m2": 18500, "contact_phone": "000-11111111"}
    position = await applicant.correct(application, asked["request"], answers)
    status = await applicant.status(application, position)
    assert status["corrections"][0]["answered_at"] is not None
    await until_task(officers[LAND], application, "KG", "taken")
    task = await detail(officers[LAND], application, "KG")
    shown = {answer["field"]: answer["value"] for answer in task["answers"]}
    assert {name: shown[name] for name in answers} == answers
    await officers[LAND].act(application, "KG", "grant")
    await until_task(officers[LAND], application, "TD", "open")


async def detail(officer: Officer, application: UUID, step: str) -> Json:
    url = f"{officer.stack.url(officer.service)}/v1/tasks/{application}/{step}"
    found: Json = (await officer.http.get(url, headers=officer.headers)).json()
    return found


async def test_a_withdrawn_case_is_over_everywhere(
    applicant: Applicant, officers: list[Officer], project: Item
) -> None:
    application, _ = await applicant.apply(project, project.form.example())
    await until_task(officers[LAND], application, "KG", "open")
    await until_task(officers[REFORM], application, "HP", "open")
    position = await applicant.withdraw(application)
    status = await applicant.status(application, position)
    assert (status["state"], status["final"]) == ("withdrawn", True)
    assert await applicant.withdraw(application) == position
    await until_task(officers[LAND], application, "KG", "cancelled")
    await until_task(officers[REFORM], application, "HP", "cancelled")
    with pytest.raises(UnexpectedAnswerError, match="409"):
        await officers[LAND].act(application, "KG", "grant")


async def test_what_was_written_is_read(applicant: Applicant, catalog: Catalog) -> None:
    """With the position of its own write, a reader never sees the time before it."""
    item = catalog.item("credit-repair")
    answers = item.form.example() | {"obligation_fulfilled": False}

    async def write_and_read() -> None:
        application, position = await applicant.apply(item, answers)
        assert (await applicant.status(application, position))["position"] >= position
        position = await applicant.withdraw(application)
        status = await applicant.status(application, position)
        assert status["position"] >= position
        assert status["state"] == "withdrawn"

    await asyncio.gather(*(write_and_read() for _ in range(10)))


async def test_a_single_step_is_decided_by_rule_alone(applicant: Applicant, catalog: Catalog) -> None:
    item = catalog.item("credit-repair")
    application, _ = await applicant.apply(item, item.form.example())
    status = await until_status(applicant, application, has_state("issued"))
    assert [(step["step"], step["decided_by"]) for step in status["flow"]] == [("XF", "rule")]
    assert (await applicant.certificate(status["certificate"]["number"])).startswith(b"%PDF-")


async def test_the_same_key_makes_one_application(applicant: Applicant, catalog: Catalog) -> None:
    item = catalog.item("credit-repair")
    receipts = await asyncio.gather(*(applicant.apply(item, item.form.example(), "journey-once") for _ in range(5)))
    assert len({application for application, _ in receipts}) == 1


async def test_a_case_is_followed_event_by_event(
    applicant: Applicant, officers: list[Officer], project: Item, http: httpx.AsyncClient
) -> None:
    application, _ = await applicant.apply(project, project.form.example() | ALL_OFF)
    url = applicant.place(application, "/events")

    async def follow() -> list[tuple[int, Json]]:
        found: list[tuple[int, Json]] = []
        async with http.stream("GET", url, headers=dict(applicant.headers), timeout=PATIENCE) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            number = 0
            async for line in response.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "data":
                    found.append((number, json.loads(value)))
        return found

    heard = await alongside([grant_everything(officer, application, AT_ONCE) for officer in officers], follow())
    versions = [version for version, _ in heard]
    assert versions == sorted(set(versions))
    states = list(dict.fromkeys(status["state"] for _, status in heard))
    assert states[-2:] == ["accepted", "issued"]
    assert heard[-1][1]["final"]
    opened = [sum(step["state"] == "granted" for step in status["flow"]) for _, status in heard]
    assert opened == sorted(opened)
    assert len(set(opened)) > 3
    newest = (await applicant.status(application))["version"]
    async with asyncio.timeout(PATIENCE):
        while True:
            headers: dict[str, Any] = {**applicant.headers, "Last-Event-ID": str(newest)}
            again = await http.get(url, headers=headers)
            if again.status_code == 204:
                break
            newest = (await applicant.status(application))["version"]


async def test_nobody_else_sees_a_case(
    stack: Stack, http: httpx.AsyncClient, applicant: Applicant, catalog: Catalog
) -> None:
    item = catalog.item("credit-repair")
    application, _ = await applicant.apply(item, item.form.example())
    other = await Applicant.sign_in(stack, http, "applicant-2")
    for attempt in (other.status(application), other.withdraw(application)):
        with pytest.raises(UnexpectedAnswerError, match="404"):
            await attempt
