"""Finding a service item by words. Pure.

Chinese is written without spaces, so a word that does not stand in a text as it is counts as found when most of its pairs of
neighbouring characters do: 养老保险转移 finds 养老保险关系转移接续. Width and case make no difference, nor whether characters are
traditional or simplified.
"""

import unicodedata
from collections.abc import Iterable, Mapping

from opencc import OpenCC
from tongban_catalog.department import Department
from tongban_catalog.item import Item

from tongban_intake.presentation import Words

AUDIENCES: dict[str, Words] = {
    "1": Words(zh="自然人", en="natural persons"),
    "2": Words(zh="企业法人", en="enterprises"),
    "3": Words(zh="事业法人", en="public institutions"),
    "4": Words(zh="社会组织法人", en="social organisations"),
    "5": Words(zh="行政机关", en="administrative bodies"),
    "6": Words(zh="其他", en="others"),
}
"""服务对象, GB/T 39046 A.4."""

_ALSO = {"1": "个人 公民 person people citizen", "2": "公司 企业 company companies business firm"}
"""What people call them besides."""
_ENOUGH = 0.6
_SIMPLIFIED = OpenCC("t2s")
_WEIGHTS = (8, 6, 4, 2, 1)


def audience(code: str) -> Words:
    """Whom an item is for."""
    return AUDIENCES.get(code, Words(zh=code, en=code))


def find(items: Iterable[Item], departments: Mapping[str, Department], query: str) -> list[Item]:
    """The items in which every word of the query is found, the best first; all of them, in their order, for no words."""
    words = _plain(query).split()
    if not words:
        return list(items)
    scored = []
    for place, item in enumerate(items):
        texts = _texts(item, departments)
        scores = [
            max(weight * _share(word, text) for weight, text in zip(_WEIGHTS, texts, strict=True)) for word in words
        ]
        if all(scores):
            scored.append((-sum(scores), place, item))
    return [item for _, _, item in sorted(scored, key=lambda one: one[:2])]


def _texts(item: Item, departments: Mapping[str, Department]) -> tuple[str, ...]:
    """Name; what people call it; summary; who decides; whom it is for, steps, materials and code."""
    bodies = [departments[one].name for one in sorted(item.deciding_departments) if one in departments]
    rest = [f"{audience(one).zh} {audience(one).en} {_ALSO.get(one, '')}" for one in item.service_objects]
    names = [one.name for one in item.steps] + [one.name for one in item.materials]
    rest += [f"{one.zh} {one.en}" for one in names]
    texts = (
        f"{item.name.zh} {item.name.en}",
        " ".join(item.also_called),
        f"{item.summary.zh} {item.summary.en}",
        " ".join(f"{one.zh} {one.en}" for one in bodies),
        " ".join([*rest, item.code, item.region]),
    )
    return tuple(map(_plain, texts))


def _plain(text: str) -> str:
    """A text without differences of width and case (NFKC), in simplified characters."""
    return str(_SIMPLIFIED.convert(unicodedata.normalize("NFKC", text).casefold()))


def _share(word: str, text: str) -> float:
    """1 when the word stands in the text; else the share of its pairs that do, if it is enough; else 0."""
    if word in text:
        return 1.0
    if word.isascii() or len(word) < 3:
        return 0.0
    pairs = [word[start : start + 2] for start in range(len(word) - 1)]
    share = sum(pair in text for pair in pairs) / len(pairs)
    return share * 0.9 if share >= _ENOUGH else 0.0
