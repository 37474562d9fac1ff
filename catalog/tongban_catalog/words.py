"""Words for people: the same in Chinese and in English. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in Chinese and in English."""

    zh: str
    en: str


def text(value: Mapping[str, str]) -> Text:
    return Text(value["zh"], value["en"])
