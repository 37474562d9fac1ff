"""What requests about registers have in common: whose register it is, the table that came, and why it cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from tongban_catalog.resource import Resource
from tongban_runtime.auth import Caller, note_refusal, officer
from tongban_runtime.problems import Problem

from tongban_certificates.registers.desk import NotHereError, PreviewGoneError, RegisterDesk, Report
from tongban_certificates.registers.rules import WORDS, TableError
from tongban_certificates.registers.table import MAX_BYTES
from tongban_certificates.upload import file_and_text_of

Officer = Annotated[Caller, Depends(officer)]
Importer = Annotated[Caller, Depends(officer.within("upload"))]


def desk_of(request: Request) -> RegisterDesk:
    desk: RegisterDesk = request.state.registers
    return desk


async def resource_of(request: Request, resource: str, caller: Caller) -> Resource:
    """A register of one of the caller's departments. Raises `Problem` 404."""
    try:
        return await desk_of(request).resource(resource, caller.departments)
    except NotHereError:
        problem = Problem(
            404,
            "no-such-register",
            "这里没有这个信息资源，或它不属于您的部门；您部门的信息资源见 /registers。",
            "There is no such register here, or it is not your department's; /registers lists those that are.",
        )
        note_refusal(request, problem, departments=sorted(caller.departments))
        raise problem from None


async def table_of(request: Request) -> tuple[bytes, str | None]:
    """The file that came, and the name of its sheet where one is given. Raises `Problem`."""
    missing = Problem(422, "no-file", "请选择要导入的文件。", "Choose the file to import, in the form field 'file'.")
    content, sheet = await file_and_text_of(request, MAX_BYTES, too_large("10 MiB"), missing, "sheet")
    return content, sheet or None


@contextmanager
def table_problems() -> Iterator[None]:
    """Inside, a file that cannot be taken at all becomes a `Problem` 422 that says why."""
    try:
        yield
    except TableError as error:
        words = WORDS[error.fault]
        raise Problem(
            422,
            f"table-{error.fault}",
            words.zh,
            words.en,
            columns=list(error.columns),
            allowed=list(error.allowed),
            sheets=list(error.sheets),
        ) from None


async def confirmed(request: Request, resource: Resource, preview: UUID, caller: Caller) -> Report:
    """Takes in a preview. Raises `Problem` 409 when it was taken in already, 404 when there is none."""
    try:
        return await desk_of(request).confirm(resource, preview, caller.id)
    except PreviewGoneError as error:
        if error.taken:
            raise Problem(
                409,
                "import-done",
                "这份文件已经导入过了，没有再导入一次。",
                "This file was imported already, and was not imported again.",
            ) from None
        raise Problem(
            404,
            "preview-gone",
            "预览已过期（保留 1 小时），或已被您较新的一份代替；请重新上传文件。",
            "The preview is older than an hour, or a newer one of yours took its place: hand in the file again.",
        ) from None


def too_large(limit: str) -> Problem:
    return Problem(413, "too-large", f"内容超过 {limit}，请分批提交。", f"It is larger than {limit}: send it in parts.")
