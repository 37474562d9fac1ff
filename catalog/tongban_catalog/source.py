"""Reads one YAML file with the place of every key in it, so that a check can say where."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Place = tuple[str | int, ...]


class Spot(NamedTuple):
    """A line of a file; lines count from 1."""

    file: Path
    line: int


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
    """Data, and where each of its places is written: in one file, or for a composed item in two."""

    data: Any
    spot: Callable[[Iterable[str | int]], Spot]


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
    data = _value(loader, node, (), lines, set(), file)

    def spot(place: Iterable[str | int]) -> Spot:
        path = tuple(place)
        while path and path not in lines:
            path = path[:-1]
        return Spot(file, lines.get(path, 1))

    return Source(data, spot)


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
