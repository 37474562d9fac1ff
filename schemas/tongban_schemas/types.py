"""Value types that every event uses."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    ValidationError,
)

JsonObject = dict[str, Any]
Language = Literal["zh", "en"]

CHINA = timezone(timedelta(hours=8))
"""China has one time zone and no summer time."""


_TIME: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UTC_ONLY = "times are UTC: send 2026-01-31T08:00:00Z, not a local offset"


def _read_time(value: object) -> object:
    """A text becomes a time here: what a function has looked at is no JSON to pydantic, so strict reading refuses it."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and "T" in value.upper():
        with suppress(ValidationError):
            return _TIME.validate_python(value)
    raise ValueError(f"{_UTC_ONLY} or a number")


def _require_utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):
        raise ValueError(_UTC_ONLY)
    return value.astimezone(UTC)


def format_utc(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds and ``Z``: ``2026-01-31T08:00:00.000000Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Utc = Annotated[
    AwareDatetime,
    BeforeValidator(_read_time),
    AfterValidator(_require_utc),
    PlainSerializer(format_utc, when_used="json"),
]


def _read_day(value: object) -> object:
    if isinstance(value, str) and _DAY.fullmatch(value):
        with suppress(ValueError):
            return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("days are written 2026-01-31")


Day = Annotated[date, BeforeValidator(_read_day)]
"""A calendar day. What day it is in China is the writer's concern; it has no time and no offset."""

Sealed = Annotated[
    str,
    Field(
        pattern=r"^s1\.[A-Za-z0-9_-]+$",
        description="A personal value, encrypted under the application's key (AES-256-GCM).",
    ),
]

StepId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,9}$", description="A step of the item's flow.")]
DepartmentId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", description="A department of the catalogue.")]


class Value(BaseModel):
    """Base of everything inside an event: immutable; readers ignore fields they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ItemRef(Value):
    """The service item, and the version of it, that a case is bound to for life."""

    code: Annotated[str, Field(pattern=r"^[0-9A-Z]{31}$", description="GB/T 39554.1 item code, 31 characters.")]
    version: Annotated[int, Field(ge=1)]


MaterialId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,40}$", description="A material of the item.")]
ResourceId = Annotated[
    str, Field(pattern=r"^[a-z][a-z0-9-]{1,60}$", description="An information resource of the catalogue.")
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Round = Annotated[int, Field(ge=1, description="How often the step was opened; a decision counts in its own round.")]
CaseNumber = Annotated[
    str, Field(pattern=r"^[0-9A-Z]{31}[0-9]{8}[0-9]{4,}$", description="Item code, date of receipt, serial of the day.")
]
Unit = Literal["WD", "ND", "WH", "NH"]
"""Working days, natural days, working hours, natural hours."""


class Limit(Value):
    """A length of time: ``number`` of ``unit``."""

    number: Annotated[int, Field(ge=0)]
    unit: Unit


ActKind = Literal[
    "receipt",
    "acceptance",
    "correction-notice",
    "non-acceptance",
    "grant",
    "refusal",
    "special-procedure",
    "extension",
    "annulment",
    "appeal-decision",
]
"""The formal acts that are documents of their own (Administrative Licensing Law art. 32, 38, 42, 45)."""


class Act(Value):
    """A formal act as a document: its number, its day, the body that seals it, and its signed content.

    ``jws`` is a compact JWS (RFC 7515) over the content as canonical JSON; the body's keys are in the catalogue.
    """

    number: str
    kind: ActKind
    issued_on: Day = Field(description="The day in China.")
    body: str = Field(pattern=r"^[0-9A-Z]{18}$", description="USCC of the sealing body.")
    sha256: Sha256 = Field(description="Of the signed content.")
    jws: str


EventId = UUID
ApplicationId = UUID
