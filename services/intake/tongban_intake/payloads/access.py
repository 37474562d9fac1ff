"""What the vault says, as the ledger reads it. ``text`` is sealed."""

from typing import ClassVar
from uuid import UUID

from tongban_intake.payloads.base import Body


class AccessGranted(Body, frozen=True, gc=False, tag="access-granted"):
    TYPE: ClassVar[str] = "cn.tongban.access.granted.v1"

    service: str
    purpose: str
    fields: tuple[str, ...]
    department: str | None = None
    step: str | None = None
    request: UUID | None = None
    officer: UUID | None = None


class AccessRefused(Body, frozen=True, gc=False, tag="access-refused"):
    TYPE: ClassVar[str] = "cn.tongban.access.refused.v1"

    service: str
    purpose: str
    rule: str
    department: str | None = None
    fields: tuple[str, ...] = ()
    step: str | None = None
    request: UUID | None = None
    officer: UUID | None = None


class AccessDoubted(Body, frozen=True, gc=False, tag="access-doubted"):
    TYPE: ClassVar[str] = "cn.tongban.access.doubted.v1"

    access: UUID
    text: str
    department: str | None = None


class AccessExplained(Body, frozen=True, gc=False, tag="access-explained"):
    TYPE: ClassVar[str] = "cn.tongban.access.explained.v1"

    doubt: UUID
    department: str
    text: str


class AccessErased(Body, frozen=True, gc=False, tag="access-erased"):
    TYPE: ClassVar[str] = "cn.tongban.access.erased.v1"

    ground: str
    basis: str


AnyAccess = AccessGranted | AccessRefused | AccessDoubted | AccessExplained | AccessErased
