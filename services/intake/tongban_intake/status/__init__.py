"""The status of one application: a pure function of the set of facts about it.

Topics are per owner, brokers redeliver and consumers restart, so nothing here looks at the order of arrival: facts are a set
keyed by event id, and any permutation, repetition or split into batches gives the same bytes.

Precedence of ``state``, highest first, total over every set of facts:

1. ``issued``: a certificate stands, that is, was issued and not revoked because of an annulment;
2. ``refused``: the standing decision of a step is a refusal;
3. ``not-accepted``: the receiving body did not take it up;
4. ``revoked``: the certificate was revoked, or a grant was annulled, and nothing is decided anew;
5. ``withdrawn``: the applicant took the application back;
6. ``waiting-for-correction``: a notice or request is neither answered nor overtaken;
7. ``accepted``: intake took it up;
8. ``submitted``: anything else, also when only later facts have arrived so far.

A step's round is the highest that any fact of it names. Its standing decision is the earliest of that round that nothing takes
back: neither it, nor a decision of the same step in that round or a later one, nor what it rests on was annulled. Requests,
extensions, opinions and warnings count in their own round as well; stops are shown of every round. Whether every step is
granted depends on the item's flow, which the view does not know: the certificate says so.

Proofs stand as `tongban_catalog.proofs` says. What the vault said of the case is kept among its facts for the ledger
(`tongban_intake.ledger`) and shows in no other part of the status.
"""

from tongban_intake.status.evidence import statuses_of
from tongban_intake.status.fold import INTAKE_SOURCE, status
from tongban_intake.status.model import (
    FINAL_STATES,
    ActStatus,
    Alert,
    Annulment,
    Appeal,
    CertificateStatus,
    Correction,
    Deliveries,
    Extension,
    NotAcceptedStatus,
    Opinion,
    Promise,
    ProofStatus,
    State,
    Status,
    StepState,
    StepStatus,
    Stop,
    TimelineEntry,
    decode,
    encode,
)

__all__ = [
    "FINAL_STATES",
    "INTAKE_SOURCE",
    "ActStatus",
    "Alert",
    "Annulment",
    "Appeal",
    "CertificateStatus",
    "Correction",
    "Deliveries",
    "Extension",
    "NotAcceptedStatus",
    "Opinion",
    "Promise",
    "ProofStatus",
    "State",
    "Status",
    "StepState",
    "StepStatus",
    "Stop",
    "TimelineEntry",
    "decode",
    "encode",
    "status",
    "statuses_of",
]
