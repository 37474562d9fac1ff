"""One running system on this machine: its folder, ports, secrets and addresses."""

import os
import shutil
import signal as signals
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tongban_local import credentials, ports, processes
from tongban_local.locks import locked
from tongban_local.supervise import Supervisor

PROJECT = Path(__file__).resolve().parents[3]
LOCAL = PROJECT / ".local"
ENGINES = ("postgres", "kafka", "mail", "issuer", "ministry")
SERVICES = (
    "intake",
    "intake-view",
    "approvals-reform",
    "approvals-land",
    "approvals-construction",
    "approvals-neighbour",
    "certificates",
    "certificates-98",
    "notify",
)
BY_HAND = "by-hand"
"""A replica that somebody starts beside the stack's own."""
_PORT_NAMES = ("kafka", "kafka-controller", "postgres", "mail", "issuer", "ministry", BY_HAND, *SERVICES)


@dataclass(frozen=True)
class GivenEngines:
    """Kafka and PostgreSQL that somebody else runs."""

    kafka: str
    postgres: str

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "GivenEngines | None":
        """The engines that `TONGBAN_KAFKA` and `TONGBAN_POSTGRES` name, when both are set."""
        kafka, postgres = environ.get("TONGBAN_KAFKA"), environ.get("TONGBAN_POSTGRES")
        return cls(kafka, postgres) if kafka and postgres else None


class Stack:
    """A system of its own under one folder; two stacks share nothing but the Kafka jars.

    name: `main` for the demo; tests make their own.
    root: its folder; `.local/<name>` of the project by default.
    given: Kafka and PostgreSQL to use instead of own ones.
    owner: process whose end also ends the stack; None for a stack that stays.
    """

    def __init__(
        self,
        name: str = "main",
        root: Path | None = None,
        *,
        given: GivenEngines | None = None,
        topic_prefix: str = "",
        owner: int | None = None,
    ) -> None:
        self.name = name
        self.root = (root or LOCAL / name).resolve()
        self.given = given
        self.topic_prefix = topic_prefix
        self.owner = owner

    def __repr__(self) -> str:
        return f"Stack({self.name!r}, {str(self.root)!r})"

    @property
    def local(self) -> Path:
        """The folder that holds this stack, its neighbours and the shared jars."""
        return self.root.parent

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def maildir(self) -> Path:
        return self.root / "mail"

    @property
    def clock_shift(self) -> Path:
        """Seconds by which every clock of the stack is moved."""
        return self.root / "clock-shift"

    @property
    def trace_folder(self) -> Path:
        return self.root / "traces"

    @property
    def signing(self) -> Path:
        """Demo certification authority and signer of the certificates."""
        return self.root / "signing"

    @property
    def vault(self) -> Path:
        """The keys that wrap the keys of cases: apart from the database and its copies."""
        return self.secrets / "vault"

    @property
    def settings(self) -> Path:
        """While the stack runs: settings for operators' commands, a file for each package, and for departments' deployments."""
        return self.root / "settings"

    @property
    def ministry(self) -> Path:
        """What the simulated ministry's system holds."""
        return self.root / "ministry"

    @property
    def files(self) -> Path:
        """Uploaded files, sealed."""
        return self.root / "files"

    @property
    def acts(self) -> Path:
        """Private keys of the departments' formal acts."""
        return self.secrets / "acts"

    @property
    def acts_public(self) -> Path:
        """Their public halves, which the catalogue carries."""
        return self.secrets / "acts-public"

    @property
    def engines(self) -> tuple[str, ...]:
        """Programs that run the engines here."""
        return tuple(name for name in ENGINES if self.given is None or name not in {"kafka", "postgres"})

    def port(self, name: str) -> int:
        """Port of a program; claimed on first use."""
        known = ports.load(self.root)
        if name not in known:
            self.root.mkdir(parents=True, exist_ok=True)
            with locked(self.root / "ports.lock"):
                known = ports.assign(self.root, _PORT_NAMES)
        return known[name]

    def address(self, name: str) -> str:
        """host:port of a program."""
        return f"{ports.HOST}:{self.port(name)}"

    def url(self, name: str) -> str:
        """Base URL of a program that speaks HTTP, without a slash at the end."""
        return f"http://{self.address(name)}"

    @property
    def kafka(self) -> str:
        """Bootstrap server, host:port."""
        return self.given.kafka if self.given else self.address("kafka")

    @property
    def postgres(self) -> str:
        """postgresql:// address of the maintenance database, as a superuser."""
        if self.given:
            return self.given.postgres
        password = credentials.database_password(self.secrets)
        return f"postgresql://tongban:{password}@{self.address('postgres')}/postgres"

    def database(self, name: str) -> str:
        """postgresql:// address of a database of the stack's server."""
        return urlunsplit(urlsplit(self.postgres)._replace(path=f"/{name}"))

    @cached_property
    def supervisor(self) -> Supervisor:
        return Supervisor(self.root)

    def lock(self, on_wait: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """Held by every command that starts or stops parts of the stack."""
        return locked(self.local / f"{self.name}.lock", on_wait)

    def pid(self, program: str) -> int:
        """Process id of a running program. Raises: LocalStackError when it does not run."""
        return self.supervisor.pid(program)

    def signal(self, program: str, number: int) -> int:
        """Send a signal to a running program; a killed one is started again by the supervisor.

        Returns: the process id that got it.
        """
        pid = self.pid(program)
        os.kill(pid, number)
        return pid

    def kill(self, program: str, timeout: float = 30.0) -> int:
        """Kill a program with -9 and wait until the supervisor runs a new one. Returns: the new process id."""
        killed = self.signal(program, signals.SIGKILL)
        return self.supervisor.wait_for_new_pid(program, killed, timeout)

    def restart(self, program: str) -> int:
        """Stop a program gracefully and start it. Returns: the new process id."""
        return self.supervisor.restart(program)

    def release_ports(self) -> None:
        """Give up the stack's ports."""
        ports.release(self.root)

    def destroy(self) -> None:
        """Remove a stopped stack with its data, ports and lock."""
        self.release_ports()
        deadline = time.monotonic() + 5.0
        while self.root.exists():
            shutil.rmtree(self.root, ignore_errors=time.monotonic() < deadline)
        (self.local / f"{self.name}.lock").unlink(missing_ok=True)

    def leftovers(self) -> list[int]:
        """Process ids of everything that still runs for this stack."""
        return processes.of_stack(self.root)
