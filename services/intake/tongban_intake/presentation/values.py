"""Answers as people read them. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from tongban_catalog.regions import region_name

from tongban_intake.presentation.dates import day_words, yuan
from tongban_intake.presentation.names import YES_NO
from tongban_intake.presentation.shown import Words


def value_words(schema: Mapping[str, Any], value: Any) -> Words:
    """A value of a form's field with this ``schema``: the label of a choice, yes or no, a day, a place, money; else itself."""
    if isinstance(value, bool):
        return YES_NO[value]
    text = str(value)
    if (label := schema.get("x-labels", {}).get(text)) is not None:
        return Words(zh=label["zh"], en=label["en"])
    kind = schema.get("x-field", schema.get("format"))
    if kind == "date" and (day := _day(text)) is not None:
        return day_words(day)
    if kind == "region" and (place := region_name(text)) is not None:
        return Words(zh=place.zh, en=place.en)
    if kind == "money" and isinstance(value, int | float):
        return Words(zh=f"{yuan(value)} 元", en=f"{yuan(value)} yuan")
    return Words(zh=text, en=text)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
