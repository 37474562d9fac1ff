"""What one can apply for. Public."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from tongban_catalog.item import Item
from tongban_catalog.jsonld import MEDIA_TYPE, cpsv
from tongban_runtime.auth import public

from tongban_intake.api.context import intake_of
from tongban_intake.api.guide import QUERY_LIMIT, find_items, item_in_force
from tongban_intake.presentation import Words

router = APIRouter(tags=["items"])

Version = Annotated[int | None, Query(ge=1, le=1_000_000)]


class ItemSummary(BaseModel):
    """One item in the list, in the version that takes applications today."""

    code: str
    version: int
    name: Words
    summary: Words
    region: str
    service_objects: list[str]
    departments: list[str]


def _summary(item: Item) -> ItemSummary:
    return ItemSummary(
        code=item.code,
        version=item.version,
        name=Words(zh=item.name.zh, en=item.name.en),
        summary=Words(zh=item.summary.zh, en=item.summary.en),
        region=item.region,
        service_objects=list(item.service_objects),
        departments=sorted(item.deciding_departments),
    )


@router.get("/v1/items", dependencies=[Depends(public)])
async def list_items(
    request: Request,
    q: Annotated[
        str, Query(max_length=QUERY_LIMIT, description="Words of its name, summary, departments or audience.")
    ] = "",
) -> list[ItemSummary]:
    """The items that take applications today; with ``q`` those that match, the best first."""
    items, _ = await find_items(intake_of(request), q)
    return [_summary(item) for item in items]


@router.get("/v1/items/{code}", dependencies=[Depends(public)])
async def get_item(request: Request, code: str, version: Version = None) -> dict[str, Any]:
    """An item's whole definition with its form (a JSON Schema), by default in the version that takes applications today."""
    return (await item_in_force(intake_of(request), code, version)).definition


@router.get(
    "/v1/items/{code}/cpsv",
    dependencies=[Depends(public)],
    responses={200: {"content": {MEDIA_TYPE: {}}}},
    response_class=JSONResponse,
)
async def get_linked_data(request: Request, code: str, version: Version = None) -> Response:
    """The item as linked data: JSON-LD in the words of CPSV-AP."""
    intake = intake_of(request)
    item = await item_in_force(intake, code, version)
    document = cpsv(item, await intake.shelf.departments(intake.pool))
    return JSONResponse(document, media_type=MEDIA_TYPE)
