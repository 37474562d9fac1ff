"""Reads the catalogue's files: YAML with the line of every key, so that a check can say where. All file access is here."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from tongban_schemas.types import JsonObject

from tongban_catalog.department import Department
from tongban_catalog.item import Item

PACKAGED = Path(str(files("tongban_catalog")))
"""The folder with the items and departments that come with this package."""

Place = tuple[str | int, ...]


class CatalogFileError(ValueError):
    """A file that is no readable YAML of ours. ``line`` counts from 1; ``zh`` and ``en`` say what to do."""

    def __init__(self, file: Path, line: int, zh: str, en: str) -> None:
        super().__init__(f"{file}:{line}: {zh} / {en}")
        self.file = file
        self.line = line
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML file: its data, and the line of every key and list entry."""

    file: Path
    data: Any
    lines: dict[Place, int]

    def line(self, place: Iterable[str | int]) -> int:
        """The line of a place in the data, or of the nearest place around it."""
        path = tuple(place)
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def at(self, place: Place) -> Any:
        """The value at a place of `lines`."""
        value = self.data
        for key in place:
            value = value[key]
        return value


@dataclass(frozen=True, slots=True)
class Catalog:
    """Departments by id, and items by file name without its ending."""

    departments: dict[str, Department]
    items: dict[str, Item]

    def item(self, name_or_code: str) -> Item:
        """An item by its file name or its code. Raises `KeyError` naming what there is."""
        for name, item in self.items.items():
            if name_or_code in (name, item.code):
                return item
        raise KeyError(f"没有事项 {name_or_code} / no such item; there are: {', '.join(self.items)}")


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2 core scalars: only true and false are booleans (``no`` is text), dates and ``0x1f`` stay text."""


_CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:0|[1-9][0-9]*)\.[0-9]+$", "-+0123456789"),
):
    _CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def read_source(file: Path) -> Source:
    """One YAML file with its lines.

    Raises `CatalogFileError` for text that is no YAML, a key that stands twice, and for anchors and aliases.
    """
    try:
        content = file.read_text(encoding="utf-8")
        loader = _CoreLoader(content)
        node = loader.get_single_node()
    except UnicodeDecodeError as error:
        raise CatalogFileError(file, 1, "文件不是 UTF-8 编码", "the file is not UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        what = getattr(error, "problem", None) or "no YAML"
        raise CatalogFileError(file, line, f"不是正确的 YAML:{what}", f"this is not YAML: {what}") from error
    if node is None:
        raise CatalogFileError(file, 1, "文件是空的", "the file is empty")
    lines: dict[Place, int] = {}
    seen: set[int] = set()
    return Source(file, _value(loader, node, (), lines, seen, file), lines)


def _value(
    loader: _CoreLoader, node: yaml.Node, place: Place, lines: dict[Place, int], seen: set[int], file: Path
) -> Any:
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if id(node) in seen:
        raise CatalogFileError(file, line, "不支持锚点和别名,请写全", "anchors and aliases are not taken: write it out")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            key_line = key_node.start_mark.line + 1
            if key in found:
                raise CatalogFileError(file, key_line, f"键 {key} 重复", f"the key {key} stands twice: remove one")
            lines[(*place, key)] = key_line
            found[key] = _value(loader, value_node, (*place, key), lines, seen, file)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, part, (*place, index), lines, seen, file) for index, part in enumerate(node.value)]
    return loader.construct_object(node)


def item_schema() -> JsonObject:
    """The JSON Schema of the item format."""
    schema: JsonObject = json.loads((PACKAGED / "item.schema.json").read_text(encoding="utf-8"))
    return schema


def item_files(root: Path = PACKAGED) -> list[Path]:
    return sorted((root / "items").glob("*.yaml"))


def load_departments(root: Path = PACKAGED) -> dict[str, Department]:
    """Departments by id. The file is checked by `tongban_catalog.check`."""
    source = read_source(root / "departments.yaml")
    return {
        part["id"]: Department(part["id"], part["uscc"], part["name"]["zh"], part["name"]["en"]) for part in source.data
    }


def load_item(file: Path) -> Item:
    """Raises `CatalogFileError` or `tongban_catalog.item.ItemDefinitionError`."""
    return Item.from_definition(read_source(file).data)


def load_catalog(root: Path = PACKAGED) -> Catalog:
    """The catalogue of a folder with ``departments.yaml`` and ``items/*.yaml``; without one, the packaged catalogue."""
    return Catalog(load_departments(root), {file.stem: load_item(file) for file in item_files(root)})
