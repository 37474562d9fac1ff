"""A system for campaigns: every service and every relay a process of its own, on engines that can be hurt."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import httpx
from tongban_local import lifecycle, programs, tokens
from tongban_local.programs import APPROVALS, CERTIFICATES
from tongban_local.stack import PROJECT, Stack
from tongban_local.supervise import Program
from tongban_local.tokens import Role, TokenRequest
from tongban_runtime.topics import create_topics

RELAYED = ("intake", *APPROVALS, *CERTIFICATES, "notify")
MAIN_COMPONENTS = {
    "notify": "api,consumer,sender",
    **dict.fromkeys(CERTIFICATES, "api,consumer,issuer,answerer,corrector"),
}


@dataclass(frozen=True)
class System:
    """One run: its own databases and topics on the engines of ``stack``.

    run: distinguishes runs on the same engines. services: names as `programs.SERVICES` has them. sabotage: a name of
    `tests.chaos.sabotage`. flaky: share of handler runs that fail.
    """

    stack: Stack
    run: str
    services: Sequence[str]
    sabotage: str = ""
    flaky: float = 0.01

    @property
    def prefix(self) -> str:
        return f"{self.run}."

    def database(self, service: str) -> str:
        return self.stack.database(f"{programs.DATABASES[service]}_{self.run}")

    def url(self, service: str) -> str:
        return self.stack.url(service)

    def token(
        self,
        role: Role,
        sub: UUID,
        departments: Sequence[str] = (),
        duties: Sequence[str] = (),
        service: str | None = None,
    ) -> str:
        key = tokens.prepare(self.stack.secrets)
        request = TokenRequest(
            role=role, sub=sub, departments=tuple(departments), duties=tuple(duties), service=service
        )
        return tokens.sign(key, self.stack.url("issuer"), request)

    def environment(self, service: str) -> dict[str, str]:
        return programs.service_environment(self.stack, service) | {
            "TONGBAN_DATABASE": self.database(service),
            "TONGBAN_TOPIC_PREFIX": self.prefix,
            "TONGBAN_STALL_LIMIT": "20",
            "TONGBAN_TRACE_RATIO": "0",
            "TONGBAN_PARKED_KEYS_LIMIT": "100000",
            "CHAOS_FLAKY": str(self.flaky),
            "CHAOS_SABOTAGE": self.sabotage,
        }

    def programs(self) -> list[Program]:
        return [
            Program(
                name,
                "services",
                [sys.executable, "-m", "tests.chaos.launch", programs.MODULES[service], "--only", components],
                PROJECT,
                self.environment(service) | ({"TONGBAN_HTTP_PORT": "0"} if components == "relay" else {}),
            )
            for name, service, components in self._parts()
        ]

    def _parts(self) -> list[tuple[str, str, str]]:
        """(program, service, components): the relays apart, so that they can be hurt apart."""
        parts = []
        for service in self.services:
            components = "view" if service == "intake-view" else MAIN_COMPONENTS.get(service, "api,consumer")
            parts.append((service, service, components))
            if service in RELAYED:
                parts.append((f"{service}-relay", service, "relay"))
        return parts

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self._parts()]

    async def start(self) -> None:
        """Makes databases and topics, publishes the catalogue, starts every process and waits until all answer."""
        databases = [service for service in self.services if service != "intake-view"]
        await asyncio.gather(*(asyncio.to_thread(self._command, service, "migrate") for service in databases))
        await create_topics(self.stack.kafka, self.prefix)
        await asyncio.to_thread(_run, ["tongban_certificates.demo_ca", str(self.stack.root / "signing")], {})
        await asyncio.to_thread(self._publish_catalogue)
        launch = lifecycle.kafka_launch(self.stack.local, _quiet)
        supervisor = self.stack.supervisor
        await asyncio.to_thread(supervisor.update, [*programs.engine_programs(self.stack, launch), *self.programs()])
        await asyncio.to_thread(supervisor.ensure_started, self.names)
        async with httpx.AsyncClient(timeout=5) as client:
            for service in databases:
                await _answers(client, f"{self.url(service)}/health/ready")

    async def stop(self) -> None:
        await asyncio.to_thread(self.stack.supervisor.stop, self.names)

    def _command(self, service: str, command: str) -> None:
        _run([programs.MODULES[service], command], self.environment(service))

    def _publish_catalogue(self) -> None:
        environment = {"TONGBAN_KAFKA": self.stack.kafka, "TONGBAN_TOPIC_PREFIX": self.prefix}
        _run(["tongban_catalog", "publish", "--keys", str(self.stack.acts_public)], environment)

    async def rebuild(self) -> str:
        """Rebuilds the view from offset zero beside the live one and returns what the command says, equal or not."""
        return await asyncio.to_thread(_run, ["tongban_intake", "rebuild"], self.environment("intake-view"), (0, 1))


def _quiet(_: str) -> None:
    return


def _run(module: Sequence[str], environment: Mapping[str, str], fine: Sequence[int] = (0,)) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *module],
        env={**os.environ, **environment},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode not in fine:
        raise RuntimeError(f"{' '.join(module)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


async def _answers(client: httpx.AsyncClient, url: str, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if (await client.get(url)).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.2)
    raise TimeoutError(f"{url} does not answer")
