"""What a department's own system says about its records, as CloudEvents in JSON, one or a batch.

Source: CloudEvents 1.0.2, JSON event format. A number stands in ``data`` alone, never in an attribute.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from tongban_certificates.registers.checking import End, Moment

PUT: Final = "cn.tongban.register.put"
WITHDRAWN: Final = "cn.tongban.register.withdrawn"
SINGLE: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
MAX_BYTES: Final = 1024 * 1024
MAX_NEWS: Final = 1000

_Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
"""Text of an attribute: CloudEvents allow no control characters in it."""

NewsFault = Literal["not-a-cloudevent", "too-many", "in-the-future"]


class NewsError(ValueError):
    """A body that holds no news. ``fields`` says where it is wrong, never what stood there."""

    def __init__(self, fault: NewsFault, fields: tuple[str, ...] = ()) -> None:
        super().__init__(fault)
        self.fault: NewsFault = fault
        self.fields = fields


@dataclass(frozen=True, slots=True)
class News:
    """One thing that a source says about a holder since ``time``; ``values`` None: the record is withdrawn."""

    id: str
    source: str
    time: datetime
    holder: str
    values: Mapping[str, object] | None
    valid_until: datetime | None = None
    version: int | None = None


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid")

    holder: str = Field(min_length=1, max_length=64)


class _PutData(_Data):
    values: dict[str, JsonValue]
    valid_until: End | None = None
    version: int | None = Field(default=None, ge=1, le=2**31 - 2, strict=True)


class _Attributes(BaseModel):
    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    time: Moment
    datacontenttype: Literal["application/json"] = "application/json"


class _Put(_Attributes):
    type: Literal["cn.tongban.register.put"]
    data: _PutData


class _Withdrawn(_Attributes):
    type: Literal["cn.tongban.register.withdrawn"]
    data: _Data


_One = Annotated[_Put | _Withdrawn, Field(discriminator="type")]
_ONE: Final[TypeAdapter[Any]] = TypeAdapter(_One)
_MANY: Final[TypeAdapter[Any]] = TypeAdapter(list[_One])


def read_news(content_type: str, body: bytes) -> list[News]:
    """News in the order in which they stand. Raises `NewsError`."""
    kind = content_type.split(";")[0].strip().lower()
    if kind not in (SINGLE, BATCH):
        raise NewsError("not-a-cloudevent", ("content-type",))
    try:
        document = json.loads(body)
        found = _MANY.validate_python(document) if kind == BATCH else [_ONE.validate_python(document)]
    except ValidationError as error:
        places = {_where(problem["loc"]) for problem in error.errors(include_input=False, include_url=False)}
        raise NewsError("not-a-cloudevent", tuple(sorted(places))) from None
    except (ValueError, RecursionError):
        raise NewsError("not-a-cloudevent", ("body",)) from None
    if len(found) > MAX_NEWS:
        raise NewsError("too-many")
    return [_news(one) for one in found]


_KNOWN: Final = frozenset(
    {
        *_Put.model_fields,
        *_PutData.model_fields,
    }
)


def _where(place: tuple[int | str, ...]) -> str:
    """A place in the body: names that are not ours are left out, since they may be anything."""
    return ".".join(str(part) for part in place if isinstance(part, int) or part in _KNOWN) or "body"


def _news(one: _Put | _Withdrawn) -> News:
    if isinstance(one, _Withdrawn):
        return News(one.id, one.source, one.time, one.data.holder, None)
    data = one.data
    return News(one.id, one.source, one.time, data.holder, data.values, data.valid_until, data.version)
