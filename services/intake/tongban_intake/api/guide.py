"""The public list of service items with search, and the guide of each: pages that anyone may read, and the same as data."""

import json
import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from markupsafe import Markup
from tongban_catalog.clock import china_day
from tongban_catalog.department import Department
from tongban_catalog.item import Item, Step, asked_fields
from tongban_catalog.jsonld import cpsv
from tongban_runtime.auth import public
from tongban_runtime.problems import Problem
from tongban_schemas.types import ItemRef, JsonObject

from tongban_intake import pages, search
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.page_route import PageRoute, is_signed_in
from tongban_intake.presentation import Words, limit_shown

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)

QUERY_LIMIT = 100
_ITEM_CODE = re.compile(r"[0-9A-Z]{31}")


@router.get("/", dependencies=[Depends(public)])
async def home(request: Request) -> Response:
    """The front page: search, and what one can apply for."""
    return await _list(request, "home.html", "")


@router.get("/services", dependencies=[Depends(public)])
async def services(request: Request, q: Annotated[str, Query(max_length=QUERY_LIMIT)] = "") -> Response:
    """What one can apply for today, found by words; it works without scripts."""
    return await _list(request, "services.html", q.strip())


@router.get("/services/{code}", dependencies=[Depends(public)])
async def guide(
    request: Request, code: str, version: Annotated[int | None, Query(ge=1, le=1_000_000)] = None
) -> Response:
    """Everything about an item: what to bring, which steps it takes, how long, what it costs, where to ask."""
    intake = intake_of(request)
    item = await item_in_force(intake, code, version)
    departments = await intake.shelf.departments(intake.pool)
    return pages.render(
        "guide.html",
        item=item,
        today=china_day(intake.clock.now()),
        objects=[search.audience(one) for one in item.service_objects],
        steps=[_step(step, departments) for step in item.steps],
        name_of=lambda one: _name(one, departments),
        words=lambda limit: limit_shown(limit.number, limit.unit).words,
        linked_data=linked_data(cpsv(item, departments)),
        fetched=await _fetched(intake, item, departments),
        counts=(len(asked_fields(item)), len(item.supplied)),
        signed_in=is_signed_in(request),
    )


async def item_in_force(intake: Intake, code: str, version: int | None) -> Item:
    """The named version; else the one that takes applications today; else the newest. Raises `Problem` 404."""
    if not _ITEM_CODE.fullmatch(code):
        item = None
    elif version is not None:
        item = await intake.shelf.item(intake.pool, ItemRef(code=code, version=version))
    else:
        today = china_day(intake.clock.now())
        item = await intake.shelf.current(intake.pool, code, today) or await intake.shelf.newest(intake.pool, code)
    if item is None:
        raise Problem(
            404,
            "no-such-item",
            "没有这个事项或版本，请从 /services（接口 /v1/items）查询。",
            "There is no such item or version: look it up under /services (API: /v1/items).",
        )
    return item


async def find_items(intake: Intake, query: str) -> tuple[list[Item], dict[str, Department]]:
    """The items that take applications today and match a query, with all departments."""
    departments = await intake.shelf.departments(intake.pool)
    items = await intake.shelf.all_current(intake.pool, china_day(intake.clock.now()))
    return search.find(items, departments, query), departments


def linked_data(document: JsonObject) -> Markup:
    """JSON-LD that may stand in a page: nothing in it can end the element."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704


async def _list(request: Request, template: str, query: str) -> Response:
    items, departments = await find_items(intake_of(request), query)
    shown = [
        (
            item,
            [_name(one, departments) for one in sorted(item.deciding_departments)],
            [search.audience(one) for one in item.service_objects],
        )
        for item in items
    ]
    again = f"/services?{urlencode({'q': query})}" if query else "/services"
    return pages.render(template, items=shown, query=query, again=again, signed_in=is_signed_in(request))


async def _fetched(intake: Intake, item: Item, departments: dict[str, Department]) -> dict[str, list[Words]]:
    """Who a material is fetched from, by material, one name for each source."""
    resources = await intake.shelf.resources(intake.pool) if item.sources else {}
    found: dict[str, list[Words]] = {}
    for source in item.sources:
        resource = resources.get(source.resource)
        name = _name(source.resource if resource is None else resource.provider, departments)
        if name not in found.setdefault(source.material, []):
            found[source.material].append(name)
    return found


def _step(step: Step, departments: dict[str, Department]) -> tuple[Step, list[Words]]:
    return step, [_name(one, departments) for one in sorted(step.departments)]


def _name(department: str, departments: dict[str, Department]) -> Words:
    known = departments.get(department)
    if known is None:
        return Words(zh=department, en=department)
    return Words(zh=known.name_zh, en=known.name_en)
