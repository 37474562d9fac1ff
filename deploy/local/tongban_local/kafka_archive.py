"""Class data archive of the broker (JEP 350): halves the time and the processor work of its start.

Made once for each Java runtime by running a throwaway broker. Without it the broker starts as well, only later.
"""

import hashlib
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tongban_local import kafka
from tongban_local.errors import LocalStackError
from tongban_local.locks import locked
from tongban_local.progress import Announce, print_line
from tongban_local.stack import Stack


def class_archive(local: Path, java: Path, jars: Path, announce: Announce = print_line) -> Path | None:
    """The archive for this runtime and these jars, made when there is none yet; None if the runtime cannot make one.

    local: the project's ignored folder, whose stacks share the archive.
    """
    runtime = hashlib.sha256(str(java.resolve()).encode() + _version(java)).hexdigest()[:12]
    archive = jars.with_name(f"{jars.name}-{runtime}.jsa")
    if not archive.exists():
        with locked(archive.with_suffix(".lock")):
            if not archive.exists():
                announce("      准备 Kafka 的类存档 Kafka's class archive is made (once) …")
                _make(local, java, jars, archive)
    return archive if archive.stat().st_size else None


def _make(local: Path, java: Path, jars: Path, archive: Path) -> None:
    """Leaves an empty file when the runtime writes no archive, so that it is not asked again."""
    written = archive.with_suffix(".new")
    written.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=local, prefix="archive-") as folder:
        stack = Stack(Path(folder).name, Path(folder))
        try:
            _run_broker(stack, java, jars, written)
        finally:
            stack.release_ports()
    if not written.exists():
        written.touch()
    written.replace(archive)


def _run_broker(stack: Stack, java: Path, jars: Path, written: Path) -> None:
    launch = kafka.Launch(java, jars)
    kafka.prepare(stack, launch)
    line = kafka.command(stack, launch)
    line.insert(1, f"-XX:ArchiveClassesAtExit={written}")
    with (stack.root / "log").open("wb") as log:
        broker = subprocess.Popen(line, cwd=stack.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            with suppress(LocalStackError):
                kafka.wait(stack.address("kafka"), 30.0)
            broker.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                broker.wait(60.0)
        finally:
            broker.kill()
            broker.wait()


def _version(java: Path) -> bytes:
    return subprocess.run([str(java), "-version"], capture_output=True, timeout=30, check=False).stderr
