"""Which answers of an application stand on its certificate, and what of them no certificate can print yet. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from tongban_catalog.form import FieldError, Form
from tongban_catalog.item import Item
from tongban_catalog.printable import named, unprintable

SUBJECT_FIELD: Final = "project_name"
"""The answer that a certificate names as what it is about, where its item asks for one."""


def printed_answers(item: Item) -> tuple[str, ...]:
    """The answers that stand on the item's certificate: who holds it, under which code, and what it is about."""
    holder = () if item.holder is None else (item.holder.name, item.holder.code)
    return tuple(name for name in (*holder, SUBJECT_FIELD) if name is not None and name in item.form.fields)


def unprintable_texts(texts: Mapping[str, Any]) -> dict[str, list[str]]:
    """The characters that no certificate can print, by the name of the text that holds them."""
    found = {name: unprintable(value) for name, value in texts.items() if isinstance(value, str)}
    return {name: characters for name, characters in found.items() if characters}


def unprintable_answers(item: Item, answers: Mapping[str, Any]) -> dict[str, list[str]]:
    """The same of what stands on the item's certificate, in the order of `printed_answers`."""
    return unprintable_texts({name: answers[name] for name in printed_answers(item) if name in answers})


def code_points(unprintable: Mapping[str, list[str]]) -> list[str]:
    """Characters as operators are told of them, each once: ``U+2EBF0``."""
    return [f"U+{ord(one):04X}" for one in dict.fromkeys(one for found in unprintable.values() for one in found)]


def printing_notices(item: Item, answers: Mapping[str, Any]) -> list[FieldError]:
    """What applicants are told before they submit, by field: it keeps nobody from submitting."""
    return [_notice(item.form, name, found) for name, found in unprintable_answers(item, answers).items()]


def _notice(form: Form, name: str, characters: list[str]) -> FieldError:
    label, which = form.label(name), named(characters)
    return FieldError(
        field=name,
        message_zh=f"“{label.zh}”中的 {which} 目前无法印在证照上。请按身份证件或者登记证书上的写法填写"
        "（证件上用规范汉字或者拼音的，照样填写）；确实如此书写的，可以继续提交，我们会准备字体，证照在字体备齐后制发。",
        message_en=f"“{label.en}” holds {which}, which cannot be printed on the certificate yet. Write it as the identity "
        "document or the register does, in its transcription where it has one. If that is how it is written, go on: "
        "the font will be looked for, and the certificate is made as soon as it is there.",
    )
