"""An SMTP server that keeps what it gets in a Maildir.

Like large mail systems it recognises a second delivery of a message: the file of a delivered message is named by its
Message-ID (RFC 5322) and recipient, so an identical Message-ID to the same recipient finds the file there, is accepted
and dropped, and is counted in `duplicates.jsonl`. A message is on disk before the sender is told so.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
import tempfile
import uuid
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as rules
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

MESSAGE_LIMIT = 10 * 1024 * 1024
_DUPLICATES = "duplicates.jsonl"


class Mailbox:
    """A Maildir (new, cur, tmp) for all recipients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("new", "cur", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)

    def deliver(self, recipient: str, content: bytes) -> bool:
        """Keep a message. Returns: False when it is a second delivery, which is counted and dropped."""
        message_id = str(
            message_from_bytes(content, policy=rules).get("Message-ID") or f"<{uuid.uuid4()}@absent>"
        ).strip()
        identity = f"{message_id}\0{recipient.lower()}".encode()
        name = hashlib.sha256(identity).hexdigest()
        with tempfile.NamedTemporaryFile(dir=self.folder / "tmp") as file:
            file.write(f"Delivered-To: {recipient}\r\n".encode() + content)
            file.flush()
            os.fsync(file.fileno())
            try:
                if any((self.folder / "cur").glob(f"{name}*")):
                    raise FileExistsError
                os.link(file.name, self.folder / "new" / name)
            except FileExistsError:
                self._count_duplicate(message_id, recipient)
                return False
        self._settle(self.folder / "new")
        return True

    def files(self) -> list[Path]:
        """Files of all messages, oldest first."""
        found = [path for name in ("new", "cur") for path in (self.folder / name).iterdir()]
        return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def duplicates(self) -> list[dict[str, str]]:
        """Second deliveries that were dropped: at, message_id, recipient."""
        try:
            lines = (self.folder / _DUPLICATES).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def _count_duplicate(self, message_id: str, recipient: str) -> None:
        entry = {"at": datetime.now(UTC).isoformat(), "message_id": message_id, "recipient": recipient}
        with (self.folder / _DUPLICATES).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    @staticmethod
    def _settle(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Receiver:
    """Handler of aiosmtpd: stores a message once for each recipient."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Answer 250 when the message is stored for every recipient, 451 when it cannot be."""
        content = envelope.original_content or b""
        try:
            for recipient in envelope.rcpt_tos:
                await asyncio.to_thread(self._mailbox.deliver, recipient, content)
        except OSError as problem:
            return f"451 4.3.0 {problem.strerror}"
        return "250 2.0.0 stored"


async def serve(host: str, port: int, folder: Path) -> asyncio.Server:
    """Start the server; close it to stop. Port 0 takes a free one."""
    receiver = Receiver(Mailbox(folder))

    def session() -> SMTP:
        return SMTP(
            receiver, enable_SMTPUTF8=True, data_size_limit=MESSAGE_LIMIT, hostname="localhost", ident="Tongban"
        )

    return await asyncio.get_running_loop().create_server(session, host, port)


async def _run(host: str, port: int, folder: Path) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server = await serve(host, port, folder)
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
