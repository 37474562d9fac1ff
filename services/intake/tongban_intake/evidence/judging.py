"""Which answers come from a source that was not asked. Pure. Such an answer counts nowhere; it is put on record once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from tongban_catalog.speakers import answers, speaks
from tongban_schemas.envelope import Event
from tongban_schemas.events.access import AccessRule
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
)

_ANSWERS = (
    EvidenceProvided,
    EvidenceNotRecorded,
    EvidenceRefused,
    EvidenceFailed,
    EvidenceOverdue,
    EvidenceDisputeAnswered,
    EvidenceCorrected,
)


@dataclass(frozen=True, slots=True)
class Forged:
    """An answer that does not come from who was asked. ``department`` is who it claims to come from."""

    event: Event
    rule: AccessRule
    department: str
    request: UUID | None


def forged(facts: Iterable[Event], fresh: Iterable[Event]) -> list[Forged]:
    """Those of the fresh facts of one case that do not come from the source that was asked: what `proofs` does not count."""
    asked: Mapping[UUID, Event] = {
        fact.id: fact for fact in facts if isinstance(fact.data, EvidenceRequested) and speaks(fact)
    }
    found = []
    for fact in fresh:
        data = fact.data
        if isinstance(data, EvidenceChecked | EvidenceObjected):
            if not speaks(fact):
                about = data.request if isinstance(data, EvidenceObjected) else None
                found.append(Forged(fact, "forged-source", data.department, about))
        elif isinstance(data, _ANSWERS):
            request = asked.get(data.request)
            if request is None:
                found.append(Forged(fact, "request-unknown", data.department, data.request))
            elif not speaks(fact) or not answers(fact, request):
                found.append(Forged(fact, "forged-source", data.department, data.request))
    return found
