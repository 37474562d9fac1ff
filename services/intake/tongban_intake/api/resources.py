"""The public catalogue of information resources: what is held where, who may have it, how often it was asked for."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from tongban_catalog.basis import Basis
from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.resource import Resource
from tongban_runtime.auth import public

from tongban_intake import pages
from tongban_intake.api.context import Intake, intake_of
from tongban_intake.api.page_route import PageRoute, is_signed_in
from tongban_intake.presentation import GRADES, Words, basis_words, limit_shown
from tongban_intake.presentation.shown import LimitShown
from tongban_intake.store import evidence

router = APIRouter(tags=["resources"])
page_router = APIRouter(tags=["pages"], include_in_schema=False, route_class=PageRoute)

OUTCOMES: Mapping[str, Words] = {
    "requested": Words(zh="请求", en="requests"),
    "provided": Words(zh="已提供", en="given"),
    "not-recorded": Words(zh="无登记", en="not on record"),
    "refused": Words(zh="不提供", en="refused"),
    "failed": Words(zh="未取得", en="failed"),
    "overdue": Words(zh="超期", en="overdue"),
    "disputed": Words(zh="异议", en="disputed"),
    "unfit": Words(zh="不合表单要求的内容", en="values that break a form's rule"),
    "corrected": Words(zh="更正", en="corrected"),
}
SHARING: Mapping[str, Words] = {
    "unconditional": Words(zh="无条件共享", en="shared without condition"),
    "conditional": Words(zh="有条件共享", en="shared on conditions"),
    "none": Words(zh="不予共享", en="not shared"),
}
_OPEN: Mapping[str, Words] = {
    "none": Words(zh="不开放", en="not open to the public"),
    "conditional": Words(zh="有条件开放", en="open on conditions"),
    "full": Words(zh="开放", en="open to the public"),
}
_HOLDERS: Mapping[str, Words] = {
    "citizen": Words(zh="个人", en="a person"),
    "enterprise": Words(zh="企业", en="an enterprise"),
}


class BasisShown(BaseModel):
    """An article, and what it says."""

    words: Words
    says: Words


class InformationItem(BaseModel):
    """信息项."""

    id: str
    name: Words
    type: str
    personal: bool


class ResourceShown(BaseModel):
    """One resource with the metadata of 发改高技〔2017〕1272号. ``figures`` counts what was asked and what came of it."""

    id: str
    code: str
    category: str
    name: Words
    summary: Words
    provider: str
    provider_name: Words
    provider_code: str | None
    format: Words
    fields: list[InformationItem]
    holder: str
    holder_words: Words
    sharing: str
    sharing_words: Words
    condition: Words | None
    basis: list[BasisShown]
    answer: LimitShown
    mode: Words
    open: str
    open_words: Words
    update: Words
    published_on: date
    related: list[str]
    grade: str
    figures: dict[str, int] = Field(description="How often, by outcome; absent outcomes are 0.")


@router.get("/v1/resources", dependencies=[Depends(public)])
async def list_resources(request: Request) -> list[ResourceShown]:
    """Every information resource of the catalogue, by code; also those that are not shared, with the law that says so."""
    return await resources_shown(intake_of(request))


@page_router.get("/resources")
async def resources_page(request: Request, _: Annotated[None, Depends(public)]) -> Response:
    """The same as a page: by sharing class, in plain words."""
    found = await resources_shown(intake_of(request))
    groups = [(name, words, [one for one in found if one.sharing == name]) for name, words in SHARING.items()]
    return pages.render(
        "resources.html",
        groups=groups,
        outcomes=OUTCOMES,
        names={one.id: one.name for one in found},
        grades=GRADES,
        signed_in=is_signed_in(request),
    )


async def resources_shown(intake: Intake) -> list[ResourceShown]:
    found = await intake.shelf.resources(intake.pool)
    departments = await intake.shelf.departments(intake.pool)
    figures = await evidence.figures(intake.pool)
    return [
        _shown(one, departments.get(one.provider), figures.get(one.id, {}))
        for one in sorted(found.values(), key=lambda resource: resource.code)
    ]


def _shown(one: Resource, provider: Department | None, figures: Mapping[str, int]) -> ResourceShown:
    return ResourceShown(
        id=one.id,
        code=one.code,
        category=one.category,
        name=_words(one.name),
        summary=_words(one.summary),
        provider=one.provider,
        provider_name=Words(zh=one.provider, en=one.provider)
        if provider is None
        else Words(zh=provider.name_zh, en=provider.name_en),
        provider_code=None if provider is None else provider.uscc,
        format=_words(one.format),
        fields=[
            InformationItem(id=field.id, name=_words(field.name), type=field.type, personal=field.personal)
            for field in one.fields
        ],
        holder=one.holder,
        holder_words=_HOLDERS[one.holder],
        sharing=one.sharing.kind,
        sharing_words=SHARING[one.sharing.kind],
        condition=None if one.sharing.condition is None else _words(one.sharing.condition),
        basis=[_basis(basis) for basis in one.sharing.basis],
        answer=limit_shown(one.sharing.answer.number, one.sharing.answer.unit),
        mode=_words(one.sharing.mode),
        open=one.open,
        open_words=_OPEN[one.open],
        update=_words(one.update),
        published_on=one.published_on,
        related=list(one.related),
        grade=one.grade,
        figures=dict(figures),
    )


def _basis(basis: Basis) -> BasisShown:
    return BasisShown(words=basis_words(basis), says=_words(basis.says))


def _words(text: Text) -> Words:
    return Words(zh=text.zh, en=text.en)
