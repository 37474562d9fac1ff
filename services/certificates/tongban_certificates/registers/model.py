"""Records of registers, as the rest of the service sees them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


class SourceDownError(ConnectionError):
    """A register that is asked over the network does not answer, or answers what cannot be used."""


@dataclass(frozen=True, slots=True)
class Record:
    """What a register holds about one holder. ``values`` by field of the resource; ``version`` counts its changes from 1.

    ``valid_until`` is None when the record does not expire.
    """

    id: UUID
    resource: str
    values: dict[str, object]
    version: int
    changed_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class RecordChanged:
    """A record has another content than before: ``changed`` names its fields; ``withdrawn``: it is gone."""

    resource: str
    record: UUID
    version: int
    changed: tuple[str, ...]
    withdrawn: bool
    at: datetime
