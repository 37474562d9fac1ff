"""What the demo proves from outside the services: the certificate, the mails, the trace, the memory."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psutil
from tongban_certificates.independent import IndependentVerification, verify_with_pdfsig

from tongban_local import mailbox
from tongban_local.errors import LocalStackError
from tongban_local.mailbox import Mail
from tongban_local.stack import Stack

MEMORY_LIMIT = 3 * 1024**3
"""Bytes that the whole stack, engines included, stays under."""
GIB = 1024**3


class ProofFailedError(LocalStackError):
    """Something that the demo promises does not hold."""


@dataclass(frozen=True, slots=True)
class Altered:
    """A copy of a file with one byte changed, and what the independent program says of it."""

    path: Path
    content: bytes
    place: int
    verification: IndependentVerification


def check_certificate(pdf: Path, ca: Path) -> IndependentVerification:
    """Let ``pdfsig`` check the file. Raises: ProofFailedError when it does not accept it."""
    found = verify_with_pdfsig(pdf, ca)
    if not found.accepted:
        raise ProofFailedError(f"pdfsig 不接受证照 does not accept the certificate {pdf}:\n{found.report}")
    return found


def check_altered(pdf: Path, ca: Path) -> Altered:
    """Change one byte in a copy and let ``pdfsig`` check it. Raises: ProofFailedError when it accepts it."""
    content = bytearray(pdf.read_bytes())
    place = len(content) // 3
    content[place] ^= 0x01
    copy = pdf.with_name(f"{pdf.stem}-altered.pdf")
    copy.write_bytes(content)
    found = verify_with_pdfsig(copy, ca)
    if found.accepted:
        raise ProofFailedError(f"pdfsig 接受了被改动的证照 accepts an altered certificate: {copy}")
    return Altered(copy, bytes(content), place, found)


async def wait_for_mails(folder: Path, application: UUID, count: int, timeout: float = 20.0) -> list[Mail]:
    """The mails of a case, oldest first, once there are as many. Raises: ProofFailedError when there are not."""
    deadline = time.monotonic() + timeout
    while True:
        found = [mail for mail in mailbox.read(folder) if str(application) in mail.text]
        if len(found) >= count:
            return found
        if time.monotonic() > deadline:
            raise ProofFailedError(f"邮箱中只有 {len(found)} 封 mails, 应有 expected {count}: {folder}")
        await asyncio.sleep(0.1)


def spans_of(folder: Path, trace: str) -> Counter[str]:
    """How many spans each service wrote in a trace, from the span files of the stack."""
    found: Counter[str] = Counter()
    for file in sorted(folder.glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if trace in line and line.endswith("\n"):
                    span = json.loads(line)
                    found[span["service"]] += span["trace_id"] == trace
    return +found


async def wait_for_spans(folder: Path, trace: str, services: Collection[str], timeout: float = 15.0) -> Counter[str]:
    """The spans of a trace once every one of the services has one. Raises: ProofFailedError when one has none."""
    deadline = time.monotonic() + timeout
    while True:
        found = await asyncio.to_thread(spans_of, folder, trace)
        missing = sorted(set(services) - found.keys())
        if not missing:
            return found
        if time.monotonic() > deadline:
            raise ProofFailedError(f"轨迹 trace {trace} 缺少 is missing in {', '.join(missing)}: {folder}")
        await asyncio.sleep(0.25)


def memory(stack: Stack) -> tuple[int, int]:
    """Bytes that all processes of the stack take, engines included, and how many processes they are.

    Shared pages count once: the proportional set size where the system tells it (Linux), else the resident size.
    """
    total = count = 0
    for pid in stack.leftovers():
        try:
            process = psutil.Process(pid)
            total += _memory_of(process)
        except psutil.NoSuchProcess:
            continue
        count += 1
    return total, count


def _memory_of(process: psutil.Process) -> int:
    try:
        return int(getattr(process.memory_full_info(), "pss", 0)) or int(process.memory_info().rss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def check_memory(stack: Stack) -> tuple[int, int]:
    """As `memory`. Raises: ProofFailedError when it is not under `MEMORY_LIMIT`."""
    total, count = memory(stack)
    if not 0 < total < MEMORY_LIMIT:
        raise ProofFailedError(f"内存 memory {total / GIB:.2f} GiB, 应低于 should stay under {MEMORY_LIMIT // GIB} GiB")
    return total, count
