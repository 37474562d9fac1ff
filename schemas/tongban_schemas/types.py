"""Value types that every event uses."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

JsonObject = dict[str, Any]
Language = Literal["zh", "en"]


_UTC_ONLY = "times are UTC: send 2026-01-31T08:00:00Z, not a local offset"


def _require_text_form(value: object) -> object:
    if isinstance(value, int | float) or (isinstance(value, str) and "T" not in value):
        raise ValueError(f"{_UTC_ONLY} or a number")
    return value


def _require_utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):
        raise ValueError(_UTC_ONLY)
    return value.astimezone(UTC)


def format_utc(value: datetime) -> str:
    """RFC 3339 in UTC with microseconds and ``Z``: ``2026-01-31T08:00:00.000000Z``."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Utc = Annotated[
    AwareDatetime,
    BeforeValidator(_require_text_form),
    AfterValidator(_require_utc),
    PlainSerializer(format_utc, when_used="json"),
]

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


EventId = UUID
ApplicationId = UUID
