"""Attempts on the event bus: somebody who can write to the broker speaks for others, or moves sealed values about."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from tongban_runtime.sealing import CaseKeys, new_root
from tongban_schemas.envelope import EventData
from tongban_schemas.events.evidence import (
    EvidenceChecked,
    EvidenceCorrected,
    EvidenceObjected,
    EvidenceProvided,
    EvidenceRequested,
    evidence_text_field,
    lookup_field,
)

from tests.privacy.attempts import Answer, Attempt
from tests.privacy.stage import Stage

_FAKE: Final = CaseKeys(root=new_root())
"""Keys of no case: a forger has no others."""


def _said(case: str, source: str, make: Any) -> Any:
    """``make(life, name)`` is put on the bus as the event of that name, said by ``source``."""

    async def act(life: Stage) -> Answer:
        name = uuid4()
        await life.forge(name, life.cases[case], await make(life, name), source)
        return Answer(200, "")

    return act


def _asks(resource: str, provider: str, *fields: str) -> Any:
    """A request that intake never made."""

    async def make(life: Stage, name: UUID) -> EventData:
        return EvidenceRequested(
            material="residence-permit",
            resource=resource,
            provider=provider,
            item=life.catalog.item("primary-school-enrolment").ref,
            asked_by="tax",
            basis="示例办法第一条",
            fields=list(fields),
            lookup={"holder": _FAKE.seal(name, lookup_field("holder"), "990101188001010015")},
            attempt=9,
            expires=life.clock.now() + timedelta(days=9),
        )

    return make


def _answers(model: type[EventData], department: str, **more: Any) -> Any:
    """An answer to the request for the residence permit; ``request``: to another one."""

    async def make(life: Stage, _: UUID) -> EventData:
        given: dict[str, Any] = {
            "request": await life.request("main", "residence-permit"),
            "resource": "residence-permit-99",
            "material": "residence-permit",
            "department": department,
            "recorded_at": life.clock.now(),
            "values": {"both_permits_valid": True},
        }
        return model.model_validate(given | more)

    return make


async def _objection(life: Stage, name: UUID) -> EventData:
    request = await life.request("desk", "records")
    return EvidenceObjected(
        request=request,
        refusal=uuid4(),
        material="records",
        department="medical-insurance",
        stage="negotiation",
        argument=_FAKE.seal(name, evidence_text_field("records"), "x"),
        officer=uuid4(),
    )


async def _check(_: Stage, __: UUID) -> EventData:
    return EvidenceChecked(
        uploaded=uuid4(), material="work-proof", department="human-resources", step="JY", officer=uuid4()
    )


_PUBLIC_SECURITY: Final = "/certificates/public-security"

ON_THE_BUS: Final = (
    Attempt(
        "request-in-the-name-of-a-source",
        _said("main", "/certificates/tax", _asks("residence-permit-99", "public-security", "address")),
        "forged-source",
    ),
    Attempt(
        "request-that-intake-never-made",
        _said("main", "/intake", _asks("residence-permit-99", "public-security", "address")),
        "request-unknown",
    ),
    Attempt(
        "resource-that-is-never-shared",
        _said("main", "/intake", _asks("juvenile-record-99", "public-security", "sealed")),
        "request-unknown",
    ),
    Attempt(
        "answer-of-another-department",
        _said("main", "/certificates/housing", _answers(EvidenceProvided, "housing")),
        "forged-source",
    ),
    Attempt(
        "answer-in-the-name-of-the-source",
        _said("main", "/certificates/tax", _answers(EvidenceProvided, "public-security")),
        "forged-source",
    ),
    Attempt(
        "answer-to-no-request",
        _said("main", _PUBLIC_SECURITY, _answers(EvidenceProvided, "public-security", request=UUID(int=3))),
        "request-unknown",
    ),
    Attempt(
        "correction-by-another-department",
        _said("main", "/certificates/tax", _answers(EvidenceCorrected, "tax", provided=uuid4(), cause="source")),
        "forged-source",
    ),
    Attempt("objection-in-another-s-name", _said("desk", "/approvals/housing", _objection), "forged-source", "desk"),
    Attempt("check-in-another-s-name", _said("main", "/approvals/housing", _check), "forged-source"),
)


def moved(field: str, sealed: str) -> EventData:
    """What the right source gives, with a value that was sealed somewhere else."""
    return EvidenceProvided(
        request=UUID(int=5),
        resource="residence-permit-99",
        material="residence-permit",
        department="public-security",
        sealed={field: sealed},
        recorded_at="2026-03-02T00:00:00Z",
    )
