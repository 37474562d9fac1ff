"""The check that every route has a policy, on apps that forget one."""

from fastapi import APIRouter, Depends, FastAPI
from tongban_runtime.auth import citizen, public, routes_without_policy


def _app(router: APIRouter) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    outer = APIRouter(prefix="/outer")
    outer.include_router(router)
    app.include_router(outer)
    return app


def test_a_route_in_an_included_router_is_looked_at() -> None:
    router = APIRouter()

    @router.get("/open")
    async def unguarded() -> None: ...

    @router.get("/guarded", dependencies=[Depends(public)])
    async def guarded() -> None: ...

    assert routes_without_policy(_app(router)) == ["/outer/open"]


def test_two_policies_are_one_too_many() -> None:
    router = APIRouter(dependencies=[Depends(public)])

    @router.get("/twice", dependencies=[Depends(citizen)])
    async def twice() -> None: ...

    assert routes_without_policy(_app(router)) == ["/outer/twice"]


def test_pages_that_the_framework_would_add_are_found() -> None:
    assert routes_without_policy(FastAPI()) != []
