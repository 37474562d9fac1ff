"""The desk of a source: requests that a person has to answer, and disputes about what was given."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from tongban_catalog.form import Text
from tongban_catalog.resource import Resource
from tongban_runtime.auth import Caller, officer

from tongban_certificates.registers.model import Record
from tongban_certificates.sharing import desk, disputes
from tongban_certificates.sharing.bodies import (
    DisputeAnswer,
    DisputeDetail,
    DisputeList,
    DisputeSettled,
    DisputeSummary,
    FieldValue,
    Name,
    RecordShown,
    Refusal,
    RequestDetail,
    RequestList,
    RequestSummary,
    Settled,
)
from tongban_certificates.sharing.context import Sharing
from tongban_certificates.sharing.desk import Departments, Task

router = APIRouter(prefix="/v1/sharing", tags=["sharing"])
Officer = Annotated[Caller, Depends(officer)]
Limited = Annotated[int, Query(ge=1, le=500)]


def bound(sharing: Sharing) -> APIRouter:
    """The routes, working with ``sharing``."""

    def bind(request: Request) -> None:
        request.state.sharing = sharing

    whole = APIRouter(dependencies=[Depends(bind)])
    whole.include_router(router)
    return whole


def _sharing(request: Request) -> Sharing:
    sharing: Sharing = request.state.sharing
    return sharing


@router.get("/requests")
async def list_requests(request: Request, caller: Officer, limit: Limited = 200) -> RequestList:
    """What waits for the officer's departments; for a supervisor also what was brought before the authority above."""
    found = await desk.tasks(_sharing(request), caller, limit)
    return RequestList(requests=[RequestSummary(**_summary(one)) for one in found])


@router.get("/requests/{name}")
async def get_request(request: Request, caller: Officer, name: UUID) -> RequestDetail:
    """One request, opened: who the record is about, and the fields that are asked for. The look is on record."""
    found = await desk.look(_sharing(request), caller, name)
    task = found.task
    condition = None if task.resource is None else task.resource.sharing.condition
    return RequestDetail(
        **_summary(task),
        condition=None if condition is None else _name(condition),
        holder=found.holder,
        record=_shown(found.record, task.resource, task.request.fields),
        argument=found.argument,
    )


@router.post("/requests/{name}/release")
async def release_request(request: Request, caller: Officer, name: UUID) -> Settled:
    """Gives the fields that are asked for. 409 when the request is over, or may not be met."""
    given = await desk.release(_sharing(request), caller, name)
    return Settled(request=name, result="provided" if given else "not-recorded")


@router.post("/requests/{name}/refusal")
async def refuse_request(request: Request, caller: Officer, name: UUID, given: Refusal) -> Settled:
    """Refuses, on a ground and with its legal basis. 409 when the request is over."""
    await desk.refuse(_sharing(request), caller, name, given.ground, given.basis, given.reason)
    return Settled(request=name, result="refused")


@router.get("/disputes")
async def list_disputes(request: Request, caller: Officer, limit: Limited = 200) -> DisputeList:
    """Records of the officer's departments that people say are wrong."""
    found = await disputes.waiting(_sharing(request), caller, limit)
    return DisputeList(disputes=[DisputeSummary(**_dispute(one)) for one in found])


@router.get("/disputes/{name}")
async def get_dispute(request: Request, caller: Officer, name: UUID) -> DisputeDetail:
    """One dispute, opened: the person's words, and the record as it is now. The look is on record."""
    found = await disputes.look(_sharing(request), caller, name)
    return DisputeDetail(
        **_dispute(found.case),
        text=found.text,
        holder=found.holder,
        record=_shown(found.record, found.case.resource, found.case.given.fields),
    )


@router.post("/disputes/{name}/answer")
async def answer_dispute(request: Request, caller: Officer, name: UUID, given: DisputeAnswer) -> DisputeSettled:
    """Answers. 409 when it was answered, or "corrected" is said of a record that did not change."""
    await disputes.answer(_sharing(request), caller, name, given.outcome, given.text)
    return DisputeSettled(dispute=name, outcome=given.outcome)


def _name(text: Text) -> Name:
    return Name(zh=text.zh, en=text.en)


def _department(known: Departments, department: str) -> Name:
    found = known.get(department)
    return Name(zh=department, en=department) if found is None else _name(found.name)


def _resource(resource: Resource | None, name: str) -> Name:
    return Name(zh=name, en=name) if resource is None else _name(resource.name)


def _summary(task: Task) -> dict[str, Any]:
    one = task.request
    return {
        "request": one.request,
        "application": one.application,
        "resource": one.resource,
        "resource_name": _resource(task.resource, one.resource),
        "material": one.material,
        "item": one.item,
        "item_name": Name(zh=one.item.code, en=one.item.code) if task.item is None else _name(task.item.name),
        "provider": one.provider,
        "provider_name": _department(task.departments, one.provider),
        "asked_by": one.asked_by,
        "asked_by_name": _department(task.departments, one.asked_by),
        "basis": one.basis,
        "stage": one.stage,
        "asked_at": one.asked_at,
        "expires": one.expires,
        "due_at": None if task.timer is None else task.timer.due_at,
        "provisional": task.timer is None or task.timer.provisional,
    }


def _dispute(case: disputes.Case) -> dict[str, Any]:
    return {
        "dispute": case.dispute.dispute,
        "application": case.dispute.application,
        "resource": case.given.resource,
        "resource_name": _resource(case.resource, case.given.resource),
        "material": case.given.material,
        "provider": case.given.provider,
        "provider_name": _department(case.departments, case.given.provider),
        "fields": list(case.dispute.fields),
        "given_at": case.given.at,
        "raised_at": case.dispute.raised_at,
        "due_at": None if case.timer is None else case.timer.due_at,
        "provisional": case.timer is None or case.timer.provisional,
    }


def _shown(record: Record | None, resource: Resource | None, fields: Iterable[str]) -> RecordShown | None:
    if record is None or resource is None:
        return None
    known = [field for name in fields if (field := resource.field(name)) is not None]
    return RecordShown(
        fields=[
            FieldValue(
                field=field.id, name=_name(field.name), personal=field.personal, value=record.values.get(field.id)
            )
            for field in known
        ],
        recorded_at=record.changed_at,
        valid_until=record.valid_until,
    )
