"""Ways to reach a person: one rule for what a phone number and an e-mail address is, for forms and for the sender."""

import re
import unicodedata
from typing import Final

import idna
from tongban_schemas.text import TextError, named, refuse_unseen

from tongban_catalog.fields.value import FieldError, narrow

_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")
_AREA: Final = re.compile(r"(010|02[0-9]|0[3-9][0-9]{2})([0-9]{7,8})")
_EXTENSION: Final = re.compile(r"\s*(?:转|轉|分机|ext\.?|x|#)\s*:?\s*([0-9]{1,6})$", re.IGNORECASE)
_PHONE_SIGNS: Final = re.compile(r"\+?[0-9()\s\-.]+")
_DIGITS: Final = re.compile(r"[0-9]+")
_ATOM: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")
_TOP_LEVEL: Final = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_PLAIN_DOMAIN: Final = re.compile(r"(?=.{4,190}$)(?:[a-z0-9](?:[a-z0-9]{0,61})\.)+[a-z]{2,63}")
"""Most domains: nothing in them that only IDNA 2008 can judge."""
_WIDE: Final = {point: point - 0xFEE0 for point in range(0xFF01, 0xFF5F)} | {ord("。"): ord(".")}
_AROUND: Final = " \t\r\n\xa0\u3000\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"


def phone(typed: str) -> str:
    """A telephone number: 13800138000, 010-12345678, 010-12345678-801 with an extension, +85212345678. Raises `FieldError`."""
    text = re.sub("[‐‑‒–—−]", "-", narrow(typed))
    extension = ""
    if match := _EXTENSION.search(text):
        text, extension = text[: match.start()], f"-{match[1]}"
    groups = _DIGITS.findall(text)
    digits = "".join(groups)
    if _PHONE_SIGNS.fullmatch(text) is None or not 5 <= len(digits) <= 20:
        raise _no_phone()
    if text.startswith("+") or (digits.startswith("00") and len(digits) > 11):
        if not 7 <= len(digits.removeprefix("00")) <= 15:
            raise _no_phone()
        return f"+{digits.removeprefix('00')}{extension}"
    if len(groups) > 1 and groups[0].startswith("0") and len(groups[0]) in (3, 4):
        rest, own = groups[1:], ""
        while rest and len(own) < 7:
            own += rest.pop(0)
        if len(own) in (7, 8) and (not rest or (len(rest) == 1 and len(rest[0]) <= 6 and not extension)):
            return f"{groups[0]}-{own}" + (f"-{rest[0]}" if rest else extension)
    if match := _AREA.fullmatch(digits):
        return f"{match[1]}-{match[2]}{extension}"
    if len(digits) > 15:
        raise _no_phone()
    return digits + extension


def email(typed: str) -> str:
    """One address that mail can be sent to, its domain in small letters (RFC 5321, 6531; no quoted part, no address in figures).

    Raises `FieldError`, naming a character that does not belong there.
    """
    text = unicodedata.normalize("NFC", typed.strip(_AROUND).translate(_WIDE)).strip(_AROUND)
    try:
        refuse_unseen(text)
    except TextError as error:
        raise FieldError("email-character", error.zh, error.en) from None
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain or "<" in text:
        raise _no_address()
    for character in local + domain:
        if character in ' ,;:<>()[]"\\@' or (not character.isascii() and _is_punctuation(character)):
            zh, en = ("空格", "a space") if character == " " else named(character)
            raise FieldError(
                "email-character",
                f"电子邮箱地址中不能有 {zh}，请删除。",
                f"An e-mail address cannot hold {en}: delete it.",
            )
    if not all(_is_atom(atom) for atom in local.split(".")):
        raise _no_address()
    domain = _domain(domain)
    if len(local.encode()) > 64 or len(f"{local}@{domain}".encode()) > 254:
        raise FieldError("email-length", "电子邮箱地址太长，请核对。", "The e-mail address is too long: check it.")
    return f"{local}@{domain}"


def _domain(domain: str) -> str:
    domain = domain.lower()
    if _PLAIN_DOMAIN.fullmatch(domain):
        return domain
    labels = domain.split(".")
    try:
        ascii_labels = idna.encode(domain, uts46=True).decode().split(".")
    except (idna.IDNAError, UnicodeError):
        raise _no_address() from None
    if len(labels) < 2 or not all(labels) or _TOP_LEVEL.fullmatch(ascii_labels[-1]) is None:
        raise _no_address()
    return domain


def _is_atom(text: str) -> bool:
    return bool(text) and all(_ATOM.fullmatch(one) if one.isascii() else True for one in text)


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PZ"


def _no_address() -> FieldError:
    return FieldError(
        "email",
        "请只填写一个电子邮箱地址，例如 name@example.com。",
        "Write one e-mail address and nothing else, such as name@example.com.",
    )


def _no_phone() -> FieldError:
    return FieldError(
        "phone",
        "请填写电话号码，例如 13800138000、010-12345678 或 010-12345678 转 801。",
        "Write a telephone number, such as 13800138000, 010-12345678, or 010-12345678 ext. 801.",
    )
