"""Payloads of evidence and access with values that collide with those of others often."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tongban_intake.payloads import (
    AccessDoubted,
    AccessErased,
    AccessExplained,
    AccessGranted,
    AccessRefused,
    AnyBody,
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceDisputeAnswered,
    EvidenceDisputed,
    EvidenceFailed,
    EvidenceNotRecorded,
    EvidenceObjected,
    EvidenceOverdue,
    EvidenceProvided,
    EvidenceRefused,
    EvidenceRequested,
    EvidenceSubstituted,
    EvidenceUploaded,
    Item,
)

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
ITEM = Item("11990000000000019A3990100001000", 1)
RESOURCE = "home-right-99"


def evidence_bodies(rng: random.Random) -> dict[type[AnyBody], AnyBody]:
    """One of each, by type."""
    material, source = rng.choice(("home-proof", "work-proof")), rng.choice(("housing", "heritage"))
    time, other = START + timedelta(seconds=rng.randrange(40)), UUID(int=rng.randrange(200))
    told = UUID(int=rng.randrange(200)), RESOURCE, material, source
    stage, step = rng.choice(("answer", "negotiation")), rng.choice((None, "KG"))
    officer, fields = rng.choice((None, UUID(int=7))), ("kind", "address")
    return {
        EvidenceRequested: EvidenceRequested(
            material, RESOURCE, source, ITEM, "education", "第八条", fields, time, rng.choice((1, 2))
        ),
        EvidenceProvided: EvidenceProvided(*told, time, "A", {"kind": "owned"}, {"address": "s1.AA"}),
        EvidenceNotRecorded: EvidenceNotRecorded(*told),
        EvidenceRefused: EvidenceRefused(*told, "not-held", "第九条", "s1.BB", stage),
        EvidenceFailed: EvidenceFailed(*told, "expired", rng.choice((True, False))),
        EvidenceOverdue: EvidenceOverdue(*told, stage, time),
        EvidenceObjected: EvidenceObjected(other, UUID(int=rng.randrange(200)), material, "education", "negotiation"),
        EvidenceDisputed: EvidenceDisputed(other, RESOURCE, material, source, ("address",)),
        EvidenceDisputeAnswered: EvidenceDisputeAnswered(*told, other, rng.choice(("corrected", "upheld"))),
        EvidenceCorrected: EvidenceCorrected(*told, other, "source", time, ("kind",), {"kind": "leased"}),
        EvidenceSubstituted: EvidenceSubstituted(material, 0, "第三条", (other,)),
        EvidenceUploaded: EvidenceUploaded(material, other, rng.choice(("C", "D"))),
        EvidenceChecked: EvidenceChecked(other, material, "education"),
        AccessGranted: AccessGranted("approvals", "decide", ("parent_name",), source, step, None, officer),
        AccessRefused: AccessRefused("approvals", "decide", "scope", source, ("parent_name",), step, None, officer),
        AccessDoubted: AccessDoubted(other, "s1.CC", source),
        AccessExplained: AccessExplained(other, source, "s1.DD"),
        AccessErased: AccessErased("retention-over", "第三十七条"),
    }
