"""What stands on a certificate."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Bilingual:
    """A name in Chinese with its English beside it."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class DecisionLine:
    """One department's decision, with its date in China."""

    step: Bilingual
    department: Bilingual
    decided_on: date


@dataclass(frozen=True, slots=True)
class SaidLine:
    """One thing that a decision says beyond yes: the school named, a condition."""

    label: Bilingual
    value: Bilingual


@dataclass(frozen=True, slots=True)
class CertificateContent:
    """Everything that a certificate shows. ``number`` is the identifier of GB/T 36904, ``replaces`` the one that it follows.

    ``holder_code`` is the holder's unified social credit code or, where the holder is a person, the masked number of the
    identity document. ``subject`` is what the certificate is about (a project's name), if anything. ``valid_until`` is the
    last day on which it holds; None: it does not expire.
    """

    title: Bilingual
    holder: str
    holder_code: str | None
    holder_is_person: bool
    subject: str | None
    item: Bilingual
    decisions: tuple[DecisionLine, ...]
    number: str
    replaces: str | None
    issued_on: date
    valid_until: date | None
    issuer: Bilingual
    verification: str
    says: tuple[SaidLine, ...] = ()

    def texts(self) -> Iterator[str]:
        """Every text that will be drawn."""
        yield from (self.holder, self.holder_code or "", self.subject or "", self.number, self.replaces or "")
        yield self.verification
        for name in (self.title, self.item, self.issuer):
            yield from (name.zh, name.en)
        for said in self.says:
            yield from (said.label.zh, said.label.en, said.value.zh, said.value.en)
        for line in self.decisions:
            yield from (line.step.zh, line.step.en, line.department.zh, line.department.en)

    def to_json(self, qr_svg: str, fonts: Sequence[str], stated: Sequence[str]) -> str:
        """The template's input as one JSON text: this content, the QR code as SVG, the families of fonts in their order, and
        what is said of those that drew a character beside the first.
        """
        return json.dumps(
            {
                "title": _bilingual(self.title),
                "holder": self.holder,
                "holder_code": self.holder_code,
                "holder_is_person": self.holder_is_person,
                "subject": self.subject,
                "item": _bilingual(self.item),
                "decisions": [
                    {
                        "step": _bilingual(line.step),
                        "department": _bilingual(line.department),
                        "date": line.decided_on.isoformat(),
                    }
                    for line in self.decisions
                ],
                "says": [{"label": _bilingual(one.label), "value": _bilingual(one.value)} for one in self.says],
                "number": self.number,
                "replaces": self.replaces,
                "valid_until": None if self.valid_until is None else self.valid_until.isoformat(),
                "issued": [self.issued_on.year, self.issued_on.month, self.issued_on.day],
                "issuer": _bilingual(self.issuer),
                "verification": self.verification,
                "qr": qr_svg,
                "fonts": list(fonts),
                "stated": list(stated),
            },
            ensure_ascii=False,
        )


def _bilingual(name: Bilingual) -> dict[str, str]:
    return {"zh": name.zh, "en": name.en}
