"""Materials that a person brings as files: where an item asks for them, after a fetch failed, when a notice asks, as promised;
and the files, for who may see them.
"""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from tongban_catalog import hearing
from tongban_catalog.item import Item, applicable_steps
from tongban_runtime import telemetry
from tongban_runtime.auth import Caller, citizen, signed_in
from tongban_runtime.database import Pool, Tx
from tongban_runtime.keys import KeyRequest
from tongban_runtime.presence import while_connected
from tongban_runtime.problems import Problem
from tongban_runtime.sealing import CaseKeys, SealBrokenError
from tongban_schemas.events.evidence import upload_field

from tongban_intake import domain
from tongban_intake.api.acting import Entered, described, enter, not_heard_yet, refuse_if_ended, stored, transact
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.proofs import picture_of
from tongban_intake.api.receipts import RECEIVER
from tongban_intake.api.turned_away import TurnedAway, not_own
from tongban_intake.domain import History, filing, submission
from tongban_intake.evidence.picture import Picture
from tongban_intake.store import applications, drafts, receipts
from tongban_intake.uploads import check, desk, rows
from tongban_intake.uploads.check import Checked
from tongban_intake.uploads.rows import KeptFile

router = APIRouter(prefix="/v1/proofs", tags=["proofs"])
Material = Annotated[str, Path(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Id of the material.")]

_EXTENSIONS = {"application/pdf": "pdf", "image/jpeg": "jpg", "image/png": "png"}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself, at most 20 MiB.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


async def examined(request: Request, content: bytes) -> Checked:
    """A file as it may be kept, unless the client leaves meanwhile. The name that a client gives a file is never looked at.

    Raises `Problem`.
    """
    return await while_connected(request, intake_of(request).uploads.examine(content))


@router.put("/{case}/{material}/file", responses=described(401, 403, 404, 409, 413, 415, 422, 503), openapi_extra=_BODY)
async def put_file(
    request: Request,
    case: UUID,
    material: Material,
    caller: Annotated[Caller, Depends(citizen.within("upload"))],
    promise: Annotated[bool, Query(description="The person promises that it is true: grade D.")] = False,
) -> Response:
    """Brings a material as a file, when something calls for it. The same file again, after it was kept, gets the same answer.

    In a draft: what no register has, or has and the person did not agree to have fetched. Later: what could not be fetched, what
    an open notice or correction request asks for, what was promised at acceptance. Another file replaces it, while nobody has
    compared it with the original or decided on it.
    """
    intake = intake_of(request)
    async with intake.pool.acquire() as connection:
        await require_own(connection, case, caller)
        if await rows.find(connection, case, material) is None:
            desk.allowed(await picture_of(intake, connection, case), material)
    content = await check.receive(request.stream(), request.headers.get("content-length"))
    checked = await examined(request, content)
    return stored(case, await bring(intake, caller, case, material, checked, promise=promise))


@router.get(
    "/{case}/{material}/file",
    responses=described(401, 403, 404, 410, 503, success=200),
    response_class=Response,
)
async def get_file(
    request: Request, case: UUID, material: Material, caller: Annotated[Caller, Depends(signed_in)]
) -> Response:
    """The file, for the applicant and for the departments whose decision looks at it; every look of an officer is on record."""
    intake = intake_of(request)

    async def look(tx: Tx) -> tuple[KeptFile, CaseKeys]:
        if caller.role == "citizen":
            await require_own(tx, case, caller)
            file = await rows.find(tx, case, material)
            if file is None:
                raise _no_file()
            return file, await intake.vault.open(tx, case)
        wanted = await _request_of(intake, tx, case, material, caller)
        if isinstance(wanted, str):
            raise TurnedAway(_no_file(), case, caller, "decide", wanted)
        file = await rows.find(tx, case, material)
        if file is None:
            raise _no_file()
        return file, await intake.vault.look(tx, wanted)

    file, keys = await transact(intake, look)
    try:
        content = await intake.uploads.open(keys, file)
    except SealBrokenError as error:
        raise desk.no_store() from error
    return Response(
        content,
        media_type=file.media,
        headers={
            "Content-Disposition": f'attachment; filename="{file.material}.{_EXTENSIONS[file.media]}"',
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            "ETag": f'"{file.uploaded}"',
        },
    )


async def require_own(tx: Tx | Pool, case: UUID, caller: Caller) -> None:
    """Raises `Problem` 404 unless the case, draft or application, is the caller's."""
    if await drafts.find(tx, case, caller.id) is None and await applications.applicant_of(tx, case) != caller.id:
        problem = Problem(
            404,
            "no-such-case",
            "您名下没有这份申请或草稿，请核对编号。",
            "You have no application or draft with this id: check it.",
        )
        raise not_own(problem, case, caller)


async def bring(intake: Intake, caller: Caller, case: UUID, material: str, checked: Checked, *, promise: bool) -> int:
    """Keeps a checked file of one's own case and says so; intake's position afterwards. Raises `Problem`.

    The file is in the store before the case is locked; when nothing comes of it, it is deleted again.
    """
    async with intake.pool.acquire() as connection:
        await require_own(connection, case, caller)
        seen = await picture_of(intake, connection, case)
        if (before := _kept_before(seen, await rows.find(connection, case, material), checked)) is not None:
            return before
        upload = desk.allowed(seen, material)
        if promise:
            _refuse_promise(seen.item, material)
        keys = await intake.vault.open(connection, case)
    file = await intake.uploads.keep(keys, upload, checked)
    kept = False
    try:
        with telemetry.span("supplement", **{"tongban.subject": str(case)}) as span:

            async def act(tx: Tx) -> tuple[int, bool]:
                entered = await enter(intake, tx, case)
                await require_own(tx, case, caller)
                seen = await picture_of(intake, tx, case)
                if (same := _kept_before(seen, await rows.find(tx, case, material), checked)) is not None:
                    return same, False
                await _require_open(tx, entered, upload)
                if desk.allowed(seen, material).id != upload.id:
                    raise _moved_on()
                traceparent = telemetry.format_traceparent(span)
                event = upload.said(checked, entered.now, traceparent, promise=promise)
                position = await entered.say(event)
                await rows.add(tx, file, event.time)
                if upload.call.reason == "promise" and upload.call.before is None:
                    kept_promise = filing.supplement(case, {material: file.sha256.hex()}, event.time, traceparent)
                    position = await (await enter(intake, tx, case)).say(kept_promise)
                return position, True

            position, kept = await transact(intake, act)
    finally:
        if not kept:
            await intake.uploads.files.give_up(file.name)
    return position


async def _require_open(tx: Tx, entered: Entered, upload: desk.Upload) -> None:
    """Raises `Problem` 409 when the case has ended; a granted one still waits for what was promised."""
    if upload.call.because == upload.case and await applications.applicant_of(tx, upload.case) is not None:
        raise not_heard_yet()
    if upload.call.reason != "promise" or entered.history.ending() not in ("issued", "granted"):
        refuse_if_ended(entered.history)


def _kept_before(seen: Picture, before: KeptFile | None, checked: Checked) -> int | None:
    """Intake's position after this very file was kept, when it was and nothing calls for another one."""
    if before is None or desk.digest(checked) != before.sha256:
        return None
    call = seen.call_for(before.material)
    if call is not None and (call.before is None or call.before.id != before.uploaded):
        return None
    said = next((fact for fact in seen.facts if fact.id == before.uploaded), None)
    return None if said is None else said.sequence


def _refuse_promise(item: Item, material: str) -> None:
    found = item.material(material)
    if found is None or found.tolerable is None:
        raise Problem(
            422,
            "no-promise",
            "这份材料不能以承诺代替核对原件。",
            "A promise does not do for this proof: the original has to be seen.",
        )


async def _request_of(
    intake: Intake, tx: Tx, case: UUID, material: str, caller: Caller
) -> KeyRequest | Literal["not-your-case", "not-your-step"]:
    """What an officer has to ask the vault for: as receiver, or for the first step of theirs that looks at the material.

    Why there is nothing to ask for, when neither is so.
    """
    heard = (await hearing.recall(tx, intake.shelf, [case], domain.MODELS)).get(str(case), ())
    data = submission(heard)
    item = None if data is None else await intake.shelf.item(tx, data.item)
    if caller.role != "officer" or item is None:
        return "not-your-case"
    fields = frozenset((upload_field(material),))
    if RECEIVER in caller.duties:
        row = await receipts.find(tx, case, caller.departments)
        if row is not None:
            return KeyRequest(case, "receive", fields, department=row.receipt.department, officer=caller.id)
    answers = History.of(str(case), heard, item).answers.plain
    own = [one for one in applicable_steps(item, answers) if one.department_of(answers) in caller.departments]
    for step in own:
        if not step.inputs or material in step.inputs:
            department = step.department_of(answers)
            return KeyRequest(case, "decide", fields, department=department, step=step.id, officer=caller.id)
    return "not-your-step" if own else "not-your-case"


def _moved_on() -> Problem:
    return Problem(
        409,
        "case-moved-on",
        "上传期间这份材料又调取了一次，或者已换成另一个文件，请查看后再上传。",
        "The proof was fetched once more meanwhile, or another file was brought: look at it, then try again.",
    )


def _no_file() -> Problem:
    """For what is not there and for what is none of the caller's business: nobody learns which."""
    return Problem(
        404,
        "no-such-file",
        "没有这份文件，或者它不在您的办理范围内。",
        "There is no such file, or it is none that you may see.",
    )
