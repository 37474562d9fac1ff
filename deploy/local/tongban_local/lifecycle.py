"""Starting and stopping a stack: engines first, then databases, topics, catalogue and services."""

import asyncio
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from tongban_local import credentials, java, kafka, kafka_archive, ports, postgres, processes, programs, tokens
from tongban_local.errors import LocalStackError
from tongban_local.progress import Announce, Progress, print_line
from tongban_local.stack import LOCAL, PROJECT, SERVICES, GivenEngines, Stack

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
READY_PATH = "/health/ready"
_PATIENCE = 300.0
"""Seconds that a program may take to answer: on a busy machine they all start at once, each with much to import."""
_OWNER = "owner"
_TITLES = {
    "postgres": "PostgreSQL",
    "kafka": "Kafka",
    "mail": "邮件 mail",
    "issuer": "开发令牌 development issuer",
    "ministry": "部委模拟系统 simulated ministry",
}


def engines_up(
    stack: Stack, only: Iterable[str] | None = None, announce: Announce = print_line, extra_stages: int = 0
) -> Progress:
    """Start the engines that do not run and wait until each answers. Safe to call at any time, from several processes.

    only: names among `stack.engines`; all by default. extra_stages: stages that the caller will add to the progress.
    """
    chosen = [name for name in stack.engines if only is None or name in set(only)]
    with stack.lock(lambda: announce("      等待另一个进程 waiting for another process on this stack …")):
        return _engines_up(stack, chosen, announce, extra_stages)


def up(stack: Stack, announce: Announce = print_line) -> None:
    """Start everything and wait until every service is ready. Safe to call at any time, from several processes."""
    with stack.lock(lambda: announce("      等待另一个进程 waiting for another process on this stack …")):
        progress = _engines_up(stack, list(stack.engines), announce, extra_stages=3)
        with progress.stage("数据库与演示证书机构 databases and demo certification authority"):
            _migrate(stack)
            _run(stack, "certificates", "tongban_certificates.demo_ca", str(stack.signing))
        with progress.stage("主题与目录 topics and catalogue"):
            _create_topics(stack)
            _publish_catalogue(stack)
        with progress.stage("服务 services") as notes:
            stack.supervisor.ensure_started(SERVICES)
            for name in SERVICES:
                _wait_for_http(stack, name, f"{stack.url(name)}{READY_PATH}")
            notes.append(f"{len(SERVICES)}")
        _leave_settings(stack)
        announce(f"全部就绪 everything is ready, {progress.elapsed:.1f} s")


def down(stack: Stack, announce: Announce = print_line) -> None:
    """Stop everything gracefully; afterwards no process of the stack is left. Data stays."""
    began = time.monotonic()
    with stack.lock(lambda: announce("等待另一个进程 waiting for another process on this stack …")):
        _down(stack)
    announce(f"{stack.name}: 已停止 stopped in {time.monotonic() - began:.1f} s")


def reset(stack: Stack, announce: Announce = print_line) -> None:
    """Stop everything and delete the stack's data, secrets and ports."""
    with stack.lock(lambda: announce("等待另一个进程 waiting for another process on this stack …")):
        _down(stack)
        ports.release(stack.root)
        shutil.rmtree(stack.root, ignore_errors=True)
    announce(f"{stack.name}: 数据已删除 data deleted")


@contextmanager
def temporary_stack(
    prefix: str = "test",
    *,
    local: Path = LOCAL,
    given: GivenEngines | None = None,
    topic_prefix: str = "",
    announce: Announce = print_line,
) -> Iterator[Stack]:
    """A fresh stack `.local/<prefix>-<random>`, nothing started, for the length of the block; then stopped and removed.

    If this process is killed, the stack stops by itself, and the next temporary stack removes its data.
    """
    sweep(prefix, local)
    name = f"{prefix}-{secrets.token_hex(4)}"
    stack = Stack(name, local / name, given=given, topic_prefix=topic_prefix, owner=os.getpid())
    stack.root.mkdir(parents=True)
    (stack.root / _OWNER).write_text(str(os.getpid()), "utf-8")
    try:
        yield stack
    finally:
        with stack.lock():
            _down(stack)
        stack.destroy()
        announce(f"{stack.name}: 已移除 removed")


def sweep(prefix: str, local: Path = LOCAL) -> list[str]:
    """Remove temporary stacks whose owner is gone. Returns: their names."""
    removed = []
    for record in sorted(local.glob(f"{prefix}-*/{_OWNER}")):
        text = record.read_text("utf-8")
        if text and not psutil.pid_exists(int(text)):
            stack = Stack(record.parent.name, record.parent)
            with stack.lock():
                _down(stack)
            stack.destroy()
            removed.append(stack.name)
    return removed


def kafka_launch(local: Path, announce: Announce = print_line) -> kafka.Launch:
    """Java, jars and class archive, fetched and made when missing. Raises: MissingToolError."""
    jars = java.kafka_jars(local, announce)
    runtime = java.find_java()
    return kafka.Launch(runtime, jars, kafka_archive.class_archive(local, runtime, jars, announce))


