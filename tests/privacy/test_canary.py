"""The canary campaign's search and its attack can find what they look for. The campaign itself is `make canary`."""

import base64
import gzip
import json
from email.message import EmailMessage
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tongban_local.stack import Stack

from tests.privacy import canaries
from tests.privacy.canaries import Canary, Found
from tests.privacy.insider import candidates
from tests.privacy.places import Search
from tests.privacy.scanning import Scanner, mail_findings
from tests.privacy.work import paper

WHO = Canary(42)
OTHER = Canary(43)
TOKENS = {"name": WHO.name, "address": WHO.address, "id": WHO.id_number, "phone": WHO.phone, "mail": WHO.email}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("around", range(4))
def test_a_token_is_found_in_whatever_encoding_it_lies(kind: str, around: int) -> None:
    token, padding = TOKENS[kind], "x" * around
    text = f'{{"{padding}": "{token}"}}'
    forms = {
        "plain": text.encode(),
        "escaped": json.dumps({padding: token}).encode(),
        "twice": json.dumps(json.dumps({padding: token})).encode(),
        "base64": base64.b64encode(text.encode()),
        "base64url": base64.urlsafe_b64encode(text.encode()),
        "base64 of escapes": base64.b64encode(json.dumps({padding: token}).encode()),
        "url": str(httpx.QueryParams({"q": f"{padding}{token}"})).encode(),
        "utf-16": text.encode("utf-16-le"),
        "utf-16, big end first": text.encode("utf-16-be"),
        "gb18030": text.encode("gb18030"),
        "hex": text.encode().hex().encode(),
        "bytes in a log line": repr(text.encode()).encode(),
        "gzip": b"\x00" + gzip.compress(text.encode()),
    }
    missed = [name for name, content in forms.items() if not Scanner().content("here", content)]
    assert missed == []
    assert Scanner().content("here", json.dumps({"name": "示例儿童", "id": "990101188001010015"}).encode()) == []


def test_what_is_found_tells_whose_it_is() -> None:
    text = f"{WHO.child} {OTHER.id_number} {OTHER.phone} {WHO.latin('permit')} {WHO.words('理由')}"
    assert set(canaries.read(text)) >= {Found(42, "child"), Found(43, "id"), Found(43, "phone"), Found(42, "latin")}


def test_a_token_in_a_deflated_stream_of_a_paper_is_found() -> None:
    content = paper(WHO)
    assert WHO.latin("paper").encode() not in content
    assert [one for one in Scanner().content("here", content) if "deflated" in one.place]


def test_a_mail_may_hold_its_own_persons_name_alone() -> None:
    def mail(text: str) -> bytes:
        message = EmailMessage()
        message["Delivered-To"] = WHO.email
        message["Subject"] = "示例"
        message.set_content(text)
        return message.as_bytes()

    assert mail_findings("mail", mail(f"{WHO.name}：{WHO.words('不予许可')}")) == []
    for wrong in (OTHER.name, OTHER.words("不予许可"), WHO.id_number, WHO.phone, WHO.address):
        assert mail_findings("mail", mail(wrong)), wrong


def test_a_wrapped_key_is_found_in_a_row_and_in_a_record_of_the_log() -> None:
    case, wrapped, mark = uuid4(), bytes(range(60)), b"\x07" * 32
    row = b"\x01" * 30 + case.bytes + b"\x7b" + wrapped + b"\x43" + mark + b"\x00" * 9
    assert candidates(row, case, mark) == {wrapped}
    assert candidates(b"\x02" * 20 + wrapped + b"\x43" + mark, case, mark) == {wrapped}
    assert candidates(row, uuid4(), b"\x08" * 32) == set()


async def test_every_kind_of_place_is_searched(tmp_path: Path) -> None:
    """Plants a name in each, one after the other; what the registers own is left alone."""
    stack = Stack("planted", tmp_path)
    planted = {
        "kafka/data/tongban.applications.v1-0/00000000000000000000.log": WHO.name.encode(),
        "logs/intake.log": json.dumps({"error": WHO.name}).encode(),
        "traces/intake.jsonl": json.dumps({"attributes": {"q": WHO.id_number}}).encode(),
        "files/3f/2a": paper(WHO),
        "secrets/vault/9.note": WHO.phone.encode(),
        "mail/new/one": f"Delivered-To: {OTHER.email}\r\nSubject: x\r\n\r\n{WHO.email}\r\n".encode(),
        "left-over.tmp": base64.b64encode(WHO.address.encode()),
    }
    owned = ("demo/home-right-99.csv", "ministry/household-register.json", "secrets/people.json")
    for inside, content in planted.items() | {(name, WHO.name.encode()) for name in owned}:
        (tmp_path / inside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / inside).write_bytes(content)
    search = Search(stack)
    search.files()
    assert {one.place.split(",")[0] for one in search.findings} == planted.keys()
