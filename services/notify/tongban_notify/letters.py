"""Words of every message, from templates, in both languages. No network, no database.

A template of `templates/zh` and its twin in `templates/en` hold three blocks: subject, happened, next_step. The same blocks
make the in-site message, the text part and the HTML part of the mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, select_autoescape
from tongban_catalog.form import Text
from tongban_schemas.types import CHINA, Language

from tongban_notify.names import News
from tongban_notify.news import Kind

KINDS: tuple[Kind, ...] = get_args(Kind)
LANGUAGES: tuple[Language, ...] = get_args(Language)

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_LABELS: dict[str, Text] = {
    "item": Text("办理事项", "Service"),
    "step": Text("办理环节", "Step"),
    "material": Text("证明材料", "Proof"),
    "department": Text("办理部门", "Department"),
    "source": Text("数据来源部门", "Source"),
    "at": Text("时间", "Time"),
    "case_number": Text("办件编号", "Case number"),
    "certificate_number": Text("证照编号", "Certificate number"),
}


@dataclass(frozen=True, slots=True)
class Wording:
    """One message in one language. ``details`` are labels with their values."""

    language: Language
    subject: str
    happened: str
    next_step: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Letter:
    """One message in both languages, with the address of the status page."""

    zh: Wording
    en: Wording
    link: str

    def ordered(self, language: Language) -> tuple[Wording, Wording]:
        """The person's language first."""
        return (self.zh, self.en) if language == "zh" else (self.en, self.zh)


class Letters:
    """Writes messages. ``public_url`` is where the portal answers."""

    def __init__(self, public_url: str) -> None:
        environment = Environment(
            loader=PackageLoader("tongban_notify"),
            undefined=StrictUndefined,
            autoescape=select_autoescape(("html",)),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._public_url = public_url.rstrip("/")
        self._texts = {
            (kind, language): environment.get_template(f"{language}/{kind}.txt")
            for kind in KINDS
            for language in LANGUAGES
        }
        self._plain = environment.get_template("mail.txt")
        self._html = environment.get_template("mail.html")

    def write(self, news: News, text: str | None = None) -> Letter:
        """``text``: the officer's own words, opened, for the person alone; without it the letter leads to the status page."""
        return Letter(
            zh=self._wording(news, "zh", text),
            en=self._wording(news, "en", text),
            link=f"{self._public_url}/applications/{news.application}",
        )

    def plain(self, letter: Letter, language: Language) -> str:
        """The text part of a mail: the person's language, then the other one."""
        return self._plain.render(wordings=letter.ordered(language), link=letter.link)

    def html(self, letter: Letter, language: Language) -> str:
        """The HTML part of a mail; every value is escaped."""
        return self._html.render(wordings=letter.ordered(language), link=letter.link)

    def _wording(self, news: News, language: Language, text: str | None) -> Wording:
        values: dict[str, str | list[str] | None] = {
            "item": getattr(news.item, language),
            "certificate": getattr(news.certificate, language),
            "step": getattr(news.step, language),
            "department": getattr(news.department, language),
            "material": getattr(news.materials[0], language) if news.materials else None,
            "changed": [getattr(name, language) for name in news.fields],
            "basis": news.told.basis,
            "fields": [getattr(name, language) for name in (*news.fields, *news.materials)],
            "procedure": getattr(news.procedure, language),
            "opinion": getattr(news.opinion, language),
            "limit": getattr(news.limit, language),
            "authority": news.told.authority,
            "outcome": news.told.outcome,
            "text": text,
        }
        template = self._texts[news.kind, language]
        return Wording(
            language=language,
            subject=_block(template, "subject", values),
            happened=_block(template, "happened", values),
            next_step=_block(template, "next_step", values),
            details=_details(news, language),
        )


def _block(template: Template, name: str, values: Mapping[str, object]) -> str:
    text = "".join(template.blocks[name](template.new_context(dict(values))))
    return " ".join(text.split())


def _details(news: News, language: Language) -> tuple[tuple[str, str], ...]:
    values = {
        "item": getattr(news.item, language),
        "step": getattr(news.step, language),
        "material": getattr(news.materials[0], language) if news.told.resource else "",
        "source" if news.told.resource else "department": getattr(news.department, language),
        "certificate_number": news.told.number if news.kind == "revoked" else None,
        "case_number": news.case_number or (news.told.number if news.kind != "revoked" else None),
        "at": _local_time(news, language),
    }
    return tuple((getattr(_LABELS[name], language), value) for name, value in values.items() if value)


def _local_time(news: News, language: Language) -> str:
    at = news.happened_at.astimezone(CHINA)
    if language == "zh":
        return f"{at.year}年{at.month}月{at.day}日 {at:%H:%M}（北京时间）"
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}, {at:%H:%M} (Beijing time)"