def _engines_up(stack: Stack, chosen: list[str], announce: Announce, extra_stages: int) -> Progress:
    progress = Progress(len(chosen) + 1 + extra_stages, announce)
    for folder in (stack.root, stack.logs, stack.trace_folder):
        folder.mkdir(parents=True, exist_ok=True)
    supervisor = stack.supervisor
    with progress.stage("准备 prepare") as notes:
        launch = kafka_launch(stack.local, announce) if "kafka" in stack.engines else None
        running = supervisor.running()
        if not running:
            processes.end(stack.leftovers())
            stack.port("kafka")
            for name, (old, new) in ports.replace_occupied(stack.root).items():
                notes.append(f"{name}: 端口 port {old} → {new}")
        tokens.prepare(stack.secrets)
        with ThreadPoolExecutor(1) as pool:
            made = [pool.submit(postgres.prepare, stack)] if "postgres" in chosen else []
            if launch is not None and "kafka" in chosen:
                kafka.prepare(stack, launch)
            if not running:
                _make_act_keys(stack)
            for task in made:
                task.result()
        everything = [*programs.engine_programs(stack, launch), *programs.service_programs(stack)]
        if running:
            supervisor.update(everything)
        else:
            supervisor.start(everything)
        began = time.monotonic()
        supervisor.ensure_started(chosen)
    for name in chosen:
        title = f"Kafka {java.kafka_version(launch.jars)}" if launch and name == "kafka" else _TITLES[name]
        with progress.stage(title, began) as notes:
            notes += _wait_for_engine(stack, name)
    return progress


def _wait_for_engine(stack: Stack, name: str) -> list[str]:
    """Return when the engine answers; what it says of itself."""
    if name == "kafka":
        kafka.wait(stack.kafka)
    elif name == "postgres":
        return [postgres.wait(stack.postgres)]
    elif name == "mail":
        _wait_for_connection(stack, name, b"220")
    elif name == "ministry":
        _wait_for_connection(stack, name)
    else:
        _wait_for_http(stack, name, f"{stack.url(name)}/jwks")
    return []


def _wait_for_connection(stack: Stack, name: str, greeting: bytes = b"", timeout: float = _PATIENCE) -> None:
    """Return when the program takes connections, and greets where it has to."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            with socket.create_connection((ports.HOST, stack.port(name)), timeout=2.0) as sock:
                if not greeting or sock.recv(4).startswith(greeting):
                    return
        except OSError as problem:
            if time.monotonic() > deadline:
                raise LocalStackError(f"{_TITLES[name]}: 无应答 does not answer: {problem}") from problem
        time.sleep(0.05)


def _wait_for_http(stack: Stack, name: str, url: str, timeout: float = _PATIENCE) -> None:
    """Return when the program is ready. Raises: LocalStackError after `timeout` seconds, or once it was given up."""
    deadline = time.monotonic() + timeout
    answer = "无应答 no answer"
    while time.monotonic() < deadline and stack.supervisor.states().get(name) != "FATAL":
        try:
            with _DIRECT.open(url, timeout=5.0):
                return
        except urllib.error.HTTPError as refused:
            answer = f"{refused.code} {refused.read(300).decode('utf-8', 'replace')}"
        except OSError as problem:
            answer = repr(problem)
        time.sleep(0.2)
    log = stack.logs / f"{name}.log"
    tail = "\n".join(log.read_text("utf-8", "replace").splitlines()[-20:]) if log.exists() else ""
    raise LocalStackError(f"{name} 未就绪 is not ready: {url}: {answer}\n{log}:\n{tail}")


def _leave_settings(stack: Stack) -> None:
    """Settings for the commands of operators, readable for this user alone, until the stack is stopped."""
    stack.settings.mkdir(mode=0o700, exist_ok=True)
    left = {f"{package}.json": json.dumps(settings) for package, settings in programs.operators_settings(stack).items()}
    left |= {f"{name}.env": programs.env_file(stack, name) for name in programs.APPROVALS}
    for name, text in left.items():
        file = stack.settings / name
        file.touch(0o600)
        file.write_text(text, "utf-8")


def _down(stack: Stack) -> None:
    shutil.rmtree(stack.settings, ignore_errors=True)
    supervisor = stack.supervisor
    if supervisor.running():
        running = [name for name, state in supervisor.states().items() if state not in {"STOPPED", "EXITED", "FATAL"}]
        supervisor.stop([name for name in running if name in SERVICES])
        supervisor.stop([name for name in running if name not in SERVICES])
        supervisor.shutdown()
    supervisor.forget_socket()
    processes.end(stack.leftovers())


def _migrate(stack: Stack) -> None:
    from tongban_runtime.database import migrate

    async def every() -> None:
        packages = {programs.DATABASES[name]: programs.MODULES[name] for name in SERVICES}
        await asyncio.gather(*(migrate(stack.database(name), package) for name, package in packages.items()))

    try:
        postgres.run_apart(every())
    except RuntimeError as problem:
        raise LocalStackError(
            f"数据库结构无法更新；不需要其中的数据时可运行 make reset。"
            f"A database cannot be brought up to date; if its data is not needed, run `make reset`. {problem}"
        ) from problem


def _create_topics(stack: Stack) -> None:
    from tongban_runtime.topics import create_topics

    postgres.run_apart(create_topics(stack.kafka, stack.topic_prefix))


def _publish_catalogue(stack: Stack) -> None:
    _make_act_keys(stack)
    _run(stack, "intake", "tongban_catalog", "publish", "--keys", str(stack.acts_public))


def _make_act_keys(stack: Stack) -> None:
    """Every department of the catalogue has a key for its formal acts."""
    from tongban_catalog.load import load_catalog

    credentials.act_keys(stack.acts, stack.acts_public, load_catalog().departments)


def _run(stack: Stack, name: str, module: str, *arguments: str) -> None:
    """Run a module once with the environment of the service `name`."""
    environment = _base_environment() | programs.service_environment(stack, name)
    line = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(line, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise LocalStackError(f"{module} {' '.join(arguments)} ({name}) 失败 failed:\n{said}")


def _base_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
