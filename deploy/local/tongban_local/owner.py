"""Ends a temporary stack when the process that made it is gone, however it went."""

import os
import signal
import sys
import time

import psutil


def watch(owner: int, interval: float = 0.5) -> None:
    """Wait until the process `owner` is gone, then ask supervisord, the parent of this process, to stop everything."""
    supervisord = os.getppid()
    try:
        process = psutil.Process(owner)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(interval)
    except psutil.NoSuchProcess:
        pass
    os.kill(supervisord, signal.SIGTERM)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
