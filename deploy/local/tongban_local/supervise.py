"""supervisord under a stack: its configuration, and talking to it over its socket."""

import configparser
import io
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import psutil
from supervisor.xmlrpc import SupervisorTransport

from tongban_local.errors import LocalStackError
from tongban_local.processes import MARK

_TRANSIENT = ("STARTING", "BACKOFF", "EXITED")
_STOPPED = ("STOPPED", "FATAL", "UNKNOWN")
_OPEN_FILES = 65_536


@dataclass(frozen=True)
class Program:
    """A process that supervisord keeps alive.

    group: `engines` or `services`; services are stopped first.
    stop: name of the signal that asks it to end. patience: seconds until it is killed instead.
    """

    name: str
    group: str
    command: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    autostart: bool = False
    stop: str = "TERM"
    patience: int = 20


def render(root: Path, socket: Path, programs: Sequence[Program]) -> str:
    """Text of a supervisord configuration for the programs, logs under `root/logs`."""
    config = configparser.RawConfigParser(delimiters=("=",))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES)
    logs = root / "logs"
    config["unix_http_server"] = {"file": _literal(socket), "chmod": "0700"}
    config["supervisord"] = {
        "logfile": _literal(logs / "supervisord.log"),
        "logfile_maxbytes": "5MB",
        "logfile_backups": "2",
        "pidfile": _literal(root / "supervisord.pid"),
        "childlogdir": _literal(logs),
        "directory": _literal(root),
        "minfds": str(files),
        "umask": "077",
        "identifier": "tongban",
    }
    if os.geteuid() == 0:
        config["supervisord"]["user"] = "root"
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    config["supervisorctl"] = {"serverurl": _literal(f"unix://{socket}")}
    for priority, group in enumerate(dict.fromkeys(program.group for program in programs)):
        members = [program.name for program in programs if program.group == group]
        config[f"group:{group}"] = {"programs": ",".join(members), "priority": str(priority)}
    for program in programs:
        config[f"program:{program.name}"] = _section(program, logs)
    text = io.StringIO()
    config.write(text)
    return text.getvalue()


