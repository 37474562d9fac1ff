"""Reads a catalogue's folder: departments.yaml, resources/*.yaml, standards/*.yaml and implementations/<region>/*.yaml."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from tongban_schemas.events.catalog import CalendarPublished
from tongban_schemas.types import JsonObject

from tongban_catalog.calendar import packaged
from tongban_catalog.compose import compose, origin
from tongban_catalog.department import Department
from tongban_catalog.formats import PACKAGED
from tongban_catalog.item import Item
from tongban_catalog.resource import Resource
from tongban_catalog.source import CatalogFileError, Source, Spot, read_source

__all__ = [
    "PACKAGED",
    "Catalog",
    "CatalogFileError",
    "StandardKey",
    "load_catalog",
    "load_departments",
    "load_resources",
    "with_keys",
]

StandardKey = tuple[str, int]
"""The basic code and version of a national standard."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """Departments and resources by id, calendars, and items by name: the file's without its ending (see `item_names`)."""

    departments: dict[str, Department]
    items: dict[str, Item]
    calendars: tuple[CalendarPublished, ...] = ()
    resources: dict[str, Resource] = field(default_factory=dict)

    def item(self, name_or_code: str) -> Item:
        """An item by its name or its code (then the newest version). Raises `KeyError` naming what there is."""
        if name_or_code in self.items:
            return self.items[name_or_code]
        versions = [item for item in self.items.values() if item.code == name_or_code]
        if versions:
            return max(versions, key=lambda item: item.version)
        raise KeyError(f"没有事项 {name_or_code} / no such item; there are: {', '.join(self.items)}")


def standard_files(root: Path) -> list[Path]:
    return sorted((root / "standards").glob("*.yaml"))


def implementation_files(root: Path) -> list[Path]:
    return sorted((root / "implementations").glob("*/*.yaml"))


def resource_files(root: Path) -> list[Path]:
    return sorted((root / "resources").glob("*.yaml"))


def composed(standard: Source, implementation: Source) -> Source:
    """The item that the two files make; every place of it leads to the file and line that says it."""

    def spot(place: Iterable[str | int]) -> Spot:
        path = tuple(place)
        whose, there = origin(standard.data, implementation.data, path)
        return (standard if whose == "standard" else implementation).spot(there)

    return Source(compose(standard.data, implementation.data), spot)


def item_names(files: Iterable[Path]) -> dict[Path, str]:
    """The name of each implementation: its file's, with ``<region>/`` before it where an earlier region has that name.

    The region with the highest code keeps the short name, so that a catalogue is read the same everywhere.
    """
    known = sorted(files, key=lambda file: (file.parent.name, file.stem))
    left = Counter(file.stem for file in known)
    names: dict[Path, str] = {}
    for file in known:
        left[file.stem] -= 1
        names[file] = file.stem if not left[file.stem] else f"{file.parent.name}/{file.stem}"
    return names


def load_departments(root: Path = PACKAGED) -> dict[str, Department]:
    """Departments by id. The file is checked by `tongban_catalog.check`."""
    return {part["id"]: department(part) for part in read_source(root / "departments.yaml").data}


def department(part: JsonObject) -> Department:
    """One entry of departments.yaml."""
    name = part["name"]
    return Department(part["id"], part["uscc"], name["zh"], name["en"], part.get("region"), part.get("supervisor"))


def load_resources(root: Path = PACKAGED) -> dict[str, Resource]:
    """Information resources by id. The files are checked by `tongban_catalog.check`."""
    found = [Resource.from_definition(read_source(file).data) for file in resource_files(root)]
    return {one.id: one for one in found}


def load_standards(root: Path = PACKAGED) -> dict[StandardKey, Source]:
    sources = [read_source(file) for file in standard_files(root)]
    return {(source.data["code"], source.data["version"]): source for source in sources}


def load_catalog(root: Path = PACKAGED) -> Catalog:
    """The catalogue of a folder; without one, the packaged catalogue.

    Raises `CatalogFileError`, `KeyError` for a standard that is not there, or
    `tongban_catalog.item.ItemDefinitionError`: a folder that passes `tongban_catalog.check` raises none.
    """
    standards = load_standards(root)
    names = item_names(implementation_files(root))
    items: dict[str, Item] = {}
    for file, name in sorted(names.items(), key=lambda entry: entry[1]):
        implementation = read_source(file).data
        reference = implementation["implements"]
        standard = standards[reference["standard"], reference["version"]].data
        items[name] = Item.from_definition(compose(standard, implementation))
    return Catalog(load_departments(root), items, tuple(packaged(root)), load_resources(root))


def with_keys(catalog: Catalog, folder: Path) -> Catalog:
    """The catalogue with the public keys of the departments: ``<department>.json`` in the folder, a JWK or a list of them.

    Raises `ValueError` for a file that is no JSON, or holds a private key.
    """
    departments = dict(catalog.departments)
    for file in sorted(folder.glob("*.json")):
        if file.stem not in departments:
            continue
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{file}: 不是 JSON / this is no JSON: {error}") from error
        keys = found if isinstance(found, list) else [found]
        if any(not isinstance(key, dict) or "kty" not in key or "d" in key or "k" in key for key in keys):
            raise ValueError(f"{file}: 应为公钥 JWK,不得含私钥 / it has to be public JWKs, never a private key")
        departments[file.stem] = replace(departments[file.stem], keys=tuple(keys))
    return replace(catalog, departments=departments)
