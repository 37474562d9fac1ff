"""The composition root: the one place that knows which things a deployment of approvals is made of."""

from tongban_catalog import hearing
from tongban_catalog.shelf import Shelf
from tongban_runtime import logs
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.front import App
from tongban_runtime.service import Parts, Runtime, new_app

from tongban_approvals import api, handlers
from tongban_approvals.casework import Casework
from tongban_approvals.domain import MODELS
from tongban_approvals.settings import Settings


def make_casework(runtime: Runtime, departments: frozenset[str]) -> Casework:
    return Casework(
        departments=departments, shelf=Shelf(), clock=runtime.clock, keyring=runtime.keyring, acts=runtime.acts
    )


def make_app(casework: Casework) -> App:
    """The officers' interface of one deployment."""
    app = new_app("通办 审批 Tongban approvals", "各部门经办人使用的接口。 What the departments' officers use.")
    app.include_router(api.router)
    app.state.casework = casework
    return app


async def wire(runtime: Runtime) -> Parts:
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("approvals is wired with its own settings")
    casework = make_casework(runtime, settings.approvals_departments)
    if missing := settings.approvals_departments - runtime.acts.departments:
        logs.warning("service.without-acts", departments=sorted(missing))
    ring = hearing.ringing(casework.shelf, casework.advance, MODELS)
    return Parts(
        app=make_app(casework),
        registry=handlers.registry(casework),
        workers={"alarms": lambda beat: AlarmWorker(runtime.pool, runtime.clock, MODELS, ring, beat)},
    )
