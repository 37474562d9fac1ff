"""Intake's HTTP interface."""

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles
from tongban_runtime import documentation

from tongban_intake.api import applications, items, session, status
from tongban_intake.api.context import Intake

__all__ = ["Intake", "make_app"]


def make_app(intake: Intake) -> FastAPI:
    """The app, without what the runtime adds to every service's (`tongban_runtime.service.prepare_app`).

    FastAPI's own telemetry stays off: it writes query strings, sign-in codes among them, into spans.
    """
    app = FastAPI(
        title="通办 · 受理 Tongban intake",
        description="申请、撤回、补正与查询。Apply, withdraw, correct and follow.",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    applications.add_submit_route(app)
    for part in (applications, items, session, status):
        app.include_router(part.router)
    documentation.install(app)
    app.mount("/static", StaticFiles(packages=[("tongban_intake", "static")]), name="static")
    app.state.intake = intake
    return app
