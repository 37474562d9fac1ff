"""Kafka and PostgreSQL for tests: given ones, containers, or a local stack of their own; never a stand-in."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from tongban_local import kafka, kafka_protocol, lifecycle, postgres
from tongban_local.errors import LocalStackError
from tongban_local.java import kafka_version
from tongban_local.progress import Announce, print_line, silent
from tongban_local.stack import LOCAL, GivenEngines, Stack

Provider = Literal["given", "containers", "local"]


@dataclass(frozen=True)
class Engines:
    """Engines that answer.

    kafka: host:port. postgres: postgresql:// address of the maintenance database, as a superuser.
    stack: the stack they belong to when they are local, for restarting and killing them.
    """

    kafka: str
    postgres: str
    kafka_version: str
    postgres_version: str
    provider: Provider
    stack: Stack | None = None

    def __str__(self) -> str:
        place = f"{self.provider} {self.stack.name}" if self.stack else self.provider
        return f"Kafka {self.kafka_version} {self.kafka}, PostgreSQL {self.postgres_version} ({place})"


class NoEnginesError(LocalStackError):
    """No provider can give engines; the text says what to install."""


def choose(environ: Mapping[str, str], container_problem: Callable[[], str | None]) -> tuple[Provider, str]:
    """Which provider to use, and why.

    container_problem: says why containers cannot be had; None when they can. Asked only if it matters.
    Raises: NoEnginesError when `TONGBAN_ENGINES` asks for what cannot be had.
    """
    wanted = environ.get("TONGBAN_ENGINES") or None
    if wanted is not None and wanted not in get_args(Provider):
        raise NoEnginesError(f"TONGBAN_ENGINES={wanted}: 只能是 must be one of {', '.join(get_args(Provider))}")
    given = GivenEngines.from_environment(environ)
    if wanted == "given" or (wanted is None and given):
        if given is None:
            raise NoEnginesError("TONGBAN_ENGINES=given: 请设置 set TONGBAN_KAFKA (host:port), TONGBAN_POSTGRES (URL)")
        return "given", "TONGBAN_KAFKA, TONGBAN_POSTGRES"
    if wanted == "local":
        return "local", "TONGBAN_ENGINES=local"
    problem = container_problem()
    if problem is None:
        return "containers", "Docker"
    if wanted == "containers":
        raise NoEnginesError(f"TONGBAN_ENGINES=containers: {problem}. 请运行 Run `make test-containers`.")
    return "local", problem


@contextmanager
def provide_engines(environ: Mapping[str, str] = os.environ, announce: Announce = print_line) -> Iterator[Engines]:
    """Engines for the length of the block; says which it chose. Fails rather than give a stand-in.

    Order: `TONGBAN_KAFKA` and `TONGBAN_POSTGRES`; containers if a Docker engine has the images; a local stack of its own
    in `.local/test-…`, removed at the end. `TONGBAN_ENGINES=given|containers|local` forces one.
    Raises: NoEnginesError with what to install.
    """
    from tongban_local import containers

    provider, reason = choose(environ, lambda: containers.problem(environ))
    source = {"given": _given, "containers": _containers, "local": _local}[provider]
    with source(environ) as engines:
        announce(f"引擎 engines: {engines}; {reason}")
        yield engines


@contextmanager
def _given(environ: Mapping[str, str]) -> Iterator[Engines]:
    given = GivenEngines.from_environment(environ)
    if given is None:
        raise NoEnginesError("TONGBAN_KAFKA, TONGBAN_POSTGRES")
    kafka.wait(given.kafka, 20.0)
    level = kafka_protocol.finalized_features(given.kafka).get("metadata.version", 0)
    yield Engines(
        given.kafka, given.postgres, f"(metadata.version {level})", postgres.wait(given.postgres, 20.0), "given"
    )


@contextmanager
def _containers(environ: Mapping[str, str]) -> Iterator[Engines]:
    from tongban_local import containers

    with containers.run(environ) as (address, url, version):
        yield Engines(address, url, version, postgres.version(url), "containers")


@contextmanager
def _local(environ: Mapping[str, str]) -> Iterator[Engines]:
    with lifecycle.temporary_stack("test", announce=silent) as stack:
        try:
            launch = lifecycle.kafka_launch(LOCAL)
            lifecycle.engines_up(stack, ("postgres", "kafka"), announce=silent)
        except LocalStackError as problem:
            raise NoEnginesError(
                f"没有可用的 Kafka 与 PostgreSQL No Kafka and PostgreSQL can be had.\n{problem}\n"
                "或 Or: start Docker and run `make images`; or set TONGBAN_KAFKA (host:port) and TONGBAN_POSTGRES (URL)."
            ) from problem
        version = kafka_version(launch.jars)
        yield Engines(stack.kafka, stack.postgres, version, postgres.version(stack.postgres), "local", stack)
