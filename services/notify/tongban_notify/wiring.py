"""Where notify's parts are put together."""

import random

from tongban_catalog.shelf import Shelf
from tongban_runtime.health import Heartbeat
from tongban_runtime.service import Component, Parts, Runtime

from tongban_notify.api import create_app
from tongban_notify.domain import RetryPolicy
from tongban_notify.handlers import registry
from tongban_notify.letters import Letters
from tongban_notify.sender import Sender
from tongban_notify.settings import Settings
from tongban_notify.smtp import MailServer


def mail_server(settings: Settings) -> MailServer:
    host, port = settings.smtp.rsplit(":", 1)
    return MailServer(
        host=host,
        port=int(port),
        security=settings.smtp_security,
        username=settings.smtp_username,
        password=None if settings.smtp_password is None else settings.smtp_password.get_secret_value(),
        timeout=settings.smtp_timeout,
    )


async def wire(runtime: Runtime) -> Parts:
    settings = runtime.settings
    if not isinstance(settings, Settings):
        raise TypeError("notify is started with its own Settings")
    shelf = Shelf()
    letters = Letters(settings.public_url)

    def sender(heartbeat: Heartbeat) -> Component:
        return Sender(
            pool=runtime.pool,
            shelf=shelf,
            clock=runtime.clock,
            keyring=runtime.keyring,
            letters=letters,
            server=mail_server(settings),
            mail_from=settings.mail_from,
            policy=RetryPolicy(settings.retry_first, settings.retry_longest, settings.give_up_after),
            batch=settings.mail_batch,
            connections=settings.mail_connections,
            heartbeat=heartbeat,
            rng=random.Random(),  # noqa: S311 - it spreads retries, it keeps no secret
        )

    return Parts(app=create_app(letters, shelf), registry=registry(shelf, runtime.clock), workers={"sender": sender})
