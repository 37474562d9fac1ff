"""The pages of an officer: the department's registers, a template, and a table that is looked at first and counts then."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response
from tongban_catalog.resource import Resource
from tongban_runtime.problems import Problem

from tongban_certificates import pages
from tongban_certificates.registers import template
from tongban_certificates.registers.reports import told
from tongban_certificates.registers.requests import (
    Importer,
    Officer,
    confirmed,
    desk_of,
    resource_of,
    table_of,
    table_problems,
)

page_router = APIRouter(tags=["registers"], default_response_class=HTMLResponse, include_in_schema=False)


@page_router.get("/registers")
async def list_page(request: Request, caller: Officer) -> Response:
    """The registers of one's own departments."""
    kept = await desk_of(request).kept(caller.departments)
    return HTMLResponse(pages.render("registers.html", kept=kept), headers=pages.HEADERS)


@page_router.get("/registers/{resource}")
async def import_page(request: Request, resource: str, caller: Officer) -> Response:
    """The page where an officer of the provider hands in a table."""
    return _page(await resource_of(request, resource, caller))


@page_router.get("/registers/{resource}/template.xlsx")
async def template_file(request: Request, resource: str, caller: Officer) -> Response:
    """An empty workbook whose columns are those of the register, formatted so that numbers stay whole."""
    known = await resource_of(request, resource, caller)
    content = await asyncio.to_thread(template.workbook, known)
    headers = {
        "Content-Disposition": f'attachment; filename="{known.id}.xlsx"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=template.MEDIA_TYPE, headers=headers)


@page_router.post("/registers/{resource}")
async def preview_from_page(request: Request, resource: str, caller: Importer) -> Response:
    """Shows what a table would do. Nothing counts yet."""
    known = await resource_of(request, resource, caller)
    try:
        content, sheet = await table_of(request)
        with table_problems():
            name, report = await desk_of(request).preview(known, content, caller.id, sheet)
    except Problem as problem:
        return _page(known, problem.status, problem=problem)
    return _page(known, report=told(known, report, name))


@page_router.post("/registers/{resource}/imports/{preview}")
async def confirm_from_page(request: Request, resource: str, preview: UUID, caller: Officer) -> Response:
    """Takes in the good rows of a preview."""
    known = await resource_of(request, resource, caller)
    try:
        report = await confirmed(request, known, preview, caller)
    except Problem as problem:
        return _page(known, problem.status, problem=problem)
    return _page(known, report=told(known, report))


def _page(resource: Resource, status: int = 200, **context: object) -> Response:
    html = pages.render("register.html", **{"resource": resource, "problem": None, "report": None, **context})
    return HTMLResponse(html, status, headers=pages.HEADERS)