class Supervisor:
    """The supervisord of the stack at `root`; names of programs are plain, without their group."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._groups: dict[str, str] = {}

    @property
    def config(self) -> Path:
        return self._root / "supervisord.conf"

    def running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._call("getState")
        except LocalStackError:
            return False
        return True

    def start(self, programs: Sequence[Program]) -> None:
        """Start supervisord, and with it the programs that start by themselves."""
        self._write(programs)
        (self._root / "logs").mkdir(parents=True, exist_ok=True)
        line = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.config)]
        environment = os.environ | {MARK: str(self._root)}
        done = subprocess.run(
            line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise LocalStackError(f"supervisord 无法启动 does not start:\n{done.stdout}{done.stderr}")
        self._wait(self.running, 20.0, "supervisord")

    def update(self, programs: Sequence[Program]) -> None:
        """Take over changed settings of programs while running; changed programs are stopped, not started."""
        if self._write(programs):
            return
        (added, changed, removed), *_ = self._call("reloadConfig")
        for group in [*changed, *removed]:
            self._call("stopProcessGroup", group)
            self._call("removeProcessGroup", group)
        for group in [*added, *changed]:
            self._call("addProcessGroup", group)
        self._groups.clear()

    def ensure_started(self, names: Iterable[str]) -> None:
        """Start those of the programs that do not run; does not wait until they answer."""
        states = self.states()
        for name in names:
            if states.get(name) in (*_STOPPED, "EXITED", "BACKOFF", "STOPPING"):
                if states[name] == "STOPPING":
                    self.stop([name])
                with suppress(AlreadyStartedError):
                    self._call("startProcess", self._full(name), False)

    def stop(self, names: Iterable[str], timeout: float = 60.0) -> None:
        """Stop programs, all at once, and wait until they are gone."""
        wanted = set(names)
        for name in wanted:
            with suppress(NotRunningError, ProcessLookupError):
                # A frozen program could not act on being asked to stop.
                os.kill(self.pid(name), signal.SIGCONT)
            with suppress(NotRunningError):
                self._call("stopProcess", self._full(name), False)
        self._wait(
            lambda: all(state in (*_STOPPED, "EXITED") for name, state in self.states().items() if name in wanted),
            timeout,
            ", ".join(sorted(wanted)),
        )

    def restart(self, name: str) -> int:
        """Stop a program gracefully and start it. Returns: the new process id."""
        self.stop([name])
        with suppress(AlreadyStartedError):
            self._call("startProcess", self._full(name), False)
        return self.wait_for_new_pid(name, 0, 30.0)

    def shutdown(self) -> None:
        """Stop every program, then supervisord itself."""
        process = psutil.Process(self._call("getPID"))
        self._call("shutdown")
        process.wait(timeout=90)

    def states(self) -> dict[str, str]:
        """State of every program as supervisord names it: RUNNING, STARTING, STOPPED, BACKOFF, EXITED, FATAL."""
        return {entry["name"]: entry["statename"] for entry in self.entries()}

    def entries(self) -> list[dict[str, Any]]:
        """What supervisord knows of every program: name, group, statename, pid, start, description."""
        entries = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        self._groups = {entry["name"]: entry["group"] for entry in entries}
        return entries

    def pid(self, name: str) -> int:
        """Process id of a running program. Raises: NotRunningError."""
        entry = self._call("getProcessInfo", self._full(name))
        if entry["statename"] not in ("RUNNING", "STARTING") or not entry["pid"]:
            raise NotRunningError(f"{name} 未运行 is not running ({entry['statename']}).")
        return int(entry["pid"])

    def wait_for_new_pid(self, name: str, old: int, timeout: float) -> int:
        """Wait until a program runs under another process id than `old`; returns it."""

        def renewed() -> bool:
            try:
                return self.pid(name) != old
            except NotRunningError:
                return False

        self._wait(renewed, timeout, name)
        return self.pid(name)

    def _full(self, name: str) -> str:
        if name not in self._groups:
            self.entries()
        if name not in self._groups:
            raise LocalStackError(
                f"没有名为 {name} 的程序 No program of that name. 有 There are: {', '.join(self._groups)}"
            )
        return f"{self._groups[name]}:{name}"

    def _call(self, method: str, *arguments: Any) -> Any:
        try:
            socket = (self._root / "supervisord.socket").read_text("utf-8")
            transport = SupervisorTransport(None, None, f"unix://{socket}")
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except xmlrpc.client.Fault as fault:
            known = {60: AlreadyStartedError, 70: NotRunningError}.get(fault.faultCode, LocalStackError)
            raise known(f"supervisord {method}{arguments}: {fault.faultString}") from fault
        except (OSError, xmlrpc.client.ProtocolError) as problem:
            raise LocalStackError(f"supervisord 无应答 does not answer ({problem}). 请运行 Run `make up`.") from problem

    def _write(self, programs: Sequence[Program]) -> bool:
        """Write the configuration. Returns: whether it was so already."""
        record = self._root / "supervisord.socket"
        if not record.exists() or not Path(record.read_text("utf-8")).parent.is_dir():
            # The address of a unix socket holds 108 bytes, which a path inside the project can pass.
            record.write_text(str(Path(tempfile.mkdtemp(prefix="tongban-")) / "s"), "utf-8")
        text = render(self._root, Path(record.read_text("utf-8")), programs)
        if self.config.exists() and self.config.read_text("utf-8") == text:
            return True
        fresh = self.config.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text, "utf-8")
        fresh.replace(self.config)
        return False

    def forget_socket(self) -> None:
        """Remove the socket's folder of a stopped supervisord."""
        record = self._root / "supervisord.socket"
        if record.exists():
            shutil.rmtree(Path(record.read_text("utf-8")).parent, ignore_errors=True)
            record.unlink()

    def _wait(self, condition: Any, timeout: float, what: str) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"{what} {timeout:.0f} 秒内无变化 did not change in {timeout:.0f} s; {self._root / 'logs'}"
                )
            time.sleep(0.05)


class NotRunningError(LocalStackError):
    """The program is not running."""


class AlreadyStartedError(LocalStackError):
    """The program runs already."""


def _section(program: Program, logs: Path) -> dict[str, str]:
    variables = ",".join(f"{name}={_quoted(value)}" for name, value in sorted(program.environment.items()))
    return {
        "command": _literal(shlex.join(program.command)),
        "directory": _literal(program.directory),
        "environment": variables,
        "autostart": str(program.autostart).lower(),
        "autorestart": "true",
        "startsecs": "1",
        "startretries": "1000000",
        "stopsignal": program.stop,
        "stopwaitsecs": str(program.patience),
        "stopasgroup": "true",
        "killasgroup": "true",
        "redirect_stderr": "true",
        # supervisord expands this one twice.
        "stdout_logfile": _literal(_literal(logs / f"{program.name}.log")),
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": "3",
    }


def _literal(value: object) -> str:
    return str(value).replace("%", "%%")


def _quoted(value: str) -> str:
    """In double quotes; JSON, which has them inside and ends with a brace, in single ones."""
    quote = "'" if '"' in value else '"'
    if quote in value or "\n" in value or "\\" in value or value.endswith('"'):
        raise LocalStackError(
            f"环境变量的值不能含引号、反斜杠或换行 A quote, backslash or newline in a setting: {value!r}"
        )
    return quote + _literal(value) + quote
