"""Liveness is progress: a silent component ends the process, a frozen and resumed one gets its time again."""

import os
import signal
import subprocess
import sys
import time

from tongban_runtime.health import Health

_STALLING = """
import time
from tongban_runtime.health import Health
health = Health(stall_limit=2)
heartbeat = health.heartbeat("loop")
health.watch()
print("up", flush=True)
while {condition}:
    heartbeat.beat()
    time.sleep(0.05)
time.sleep(30)
"""


def _start(condition: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", _STALLING.format(condition=condition)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_a_silent_component_ends_the_process() -> None:
    process = _start("False")
    assert process.wait(timeout=20) == 70
    process.communicate()


def test_a_frozen_process_is_given_its_time_again() -> None:
    process = _start("True")
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(4)
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(3)
    assert process.poll() is None
    process.kill()
    process.communicate()


def test_the_silent_ones_are_named() -> None:
    health = Health(stall_limit=0.0)
    health.heartbeat("relay")
    time.sleep(0.01)
    assert health.silent() == ["relay"]
