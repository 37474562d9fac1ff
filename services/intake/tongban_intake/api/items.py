"""What one can apply for. Public."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from tongban_catalog.item import Item
from tongban_runtime.auth import public
from tongban_runtime.problems import Problem
from tongban_schemas.types import ItemRef

from tongban_intake.api.context import intake_of

router = APIRouter(tags=["items"])


class Words(BaseModel):
    """The same words in Chinese and English."""

    zh: str
    en: str


class ItemSummary(BaseModel):
    """One item in the list, in its newest version."""

    code: str
    version: int
    name: Words
    summary: Words
    departments: list[str]


def _summary(item: Item) -> ItemSummary:
    return ItemSummary(
        code=item.code,
        version=item.version,
        name=Words(zh=item.name.zh, en=item.name.en),
        summary=Words(zh=item.summary.zh, en=item.summary.en),
        departments=sorted(item.deciding_departments),
    )


@router.get("/v1/items", dependencies=[Depends(public)])
async def list_items(request: Request) -> list[ItemSummary]:
    """Every published item, in its newest version."""
    intake = intake_of(request)
    return [_summary(item) for item in await intake.shelf.all_newest(intake.pool)]


@router.get("/v1/items/{code}", dependencies=[Depends(public)])
async def get_item(
    request: Request, code: str, version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
) -> dict[str, Any]:
    """An item's whole definition with its form (a JSON Schema), the newest version by default."""
    intake = intake_of(request)
    item = await intake.shelf.newest(intake.pool, code)
    if item is not None and version is not None:
        item = await intake.shelf.item(intake.pool, ItemRef(code=code, version=version))
    if item is None:
        raise Problem(
            404,
            "no-such-item",
            "没有这个事项或版本，请从 /v1/items 查询。",
            "There is no such item or version: look it up under /v1/items.",
        )
    return item.definition
