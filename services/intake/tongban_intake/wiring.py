"""Intake's composition root: the one place that knows which concrete parts it is made of."""

from collections.abc import Callable

from tongban_catalog import hearing
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.health import Heartbeat
from tongban_runtime.service import Component, Parts, Runtime

from tongban_intake import domain, handlers
from tongban_intake.api import Intake, make_app
from tongban_intake.rounds import eraser, sweeper
from tongban_intake.settings import Settings
from tongban_intake.vault.command import retention
from tongban_intake.view import make_view


async def wire(runtime: Runtime) -> Parts:
    """Builds intake from an open runtime."""
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("intake is wired with its own Settings")
    intake = Intake.build(runtime, settings)
    ring = hearing.ringing(intake.shelf, intake.casework.ring, domain.MODELS)
    workers: dict[str, Callable[[Heartbeat], Component]] = {
        "alarms": lambda beat: AlarmWorker(runtime.pool, runtime.clock, domain.MODELS, ring, beat),
        "eraser": lambda beat: eraser(runtime.pool, intake.vault, intake.uploads, retention(settings), beat),
    }
    if settings.files is not None:
        workers["sweeper"] = lambda beat: sweeper(runtime.pool, intake.uploads, runtime.clock, beat)
    return Parts(
        app=make_app(intake),
        registry=handlers.registry(intake.casework),
        workers=workers,
        extra_roles={"view": make_view(runtime)},
    )
