import asyncio
import smtplib
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from tongban_local import mail, mailbox

SUBJECT = "您的申请已受理 Your application was accepted"


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    server = await mail.serve("127.0.0.1", 0, tmp_path)
    yield server.sockets[0].getsockname()[1]
    server.close()


def message(identity: str = "<one@tongban.example>") -> EmailMessage:
    letter = EmailMessage()
    letter["From"] = "通办 <noreply@tongban.example>"
    letter["To"] = "applicant@tongban.example"
    letter["Subject"] = SUBJECT
    letter["Message-ID"] = identity
    letter.set_content("办件编号 Case 1\n")
    return letter


async def send(port: int, letter: EmailMessage, *recipients: str) -> None:
    def work() -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            client.send_message(letter, to_addrs=list(recipients))

    await asyncio.to_thread(work)


async def test_a_second_delivery_is_dropped_and_counted(port: int, tmp_path: Path) -> None:
    for _ in range(3):
        await send(port, message(), "applicant@tongban.example")
    assert len(mailbox.read(tmp_path)) == 1
    assert [entry["message_id"] for entry in mail.Mailbox(tmp_path).duplicates()] == ["<one@tongban.example>"] * 2


async def test_a_message_that_was_read_is_still_recognised(port: int, tmp_path: Path) -> None:
    await send(port, message(), "applicant@tongban.example")
    (delivered,) = (tmp_path / "new").iterdir()
    delivered.rename(tmp_path / "cur" / f"{delivered.name}:2,S")
    await send(port, message(), "applicant@tongban.example")
    assert len(mail.Mailbox(tmp_path).files()) == 1
    assert len(mail.Mailbox(tmp_path).duplicates()) == 1


async def test_other_recipients_and_other_messages_are_delivered(port: int, tmp_path: Path) -> None:
    await send(port, message(), "applicant@tongban.example", "agent@tongban.example")
    await send(port, message("<two@tongban.example>"), "applicant@tongban.example")
    assert len(mailbox.read(tmp_path)) == 3
    assert mail.Mailbox(tmp_path).duplicates() == []


async def test_the_mailbox_is_readable(port: int, tmp_path: Path) -> None:
    await send(port, message(), "applicant@tongban.example")
    (received,) = mailbox.read(tmp_path)
    assert received.subject == SUBJECT
    assert SUBJECT in mailbox.listing(tmp_path)
    assert "通办" in mailbox.rendering(received)
    assert "办件编号 Case 1" in mailbox.rendering(received)
