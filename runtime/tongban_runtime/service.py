"""The life of a service's process: settings, migrations, components that run together and end together."""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import uvicorn
import uvloop
from fastapi import FastAPI

from tongban_runtime import command_line, documentation, failures, logs, operations, telemetry
from tongban_runtime.acts import ActSigner
from tongban_runtime.auth import Authenticator, fetch_jwks
from tongban_runtime.batch import Processor
from tongban_runtime.clock import Clock, ShiftedClock, SystemClock
from tongban_runtime.command_line import Command, StartRefusedError
from tongban_runtime.connections import Bounds, protocol_within
from tongban_runtime.consumer import Consumer
from tongban_runtime.database import Pool, create_pool, migrate, wait_until_ready
from tongban_runtime.front import App
from tongban_runtime.health import Health, Heartbeat
from tongban_runtime.keys import Keyring, NoVault, VaultKeyring
from tongban_runtime.limits import Limiter
from tongban_runtime.registry import Registry
from tongban_runtime.relay import Relay
from tongban_runtime.rivals import Rivals, RivalWatch
from tongban_runtime.sessions import Sessions
from tongban_runtime.settings import RuntimeSettings
from tongban_runtime.standing import Standing
from tongban_runtime.vault_http import VaultClient


class Component(Protocol):
    """A part of the process that runs until it is told to stop."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(slots=True)
class Runtime:
    """What wiring is given to build a service from."""

    settings: RuntimeSettings
    pool: Pool
    health: Health
    clock: Clock
    authenticator: Authenticator
    standing: Standing = field(init=False)
    rivals: Rivals = field(init=False)
    processor: Processor | None = None
    acts: ActSigner = field(default_factory=ActSigner)
    keyring: Keyring = field(default_factory=NoVault)
    vault: VaultClient | None = None

    def __post_init__(self) -> None:
        self.standing = Standing(self.clock)
        self.rivals = Rivals(self.clock)

    async def close(self) -> None:
        """Lets go of the engines."""
        if self.vault is not None:
            await self.vault.close()
        await self.pool.close()


@dataclass(slots=True)
class Parts:
    """What wiring gives back. ``workers`` are the service's own components, by the name that ``--only`` takes."""

    app: App
    registry: Registry
    workers: Mapping[str, Callable[[Heartbeat], Component]] = field(default_factory=dict)
    extra_roles: Mapping[str, Callable[[Heartbeat], Component]] = field(default_factory=dict)
    """Components that run only when ``--only`` names them: those that want a process of their own."""


Wire = Callable[[Runtime], Awaitable[Parts]]


