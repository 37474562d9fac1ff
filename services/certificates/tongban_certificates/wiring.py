"""Where the certificates service is put together."""

import asyncio

from tongban_catalog import hearing
from tongban_catalog.resource import Resource
from tongban_catalog.shelf import Shelf
from tongban_runtime import problem_pages
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.database import Pool
from tongban_runtime.health import Heartbeat
from tongban_runtime.service import Parts, Runtime

from tongban_certificates import pages
from tongban_certificates.api import make_app
from tongban_certificates.credentials import load_credentials
from tongban_certificates.document import CertificateRenderer
from tongban_certificates.domain import FACTS
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.issuing import IssuingWorker, Press
from tongban_certificates.registers.api import bound
from tongban_certificates.registers.desk import RegisterDesk
from tongban_certificates.registers.holder import load_key
from tongban_certificates.registers.issued import IssuedCertificates
from tongban_certificates.registers.pull import PulledRegister
from tongban_certificates.registers.register import Registers
from tongban_certificates.settings import CertificatesSettings
from tongban_certificates.sharing.wiring import parts
from tongban_certificates.signing import CertificateSigner
from tongban_certificates.stuck import stuck_router
from tongban_certificates.verification import CertificateVerifier


async def wire(runtime: Runtime) -> Parts:
    """The parts of the service.

    Raises `SigningDirectoryError` when the signing directory cannot be used, `RegisterKeyError` when the key of the registers
    is not the one that they were kept under.
    """
    settings = runtime.settings
    assert isinstance(settings, CertificatesSettings)
    credentials = await asyncio.to_thread(load_credentials, settings.signing_dir)
    renderer = await asyncio.to_thread(CertificateRenderer, parallel=settings.issue_parallel)
    press = Press(renderer, CertificateSigner(credentials), settings.verify_url)
    shelf = Shelf()
    registers = await open_registers(runtime.pool, settings, shelf)
    handlers = CertificateHandlers(shelf, runtime.clock, runtime.keyring, registers, settings.certificates_issuers)
    desk = RegisterDesk(runtime.pool, runtime.clock, shelf, registers, settings.registers)
    sharing = parts(runtime, shelf, registers, handlers.hear, settings.registers)
    registry = handlers.registry()
    sharing.register(registry)

    def issuer(heartbeat: Heartbeat) -> IssuingWorker:
        return IssuingWorker(
            pool=runtime.pool,
            clock=runtime.clock,
            shelf=shelf,
            press=press,
            keyring=runtime.keyring,
            registers=registers,
            batch=settings.issue_batch,
            parallel=settings.issue_parallel,
            heartbeat=heartbeat,
        )

    def alarms(heartbeat: Heartbeat) -> AlarmWorker:
        return AlarmWorker(runtime.pool, runtime.clock, FACTS, hearing.ringing(shelf, handlers.ring, FACTS), heartbeat)

    app = make_app(
        runtime.pool,
        shelf,
        runtime.clock,
        CertificateVerifier(credentials.ca),
        runtime.keyring,
        bound(desk),
        stuck_router(runtime.pool, runtime.clock),
        sharing.router,
    )
    problem_pages.install(app, pages.problem_page_of(settings.public_url))
    return Parts(
        app=app,
        registry=registry,
        workers={"issuer": issuer, "alarms": alarms, **sharing.workers},
    )


async def open_registers(pool: Pool, settings: CertificatesSettings, shelf: Shelf) -> Registers:
    """The registers that are kept here, and those that are asked elsewhere. Raises `RegisterKeyError`."""

    async def published(resource: str) -> Resource | None:
        return (await shelf.resources(pool)).get(resource)

    token = None if settings.pull_token is None else settings.pull_token.get_secret_value()
    remote = {resource: PulledRegister(address, published, token) for resource, address in settings.pull.items()}
    key = await asyncio.to_thread(load_key, settings.register_key_file)
    registers = Registers(key, remote, IssuedCertificates(key, shelf))
    await registers.check_key(pool)
    return registers
