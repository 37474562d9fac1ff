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
from tongban_catalog.resource import Resource
from tongban_notify.domain import Notification, owed, recipient
from tongban_notify.letters import KINDS, LANGUAGES, Letters
from tongban_notify.mail import AddressUnusableError, compose, message_id, parse_address
from tongban_notify.names import News, length, open_text, tell
from tongban_notify.news import Kind
from tongban_runtime.testing.keys import case_keys
from tongban_schemas.types import Language, Limit, Unit

from .eventful import NUMBER, every_news
from .history import DEFINITION, MORNING, RESOURCE

CASE = "019c0b5e-7a10-7c3e-9d52-3f6b1c8e2a47"
LETTERS = Letters("https://portal.example/")
ITEM = Item.from_definition(DEFINITION)
RECORDS = Resource.from_definition(RESOURCE)
NOTIFICATIONS: dict[Kind, Notification] = {one.kind: one for one in owed(every_news(CASE))}


def news(kind: Kind, department: str = "自然资源局") -> News:
    one = NOTIFICATIONS[kind]
    uscc = "11990000000000019A"
    body = Department(one.told.department or "", uscc, department, "Natural Resources Bureau")
    resource = None if one.told.resource is None else RECORDS
    return tell(one, ITEM.code, ITEM, None if one.told.department is None else body, resource)


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


@pytest.mark.parametrize("kind", KINDS)
def test_people_know_their_case_by_its_number_and_not_by_an_id(kind: Kind) -> None:
    known = recipient(every_news(CASE))
    assert known is not None
    assert known.case_number == NUMBER
    for number in (NUMBER, None):
        letter = LETTERS.write(replace(news(kind), case_number=number))
        for wording in (letter.zh, letter.en):
            values = [value for _, value in wording.details]
            assert (NUMBER in values) is (number is not None)
            assert not any(CASE in text for text in (*values, wording.subject, wording.happened, wording.next_step))


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


@pytest.mark.parametrize("kind", ["refused", "not-accepted", "annulled", "revoked"])
def test_a_decision_against_the_person_tells_the_remedies(kind: Kind) -> None:
    letter = LETTERS.write(news(kind))
    assert "行政复议" in letter.zh.next_step
    assert "行政诉讼" in letter.zh.next_step
    assert "reconsideration" in letter.en.next_step


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [
        ("accepted", "选址图", "Site plan"),
        ("accepted-deemed", "第三十二条", "article 32"),
        ("correction-noticed", "项目名称、选址图", "Project name, Site plan"),
        ("not-accepted", "应当向Example Ecology Bureau提出", "authority is Example Ecology Bureau"),
        ("promise-overdue", "选址图", "Site plan"),
        ("withdrawn", "办理到此结束", "it is closed"),
        (
            "clock-stopped",
            "专家评审”，预计需要10个工作日",
            "Expert review” for “Land pre-examination”. It is expected to take 10 working days",
        ),
        ("clock-resumed", "继续计算", "runs on"),
        ("extended", "延长5个工作日", "by 5 working days"),
        ("overdue", "承诺期限", "time that it promised"),
        ("opinion-lapsed", "“文物保护意见”未在期限内收到答复，依照规定视为同意", "counts as consent"),
        ("granted-deemed", "依照规定视为准予", "by the rules it counts as granted"),
        ("annulled", "重新办理", "decided anew"),
        ("reopened", "其他环节，决定继续有效", "still stand"),
        ("appeal-decided", "撤销原决定", "is annulled"),
        ("revoked", "所依据的决定已被撤销", "was annulled"),
        ("delivery-overdue", "第四十四条", "article 44"),
        ("evidence-failed", "该部门没有您的这项记录", "has no such record"),
        (
            "evidence-refused",
            "该部门不掌握这项信息（依据：Example Rules, art. 1）",
            "it does not hold this information",
        ),
        ("evidence-corrected", "变动的内容：权利人、面积", "what changed: Owner, Area"),
        ("dispute-answered", "记录无误，维持不变", "the record stands as it is"),
    ],
)
def test_a_letter_tells_what_the_law_wants_told(kind: Kind, zh: str, en: str) -> None:
    letter = LETTERS.write(news(kind))
    assert zh in letter.zh.happened + letter.zh.next_step
    assert en in letter.en.happened + letter.en.next_step


@pytest.mark.parametrize(
    "kind",
    [
        "correction-noticed",
        "not-accepted",
        "correction",
        "extended",
        "refused",
        "annulled",
        "appeal-decided",
        "evidence-refused",
        "dispute-answered",
    ],
)
def test_the_officers_own_words_stand_in_the_persons_letter_alone(kind: Kind) -> None:
    told = news(kind)
    text = open_text(told, case_keys(CASE))
    assert text == f"因为{kind}"
    assert text not in repr(NOTIFICATIONS[kind])
    letter = LETTERS.write(told, text)
    assert text in letter.zh.happened
    assert text in letter.en.happened
    assert text not in LETTERS.write(told).zh.happened


def test_words_that_do_not_open_are_left_out() -> None:
    told = news("refused")
    assert open_text(told, case_keys(UUID(int=1))) is None
    assert open_text(told, None) is None
    assert open_text(news("submitted"), case_keys(CASE)) is None
    assert "办理进度页面查看理由" in LETTERS.write(told).zh.happened


@pytest.mark.parametrize(
    ("number", "unit", "zh", "en"),
    [
        (1, "WD", "1个工作日", "1 working day"),
        (30, "ND", "30个自然日", "30 calendar days"),
        (4, "WH", "4个工作小时", "4 working hours"),
        (72, "NH", "72小时", "72 hours"),
    ],
)
def test_a_length_of_time_is_told_in_words(number: int, unit: Unit, zh: str, en: str) -> None:
    assert length(Limit(number=number, unit=unit)) == Text(zh, en)


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
    told = tell(NOTIFICATIONS["granted"], ITEM.code, None, None)
    assert not told.complete
    assert LETTERS.write(told).zh.happened == "housing已批准“FIRE1”。"


@pytest.mark.parametrize(
    "text", ["", "nobody", "a@b\r\nBcc: c@d", "@example.com", "a@", "a b@example.com", "a@@b", "a\x00@b", "<a@b>"]
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(AddressUnusableError, match=r"^not an e-mail address$"):
        parse_address(text)


def test_an_address_is_taken_as_it_is() -> None:
    assert parse_address(" Contact.us+1@example.com ") == "Contact.us+1@example.com"
