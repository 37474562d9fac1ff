"""Every kind of news has words in both languages, and mails are complete, escaped and repeatable."""

from dataclasses import replace
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from importlib import resources
from uuid import UUID

import pytest
from tongban_catalog.department import Department
from tongban_catalog.form import Text
from tongban_catalog.item import Item
from tongban_notify.domain import Kind, Notification, owed
from tongban_notify.letters import KINDS, LANGUAGES, Letters
from tongban_notify.mail import AddressUnusableError, compose, message_id, parse_address
from tongban_notify.names import News, tell
from tongban_schemas.types import Language

from .history import DEFINITION, MORNING, whole_case

CASE = "019c0b5e-7a10-7c3e-9d52-3f6b1c8e2a47"
LETTERS = Letters("https://portal.example/")
ITEM = Item.from_definition(DEFINITION)
NOTIFICATIONS: dict[Kind, Notification] = {one.kind: one for one in owed(whole_case(CASE))}


def news(kind: Kind, department: str = "自然资源局") -> News:
    one = NOTIFICATIONS[kind]
    return tell(
        kind=kind,
        application=one.application,
        happened_at=one.happened_at,
        step=one.step,
        department=one.department,
        fields=one.fields,
        item_code=ITEM.code,
        item=ITEM,
        body=None
        if one.department is None
        else Department(one.department, "11990000000000019A", department, "Natural Resources Bureau"),
    )


def mail(kind: Kind, language: Language, told: News | None = None, address: str = "contact@example.com") -> bytes:
    told = told or news(kind)
    return compose(
        notification=NOTIFICATIONS[kind].id,
        letter=LETTERS.write(told),
        letters=LETTERS,
        language=language,
        sender=parse_address("no-reply@notify.tongban"),
        recipient=parse_address(address),
        at=MORNING,
    )


def read(raw: bytes) -> EmailMessage:
    """The mail as a reader's program decodes it; every line is one that SMTP takes."""
    assert all(len(line) <= 998 and b"\n" not in line for line in raw.split(b"\r\n"))
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    assert not [part.defects for part in message.walk() if part.defects]
    assert not [header.defects for header in message.values() if header.defects]
    return message


def parts(raw: bytes) -> tuple[str, str]:
    """The text part and the HTML part."""
    message = read(raw)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def test_there_is_a_template_for_each_kind_and_no_other() -> None:
    for language in LANGUAGES:
        folder = resources.files("tongban_notify") / "templates" / language
        assert {entry.name for entry in folder.iterdir()} == {f"{kind}.txt" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_say_what_happened_and_what_next(kind: Kind) -> None:
    letter = LETTERS.write(news(kind))
    assert letter.link == f"https://portal.example/applications/{CASE}"
    for wording in (letter.zh, letter.en):
        assert wording.subject
        assert wording.happened
        assert wording.next_step
        assert "{" not in wording.subject + wording.happened + wording.next_step
    assert not any("一" <= sign <= "鿿" for sign in letter.en.subject + letter.en.happened + letter.en.next_step)
    assert "企业投资项目审批" in letter.zh.subject + letter.zh.happened


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_has_text_and_html_with_the_persons_language_first(kind: Kind, language: Language) -> None:
    raw = mail(kind, language)
    message = read(raw)
    letter = LETTERS.write(news(kind))
    first, second = letter.ordered(language)
    assert message["Subject"] == first.subject
    assert message["Message-ID"] == message_id(NOTIFICATIONS[kind].id)
    assert message["Auto-Submitted"] == "auto-generated"
    plain, html = parts(raw)
    for part in (plain, html):
        assert part.index(first.happened) < part.index(second.happened)
        assert letter.link in part
    assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in html
    assert plain.splitlines()[0] == first.subject


def test_a_correction_names_the_fields_as_the_form_does() -> None:
    letter = LETTERS.write(news("correction"))
    assert "项目名称" in letter.zh.happened
    assert "Project name" in letter.en.happened


def test_a_refusal_tells_the_remedies() -> None:
    letter = LETTERS.write(news("refused"))
    assert "行政复议" in letter.zh.next_step
    assert "行政诉讼" in letter.zh.next_step
    assert "reconsideration" in letter.en.next_step


def test_time_is_told_as_it_is_in_china() -> None:
    letter = LETTERS.write(news("submitted"))
    assert ("时间", "2026年3月2日 09:30（北京时间）") in letter.zh.details
    assert ("Time", "2 March 2026, 09:30 (Beijing time)") in letter.en.details


def test_the_same_notification_gives_the_same_bytes() -> None:
    assert mail("issued", "zh") == mail("issued", "zh")


def test_the_head_names_sender_recipient_and_time() -> None:
    message = read(mail("issued", "zh"))
    assert message["From"].addresses == (Address("通办 Tongban", addr_spec="no-reply@notify.tongban"),)
    assert message["To"].addresses == (Address(addr_spec="contact@example.com"),)
    assert message["Date"].datetime == MORNING
    assert message.get_content_type() == "multipart/alternative"
    assert mail("issued", "zh").isascii()


def test_a_long_subject_is_folded_and_kept() -> None:
    long = "很长的部门名称" * 30
    letter = LETTERS.write(news("granted", department=long))
    assert long in letter.zh.happened
    told = replace(news("granted"), step=Text(long, long))
    assert read(mail("granted", "zh", told))["Subject"] == LETTERS.write(told).zh.subject


def test_an_address_beyond_ascii_stands_in_utf8() -> None:
    assert "To: 联系@例子.example\r\n".encode() in mail("issued", "zh", address="联系@例子.example")


class _Outline(HTMLParser):
    """Tags that stand open at the end, and every tag that was seen."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_names_are_escaped_in_html_and_plain_in_text() -> None:
    plain, html = parts(mail("granted", "zh", news("granted", department="<script>1</script> & 局")))
    assert "<script>1</script> & 局" in plain
    outline = _Outline()
    outline.feed(html)
    assert "script" not in outline.seen
    assert outline.open == []
    assert (outline.seen.count("h1"), outline.seen.count("h2")) == (1, 1)


def test_unknown_names_are_shown_by_code_and_marked() -> None:
    told = tell(
        kind="granted",
        application=UUID(CASE),
        happened_at=MORNING,
        step="LAND1",
        department="natural-resources",
        fields=(),
        item_code=ITEM.code,
        item=None,
        body=None,
    )
    assert not told.complete
    assert LETTERS.write(told).zh.happened == "natural-resources已批准“LAND1”。"


@pytest.mark.parametrize(
    "text", ["", "nobody", "a@b\r\nBcc: c@d", "@example.com", "a@", "a b@example.com", "a@@b", "a\x00@b", "<a@b>"]
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(AddressUnusableError, match=r"^not an e-mail address$"):
        parse_address(text)


def test_an_address_is_taken_as_it_is() -> None:
    assert parse_address(" Contact.us+1@example.com ") == "Contact.us+1@example.com"
