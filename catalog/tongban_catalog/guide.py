"""What an item tells its applicants beside the flow: where to go, whom to ask, what it costs. Pure values."""

from dataclasses import dataclass
from typing import Literal

from tongban_catalog.basis import Basis
from tongban_catalog.form import Text


@dataclass(frozen=True, slots=True)
class CrossRegion:
    """How it is handled elsewhere: 全程网办 ``online``, 异地代收代办 ``forwarded``, 多地联办 ``joint``; and how far (通办范围)."""

    mode: Literal["online", "forwarded", "joint"]
    scope: Literal["nation", "province", "city", "county", "none"]


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter that takes the item."""

    name: Text
    address: Text
    hours: Text | None
    phone: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """Where to ask or complain."""

    name: Text
    phone: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Fee:
    """What it costs, in yuan. There is no fee without a basis (art. 58)."""

    id: str
    name: Text
    amount_cny: float
    basis: tuple[Basis, ...]
