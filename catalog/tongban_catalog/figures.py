"""How much of each item people are still asked for, and how much is fetched. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tongban_schemas.types import JsonObject

from tongban_catalog.item import Item, asked_fields


@dataclass(frozen=True, slots=True)
class Figures:
    """What an item asks and what it fetches, with every condition taken as it may come.

    ``asked`` and ``fetched`` are fields of the form, ``asked_required`` those of the asked ones that everybody fills in.
    ``brought`` are required materials without any source, ``with_source`` those that some source gives, ``by_rule`` those that
    a rule may spare.
    """

    name: str
    item: Item
    asked: tuple[str, ...]
    asked_required: tuple[str, ...]
    fetched: tuple[str, ...]
    brought: tuple[str, ...]
    with_source: tuple[str, ...]
    by_rule: tuple[str, ...]

    @property
    def share(self) -> float:
        """Fetched fields of all fields, 0 to 1."""
        return len(self.fetched) / (len(self.asked) + len(self.fetched) or 1)

    def as_json(self) -> JsonObject:
        return {
            "name": self.name,
            "code": self.item.code,
            "version": self.item.version,
            "title": {"zh": self.item.name.zh, "en": self.item.name.en},
            "fields": {
                "asked": list(self.asked),
                "asked_required": list(self.asked_required),
                "fetched": list(self.fetched),
                "share_fetched": round(self.share, 3),
            },
            "materials": {
                "brought": list(self.brought),
                "with_source": list(self.with_source),
                "by_rule": list(self.by_rule),
            },
        }


def figures_of(name: str, item: Item) -> Figures:
    asked = asked_fields(item)
    fetched = {one.material for one in item.sources}
    spared = {one.material for one in item.substitutions if one.when is not None}
    required = [one.id for one in item.materials if one.required]
    return Figures(
        name=name,
        item=item,
        asked=asked,
        asked_required=tuple(one for one in asked if one in item.form.required),
        fetched=tuple(one for one in item.form.fields if one in item.supplied),
        brought=tuple(one for one in required if one not in fetched),
        with_source=tuple(one for one in required if one in fetched),
        by_rule=tuple(one for one in required if one in spared),
    )


def figures(items: Mapping[str, Item]) -> list[Figures]:
    """The figures of every item, in the order given."""
    return [figures_of(name, item) for name, item in items.items()]


def table(found: Iterable[Figures]) -> list[str]:
    """One line an item, under a heading."""
    lines = ["填写 asked  获取 fetched  携带 brought  来源 with source  规则 by rule  事项 item"]
    lines += [
        f"{len(one.asked):11}  {len(one.fetched):12}  {len(one.brought):12}  {len(one.with_source):16}"
        f"  {len(one.by_rule):12}  {one.name}  {one.item.name.zh} / {one.item.name.en}"
        for one in found
    ]
    return lines
