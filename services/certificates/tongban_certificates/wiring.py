"""Where the certificates service is put together."""

import asyncio

from tongban_catalog.shelf import Shelf
from tongban_runtime.alarms import AlarmWorker
from tongban_runtime.health import Heartbeat
from tongban_runtime.service import Parts, Runtime

from tongban_certificates.api import make_app
from tongban_certificates.credentials import load_credentials
from tongban_certificates.document import CertificateRenderer
from tongban_certificates.domain import FACTS
from tongban_certificates.handlers import CertificateHandlers
from tongban_certificates.issuing import IssuingWorker, Press
from tongban_certificates.settings import CertificatesSettings
from tongban_certificates.signing import CertificateSigner
from tongban_certificates.verification import CertificateVerifier


async def wire(runtime: Runtime) -> Parts:
    """The parts of the service. Raises `SigningDirectoryError` when the signing directory cannot be used."""
    settings = runtime.settings
    assert isinstance(settings, CertificatesSettings)
    credentials = await asyncio.to_thread(load_credentials, settings.signing_dir)
    renderer = await asyncio.to_thread(CertificateRenderer, parallel=settings.issue_parallel)
    press = Press(renderer, CertificateSigner(credentials), settings.verify_url)
    shelf = Shelf()
    handlers = CertificateHandlers(shelf, runtime.clock, settings.certificates_issuers)

    def issuer(heartbeat: Heartbeat) -> IssuingWorker:
        return IssuingWorker(
            pool=runtime.pool,
            clock=runtime.clock,
            shelf=shelf,
            press=press,
            keyring=runtime.keyring,
            batch=settings.issue_batch,
            parallel=settings.issue_parallel,
            heartbeat=heartbeat,
        )

    def alarms(heartbeat: Heartbeat) -> AlarmWorker:
        return AlarmWorker(runtime.pool, runtime.clock, FACTS, handlers.ring, heartbeat)

    return Parts(
        app=make_app(runtime.pool, shelf, runtime.clock, CertificateVerifier(credentials.ca), runtime.keyring),
        registry=handlers.registry(),
        workers={"issuer": issuer, "alarms": alarms},
    )
