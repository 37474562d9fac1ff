"""Intake's HTTP interface."""

from functools import partial
from urllib.parse import urlsplit

from starlette.staticfiles import StaticFiles
from tongban_runtime import problem_pages
from tongban_runtime.front import App
from tongban_runtime.service import new_app
from tongban_runtime.sessions import Sessions

from tongban_intake.api import (
    applications,
    apply,
    case_forms,
    cases,
    drafts,
    guide,
    items,
    kept,
    ledger,
    page_route,
    pages,
    proof_pages,
    proofs,
    receipts,
    remedies,
    resources,
    session,
    status,
    turned_away,
    uploads,
    vault,
    workplace,
)
from tongban_intake.api.context import Intake
from tongban_intake.store import ended_sessions

__all__ = ["Intake", "make_app"]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def make_app(intake: Intake) -> App:
    """The app, without what the runtime adds to every service's (`tongban_runtime.service.prepare_app`)."""
    app = new_app(
        "通办 受理 Tongban intake", "申请、收件、补正、撤回与查询。Apply, receive, correct, withdraw and follow."
    )
    applications.add_submit_route(app)
    for part in (applications, remedies, drafts, receipts, items, session, status, guide, pages, case_forms, uploads):
        app.include_router(part.router)
    app.include_router(proofs.router)
    app.include_router(cases.router)
    app.include_router(vault.router)
    for part in (apply, proof_pages, kept, workplace):
        app.include_router(part.router)
    for module in (ledger, resources):
        app.include_router(module.router)
        app.include_router(module.page_router)
    app.mount("/static", StaticFiles(packages=[("tongban_intake", "static")]), name="static")
    app.include_router(session.data_router)
    app.state.intake = intake
    app.state.sessions = Sessions(partial(ended_sessions.has_ended, intake.pool))
    app.form_targets = (_origin(intake.settings.sign_in_url),)
    app.long_json = {vault.router.prefix: vault.LONGEST_BYTES}
    problem_pages.install(app, page_route.page_or_sign_in)
    turned_away.install(app, intake)
    return app
