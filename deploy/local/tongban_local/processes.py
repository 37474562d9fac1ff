"""Which processes belong to a stack, and ending them."""

import os
from pathlib import Path

import psutil

MARK = "TONGBAN_STACK"


def of_stack(root: Path) -> list[int]:
    """Ids of the processes that carry the stack's mark in their environment or work inside its folder.

    The second covers PostgreSQL, which overwrites its environment for process titles.
    """
    return [process.pid for process in psutil.process_iter() if process.pid != os.getpid() and _belongs(process, root)]


def end(pids: list[int], grace: float = 10.0) -> None:
    """Ask the processes to stop, and kill those that have not after `grace` seconds."""
    alive = []
    for pid in pids:
        try:
            process = psutil.Process(pid)
            process.terminate()
        except psutil.NoSuchProcess:
            continue
        alive.append(process)
    _, stubborn = psutil.wait_procs(alive, timeout=grace)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=grace)


def _belongs(process: psutil.Process, root: Path) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if process.environ().get(MARK) == str(root):
            return True
        return Path(process.cwd()).is_relative_to(root / "postgres")
    except (psutil.Error, OSError):
        return False
