"""Where sharing is put together, for the service's own wiring to take in."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from fastapi import APIRouter
from tongban_catalog.shelf import Shelf
from tongban_runtime.health import Heartbeat
from tongban_runtime.registry import Registry
from tongban_runtime.service import Component, Runtime

from tongban_certificates.registers.register import Registers
from tongban_certificates.sharing import api, receivers
from tongban_certificates.sharing.answerer import Answerer
from tongban_certificates.sharing.context import Sharing
from tongban_certificates.sharing.corrector import Corrector
from tongban_certificates.sharing.handlers import Hear, SharingHandlers


class SharingParts(NamedTuple):
    """The routes, the workers by the name that ``--only`` takes, and what registers the handlers."""

    router: APIRouter
    workers: Mapping[str, Callable[[Heartbeat], Component]]
    register: Callable[[Registry], None]


def parts(
    runtime: Runtime, shelf: Shelf, registers: Registers, hear: Hear, departments: Collection[str] | None = None
) -> SharingParts:
    """The parts; from now on the registers tell of their changes. ``departments``: see `Sharing`, ``hear``: `SharingHandlers`."""
    sharing = Sharing(runtime.pool, runtime.clock, shelf, runtime.keyring, registers, departments)
    registers.listen(receivers.enqueue)
    handlers = SharingHandlers(runtime.clock, departments, hear)
    return SharingParts(
        router=api.bound(sharing),
        workers={
            "answerer": lambda heartbeat: Answerer(sharing, heartbeat),
            "corrector": lambda heartbeat: Corrector(sharing, heartbeat),
        },
        register=handlers.register,
    )