class HttpServer:
    """Uvicorn as a component."""

    def __init__(self, app: FastAPI, settings: RuntimeSettings, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        proxies = settings.trusted_proxies
        bounds = Bounds(settings.head_seconds, None if proxies else settings.connections_per_address)
        self._shared = (settings.http_host, settings.http_port) if settings.http_share_port else None
        self._server = _QuietServer(
            uvicorn.Config(
                app,
                host=settings.http_host,
                port=settings.http_port,
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=5,
                timeout_keep_alive=5,
                limit_concurrency=settings.connections,
                http=protocol_within(bounds),
                ws="none",
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                lifespan="off",
            )
        )

    def stop(self) -> None:
        self._server.should_exit = True

    async def run(self) -> None:
        beating = asyncio.create_task(self._beat())
        try:
            await self._server.serve(None if self._shared is None else [_shared_socket(*self._shared)])
        finally:
            beating.cancel()

    async def _beat(self) -> None:
        while True:
            self._heartbeat.beat()
            await asyncio.sleep(1)


def _shared_socket(host: str, port: int) -> socket.socket:
    return socket.create_server((host, port), backlog=2048, reuse_port=True)


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the service, which stops all components in order."""
        yield


def new_app(title: str, description: str = "") -> App:
    """An app that serves its own API documentation at /docs and loads nothing from elsewhere.

    FastAPI's own telemetry stays off: it writes query strings, sign-in codes among them, into spans.
    """
    app = App(
        title=title,
        description=description,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.limiter = Limiter()
    documentation.install(app)
    return app


def prepare_app(app: App, runtime: Runtime) -> App:
    """Gives an app what every service's app has: errors as problems, health, operations, the runtime in its state."""
    failures.install(app)
    app.is_behind_tls = runtime.settings.behind_tls
    app.body_seconds = runtime.settings.body_seconds
    app.state.limiter = Limiter(runtime.settings.limits, runtime.settings.streams_per_person)
    app.include_router(operations.router)
    app.state.runtime = runtime
    app.state.authenticator = runtime.authenticator
    if runtime.vault is not None:
        app.state.sessions = Sessions(runtime.vault.session_has_ended)
    return app


async def open_runtime(settings: RuntimeSettings, clock: Clock | None = None) -> Runtime:
    """Connects to the engines, waiting for them up to a minute. Raises `StartRefusedError` for settings that cannot be used."""
    vault, acts = VaultClient.of(settings), ActSigner.load(settings.acts_dir)
    dsn = settings.database.get_secret_value()
    await wait_until_ready(dsn)
    keys = await asyncio.to_thread(fetch_jwks, settings.token_jwks)
    if not settings.KEEPS_VAULT:
        await _check_vault(vault)
    return Runtime(
        settings=settings,
        pool=await create_pool(dsn, settings.database_pool),
        health=Health(settings.stall_limit),
        clock=clock or (ShiftedClock(settings.clock_shift) if settings.clock_shift else SystemClock()),
        authenticator=Authenticator(settings.token_issuer, keys, settings.token_audience),
        acts=acts,
        keyring=NoVault() if vault is None else VaultKeyring(vault.post),
        vault=vault,
    )


async def _check_vault(vault: VaultClient | None) -> None:
    if vault is None:
        logs.warning("service.without-vault")
    else:
        await vault.check()


def make_processor(runtime: Runtime, registry: Registry) -> Processor:
    return Processor(
        consumer=runtime.settings.instance,
        pool=runtime.pool,
        registry=registry,
        clock=runtime.clock,
        topic_prefix=runtime.settings.topic_prefix,
        parked_keys_limit=runtime.settings.parked_keys_limit,
    )


def _components(runtime: Runtime, parts: Parts, only: Sequence[str]) -> dict[str, Component]:
    settings = runtime.settings
    processor = runtime.processor = make_processor(runtime, parts.registry)
    factories: dict[str, Callable[[Heartbeat], Component]] = {
        "api": lambda beat: HttpServer(prepare_app(parts.app, runtime), settings, beat),
        "operations": lambda beat: HttpServer(prepare_app(new_app("运行 Operations"), runtime), settings, beat),
        "consumer": lambda beat: Consumer(
            name=settings.instance,
            replica=settings.replica,
            bootstrap=settings.kafka,
            topic_prefix=settings.topic_prefix,
            pool=runtime.pool,
            processor=processor,
            heartbeat=beat,
            standing=runtime.standing,
            stall_limit=settings.stall_limit,
            serves_alone=settings.serves_alone,
        ),
        "rivals": lambda beat: RivalWatch(
            bootstrap=settings.kafka,
            topic_prefix=settings.topic_prefix,
            deployment=settings.instance,
            serves=settings.serves_alone,
            rivals=runtime.rivals,
            heartbeat=beat,
        ),
        "relay": lambda beat: Relay(settings.database.get_secret_value(), settings.kafka, settings.topic_prefix, beat),
        **parts.workers,
    }
    every = {**factories, **parts.extra_roles}
    unknown = set(only) - every.keys()
    if unknown:
        raise SystemExit(f"unknown component {', '.join(sorted(unknown))}; there are {', '.join(sorted(every))}")
    chosen = [*only] if only else [name for name in factories if name != "operations"]
    if "consumer" in chosen and "rivals" not in chosen:
        chosen.append("rivals")
    if "api" not in chosen:
        chosen.append("operations")
    return {name: every[name](runtime.health.heartbeat(name)) for name in chosen}


def _spare_garbage_collector() -> None:
    """What was made at the start stays; leaving it out of collections saves a busy process a twelfth of its time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def _serve(settings: RuntimeSettings, wire: Wire, only: Sequence[str]) -> None:
    runtime, components = await _assemble(settings, wire, only)
    runtime.health.watch()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop, components)
    _spare_garbage_collector()
    logs.info("service.started", components=sorted(components))
    try:
        async with asyncio.TaskGroup() as group:
            for name, component in components.items():
                group.create_task(_run(name, component))
    finally:
        await asyncio.wait_for(runtime.close(), 10)
    logs.info("service.stopped")


async def _assemble(settings: RuntimeSettings, wire: Wire, only: Sequence[str]) -> tuple[Runtime, dict[str, Component]]:
    try:
        runtime = await open_runtime(settings)
        return runtime, _components(runtime, await wire(runtime), only)
    except StartRefusedError:
        raise
    except Exception as error:
        logs.warning("service.component-failed", error=error, component="wiring")
        raise


def _stop(components: Mapping[str, Component]) -> None:
    for component in components.values():
        component.stop()


async def _run(name: str, component: Component) -> None:
    try:
        await component.run()
    except Exception as error:
        logs.warning("service.component-failed", error=error, component=name)
        raise


def main(package: str, kind: type[RuntimeSettings], wire: Wire, commands: Mapping[str, Command] | None = None) -> None:
    """The command line of a service: ``migrate``, one of its own ``commands``, or run.

    Running means with every component, or those that ``--only`` names.
    """
    own = commands or {}
    options = command_line.parse(package, own, sys.argv[1:])
    if options.command in own and options.env_file is None:
        command_line.borrow_local_settings(package)
    settings = command_line.read_settings(kind, options.env_file)
    logs.configure(settings.instance)
    if options.command == "migrate":
        asyncio.run(migrate(settings.database.get_secret_value(), package))
        return
    if options.command in own:
        sys.exit(uvloop.run(own[options.command].run(settings, options)))
    telemetry.configure(settings)
    only = [name for name in options.only.split(",") if name]
    try:
        uvloop.run(_serve(settings, wire, only))
    except* StartRefusedError as refused:
        command_line.refuse(*(str(one) for one in refused.exceptions))
    except* Exception:  # noqa: BLE001 - the failed component has logged itself; the process ends to be restarted
        sys.exit(1)
    finally:
        telemetry.shutdown()
