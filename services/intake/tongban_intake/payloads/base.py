"""What payloads are made of."""

from datetime import date
from typing import Any, ClassVar

import msgspec


class Item(msgspec.Struct, frozen=True, gc=False):
    """The service item and its version."""

    code: str
    version: int


class Limit(msgspec.Struct, frozen=True, gc=False):
    """A length of time: ``number`` of ``unit``, WD, ND, WH or NH."""

    number: int
    unit: str


class Act(msgspec.Struct, frozen=True, gc=False):
    """A formal act as a document; see `tongban_schemas.types.Act`."""

    number: str
    kind: str
    issued_on: date
    body: str
    sha256: str
    jws: str


def text_default(text: str) -> Any:
    """A default that is written out all the same: leaving defaults out goes by identity, and equal texts may be two objects."""
    return msgspec.field(default_factory=lambda: text)


class Body(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag_field="t"):
    """What the view keeps of a payload. The tag is only written to our own storage."""

    TYPE: ClassVar[str]
