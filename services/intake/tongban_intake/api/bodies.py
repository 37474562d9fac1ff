"""Request bodies: their shape, and how they are read. What is wrong is told per field, in Chinese and English."""

from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError
from tongban_catalog.form import FieldError
from tongban_runtime import json_bodies
from tongban_runtime.json_bodies import is_storable, looks_storable, not_json, too_large
from tongban_runtime.problems import ERRORS_TOLD, Problem, is_json, wrong_media_type
from tongban_schemas.text import SAID_LENGTH, TEXT_FAULT, Line, Said, TextError, read_text
from tongban_schemas.types import JsonObject, Language, MaterialId

MAX_BODY_BYTES = json_bodies.MAX_BYTES
"""The largest request. Sealing makes a third more of it, and an event may hold 200 KiB."""

_TEXT = ("应为 1 至 2000 个字的文字", "has to be text of 1 to 2000 characters")
_ANY = ("不符合要求", "is not right")
_LONGEST_NAME = 200
_HINTS = {
    "item": ("应为 31 位事项编码", "has to be an item's code of 31 characters"),
    "version": ("应为不小于 1 的整数", "has to be a whole number from 1"),
    "region": ("应为 6 位行政区划代码", "has to be a region code of 6 digits (GB/T 2260)"),
    "language": ("应为 zh 或 en", "has to be zh or en"),
    "answers": ("应为对象,以表单项名称为键", "has to be an object with the form's field names as keys"),
    "decision": ("应为决定的编号(UUID)", "has to be the id (UUID) of the decision"),
    "way": (
        "应为 reconsideration(行政复议)或 litigation(行政诉讼)",
        "has to be reconsideration or litigation",
    ),
    "grounds": _TEXT,
    "reason": _TEXT,
    "message": _TEXT,
    "reason_code": ("应为小写字母、数字和连字符,2 至 41 位", "has to be 2 to 41 small letters, digits and hyphens"),
    "right_authority": (
        "应为有权办理的机关名称,1 至 200 个字",
        "has to be the competent authority's name, 1 to 200 characters",
    ),
    "materials": ("应为材料编号的列表", "has to be a list of ids of materials"),
    "promised": ("应为材料编号的列表", "has to be a list of ids of materials"),
    "fields": ("应为表单项名称的列表", "has to be a list of the form's field names"),
    "kind": ("应为 citizen(公民)或 enterprise(单位)", "has to be citizen or enterprise"),
    "value": ("应为 6 至 40 位数字和字母组成的号码", "has to be a number of 6 to 40 digits and letters"),
    "request": ("应为补正通知的编号(UUID)", "has to be the id (UUID) of the correction request"),
}


class ApplicationRequest(BaseModel):
    """An application: which item, where, and the answers to its form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: Annotated[str, Field(pattern=r"^[0-9A-Z]{31}$", description="Item code, GB/T 39554.1.")]
    version: Annotated[
        StrictInt | None, Field(ge=1, le=1_000_000, description="Version of the item; the newest by default.")
    ] = None
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$", description="GB/T 2260 code of the receiving place.")]
    language: Annotated[Language, Field(description="Language in which the applicant is told things.")] = "zh"
    answers: Annotated[JsonObject, Field(description="Answers by field of the item's form.")]


class CorrectionRequest(BaseModel):
    """The answer to a notice or a correction request: the fields it asked for, and no others.

    The files that were brought for it belong to the answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: Annotated[UUID, Field(description="Event id of the correction request.")]
    answers: Annotated[JsonObject, Field(description="The asked fields with their new answers.")] = {}


class AppealRequest(BaseModel):
    """What is appealed against, where, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    decision: Annotated[UUID, Field(description="Event id of the decision.")]
    way: Literal["reconsideration", "litigation"]
    grounds: Said


class AcceptanceRequest(BaseModel):
    """Acceptance, where the item allows it on the promise to bring materials later (容缺)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    promised: Annotated[
        list[MaterialId], Field(max_length=100, description="Missing materials that may come later.")
    ] = []


