"""Ports of a stack: chosen once, kept in `ports.json`, never the same for two stacks of one machine.

The range lies below the ports that Linux hands to outgoing connections, so that a port is still free after a restart.
A port is claimed by creating a file exclusively in a folder that all stacks of one user share; a claim whose stack is
gone, or no longer names the port, is taken over.
"""

import json
import os
import random
import socket
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from tongban_local.errors import LocalStackError

PORTS = range(20_000, 32_000)
HOST = "127.0.0.1"
_SETTLING_SECONDS = 60.0


def claims_folder() -> Path:
    """Folder with one file per claimed port; private to the user."""
    folder = Path(tempfile.gettempdir()) / f"tongban-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise LocalStackError(
            f"{folder} 属于他人 belongs to someone else. 请设置 TMPDIR Set TMPDIR to a folder of your own."
        )
    return folder


def is_free(port: int) -> bool:
    """Whether nobody listens on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True


def load(root: Path) -> dict[str, int]:
    """Ports recorded for the stack at `root`; empty when there are none yet."""
    try:
        recorded: dict[str, int] = json.loads(_record(root).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return recorded


def assign(root: Path, names: Iterable[str]) -> dict[str, int]:
    """Ports by name for the stack at `root`; missing ones are claimed and recorded. Call with the stack locked."""
    ports = load(root)
    missing = [name for name in names if name not in ports]
    if missing:
        ports |= {name: _claim(root) for name in missing}
        _save(root, ports)
    return ports


def replace_occupied(root: Path) -> dict[str, tuple[int, int]]:
    """Give a new port to each name whose port somebody else uses. Call while the stack is down.

    Returns: (old, new) by name.
    """
    ports = load(root)
    moved = {name: (port, _claim(root)) for name, port in ports.items() if not is_free(port)}
    if moved:
        _save(root, ports | {name: new for name, (_, new) in moved.items()})
        for old, _ in moved.values():
            (claims_folder() / str(old)).unlink(missing_ok=True)
    return moved


def release(root: Path) -> None:
    """Give up every port of the stack at `root`."""
    for port in load(root).values():
        claim = claims_folder() / str(port)
        if claim.exists() and claim.read_text("utf-8") == str(root):
            claim.unlink(missing_ok=True)
    _record(root).unlink(missing_ok=True)


def _claim(root: Path) -> int:
    folder = claims_folder()
    for port in random.sample(PORTS, len(PORTS)):
        claim = folder / str(port)
        if claim.exists() and _is_stale(claim, port):
            claim.unlink(missing_ok=True)
        try:
            with claim.open("x", encoding="utf-8") as file:
                file.write(str(root))
        except FileExistsError:
            continue
        if is_free(port):
            return port
        claim.unlink(missing_ok=True)
    raise LocalStackError(f"{PORTS.start}-{PORTS.stop} 没有空闲端口 has no free port on {HOST}.")


def _is_stale(claim: Path, port: int) -> bool:
    try:
        if time.time() - claim.stat().st_mtime < _SETTLING_SECONDS:
            return False
        return port not in load(Path(claim.read_text("utf-8"))).values()
    except (OSError, ValueError):
        return False


def _record(root: Path) -> Path:
    return root / "ports.json"


def _save(root: Path, ports: Mapping[str, int]) -> None:
    fresh = _record(root).with_suffix(".new")
    fresh.write_text(json.dumps(ports, indent=2, sort_keys=True), "utf-8")
    fresh.replace(_record(root))
