"""Processes in which files of strangers are opened: what they may not do, and what of them is not listened to."""

import asyncio
import time

import pytest
from tongban_runtime.confined import Confined, python
from tongban_runtime.problems import Problem

ENDLESS = "import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))"
SILENT = "import time; time.sleep(60)"
BROKEN = "import sys; print('half'); sys.exit(1)"
ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])"
TRIES = """
import os, resource, signal, sys, tempfile
from tongban_runtime.confined import MEMORY_BYTES, confine
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
confine(7)
assert not [name for name in os.environ if name.startswith("TONGBAN")]
assert resource.getrlimit(resource.RLIMIT_CPU) == (7, 7)
try:
    with tempfile.TemporaryFile() as file: file.write(b"1"); file.flush()
    print("written")
except OSError: print("not written")
try: bytearray(MEMORY_BYTES); print("taken")
except MemoryError: print("not taken")
"""


def confined(code: str, seconds: float = 30) -> Confined:
    return Confined(python("-c", code), seconds=seconds, longest=1 << 21)


async def test_what_it_says_of_a_file_is_heard() -> None:
    content = b"from" * (1 << 18)
    assert await confined(ECHO).run(content) == content[::-1]


@pytest.mark.parametrize("code", [ENDLESS, SILENT, BROKEN])
async def test_one_that_says_too_much_or_nothing_or_fails_is_ended_and_not_heard(code: str) -> None:
    before = time.monotonic()
    assert await confined(code, seconds=3 if code == SILENT else 60).run(b"a file" * (1 << 16)) is None
    assert time.monotonic() - before < 30


async def test_too_many_that_wait_are_told_so_and_who_is_cancelled_gives_back_the_place() -> None:
    process = Confined(python("-c", SILENT), seconds=60, longest=1, at_once=1, waiting=2)
    for _ in range(2):
        three = [asyncio.create_task(process.run(b"")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="files-busy") as busy:
            await process.run(b"")
        assert (busy.value.status, busy.value.headers) == (503, {"Retry-After": "10"})
        for one in three:
            one.cancel()
        await asyncio.gather(*three, return_exceptions=True)


async def test_it_has_little_memory_no_secrets_and_writes_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONGBAN_DATABASE", "a secret")
    assert await confined(TRIES).run(b"") == b"not written\nnot taken\n"