class NoticeRequest(BaseModel):
    """Everything that is wrong or missing, told at once. Every missing required material is added."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fields: Annotated[list[str], Field(max_length=100)] = []
    materials: Annotated[list[MaterialId], Field(max_length=100)] = []
    message: Said


class NonAcceptanceRequest(BaseModel):
    """Why it is not accepted: a ground that the receipt lists; with ``other-authority`` the right authority is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason_code: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", examples=["no-permit-needed"])]
    reason: Said
    right_authority: Line | None = None


class DraftRequest(BaseModel):
    """What is filled in so far; it may be incomplete and wrong."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: Annotated[str, Field(pattern=r"^[0-9A-Z]{31}$", description="Item code, GB/T 39554.1.")]
    region: Annotated[str, Field(pattern=r"^[0-9]{6}$")] | None = None
    language: Language = "zh"
    answers: JsonObject = Field(default_factory=dict)


Body = TypeVar("Body", bound=BaseModel)


def said(typed: str) -> str:
    """What somebody wrote into a form's box for words. Raises `Problem` 422 that says what to change."""
    try:
        return read_text(typed, lines=True, most=SAID_LENGTH)
    except TextError as error:
        raise Problem(422, "invalid-request", error.zh, error.en) from None


async def read_body(request: Request, model: type[Body]) -> tuple[Body, JsonObject]:
    """The body of a request: checked, and as the JSON object that was sent.

    Raises `Problem` 400 for what is no JSON object, 413 for one over `MAX_BODY_BYTES`, 415 for what says that it is something
    else, 422 with ``errors`` by field.
    """
    said = request.headers.get("content-type", "")
    if said and not is_json(said):
        raise wrong_media_type("application/json")
    raw = await _read(request)
    try:
        document: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise not_json() from error
    if not isinstance(document, dict) or not (looks_storable(raw) or is_storable(document)):
        raise not_json()
    try:
        return model.model_validate(document), document
    except ValidationError as error:
        raise invalid(error) from None


def invalid_answers(errors: list[FieldError]) -> Problem:
    """422: the answers do not fit the form; ``errors`` says what to do, by field."""
    return Problem(
        422,
        "invalid-answers",
        "有内容需要更正，请按 errors 逐项改正后重新提交。",
        "Some answers need correcting: correct each entry of errors and send it again.",
        errors=errors,
    )


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI description of a body that `read_body` reads."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}},
    }


def said_length(request: Request) -> int | None:
    """How many bytes the request says that it has; None when it does not say."""
    length = request.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def refuse_large(
    request: Request, most: int = MAX_BODY_BYTES, zh: str = "提交的内容太大。", en: str = "What was sent is too large."
) -> None:
    """Raises `Problem` 413 for a request of more bytes, or one that does not say how many it has."""
    length = said_length(request)
    if length is None or length > most:
        raise Problem(413, "too-large", zh, en)


async def _read(request: Request) -> bytes:
    length = said_length(request)
    if length is not None:
        if length > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
        return await request.body()
    chunks = bytearray()
    async for chunk in request.stream():
        chunks += chunk
        if len(chunks) > MAX_BODY_BYTES:
            raise too_large(MAX_BODY_BYTES)
    return bytes(chunks)


def invalid(error: ValidationError) -> Problem:
    errors: list[FieldError] = []
    found = error.errors(include_input=False, include_url=False)
    for problem in found[:ERRORS_TOLD]:
        name = str(problem["loc"][0])[:_LONGEST_NAME] if problem["loc"] else ""
        if problem["type"] == "missing":
            zh, en = f"请填写 {name}。", f"{name} is missing: add it."
        elif problem["type"] == "extra_forbidden":
            zh, en = f"没有名为 {name} 的项，请删除。", f"There is no field {name}: remove it."
        elif problem["type"] == TEXT_FAULT:
            zh, en = f"{name}：{problem['ctx']['zh']}", f"{name}: {problem['ctx']['en']}"
        else:
            hint_zh, hint_en = _HINTS.get(name, _ANY)
            zh, en = f"{name} {hint_zh}。", f"{name} {hint_en}."
        errors.append(FieldError(field=name, message_zh=zh, message_en=en))
    return Problem(
        422,
        "invalid-request",
        "请求的内容不完整或格式不对，请按 errors 逐项改正后重新提交。",
        "The request is incomplete or malformed: correct each entry of errors and send it again.",
        errors=errors,
        count=len(found),
    )
