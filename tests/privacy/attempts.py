"""What an attempt is, and those at the vault: a program asks for keys that its purpose does not cover."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from tongban_schemas.events.access import DOUBT_FIELD
from tongban_schemas.events.evidence import EvidenceRequested, evidence_field, lookup_field

from tests.lifecycle import families
from tests.privacy.stage import NO_REGISTER, Stage

HERE: Final = ("decide", "public-security", "JZ")
"""A purpose, department and step that do go together in the cases of enrolment."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an attempt got: a status, and all that was said."""

    status: int
    text: str


Act = Callable[[Stage], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Attempt:
    """``rule``: what stands in the record of ``case``; without a case it is the rule of the line in the log.

    ``status``: of the answer; the vault answers 200 and names the rule.
    """

    name: str
    act: Act
    rule: str
    case: str | None = "main"
    status: int = 200


def asked(service: str, case: str, purpose: str, *fields: str, speaks_for: str | None = None, **more: Any) -> Act:
    """A service asks the vault for keys, signed in for ``department`` or for the one that it ``speaks_for``."""

    async def act(life: Stage) -> Answer:
        named = {name: await value(life) if callable(value) else value for name, value in more.items()}
        document = {
            "application": str(life.cases.get(case) or uuid4()),
            "purpose": purpose,
            "fields": list(fields),
            **{name: str(value) for name, value in named.items()},
        }
        own = speaks_for or named.get("department")
        who = life.service(service, *([own] if own else ()))
        found = await life.call("intake", "POST", "/v1/vault/releases", who, {"requests": [document]})
        if found.status_code == 200:
            assert found.json()["releases"][0].keys() == {"refused"}
        return Answer(found.status_code, found.text)

    return act


def of(case: str, material: str) -> Callable[[Stage], Awaitable[UUID]]:
    """The request for a proof of a case, once the stage is there."""

    async def find(life: Stage) -> UUID:
        return await life.request(case, material)

    return find


async def _late(life: Stage) -> Answer:
    request = await life.request("late", "record")
    (told,) = await families.events(life, life.cases["late"], EvidenceRequested)
    assert isinstance(told.data, EvidenceRequested)
    life.clock.set(told.data.expires + timedelta(minutes=20))
    field = evidence_field("record", "diagnosis")
    return await asked("certificates", "late", "evidence", field, department="health", request=request)(life)


def _bare(token: str) -> Act:
    """The vault's door with another token than a service's: ``token`` says whose."""

    async def act(life: Stage) -> Answer:
        who = {
            "nobody": None,
            "citizen": life.owners["main"],
            "officer": life.officer("public-security"),
            "stranger": life.service("reports", "public-security"),
        }[token]
        body = {"application": str(life.cases["main"]), "purpose": "decide", "fields": ["parent_name"]}
        found = await life.call("intake", "POST", "/v1/vault/releases", who, {"requests": [body]})
        return Answer(found.status_code, found.text)

    return act


def _decide(case: str, department: str, step: str, *fields: str, **more: Any) -> Act:
    return asked("approvals", case, "decide", *fields, department=department, step=step, **more)


def _source(case: str, purpose: str, department: str, *fields: str, **more: Any) -> Act:
    return asked("certificates", case, purpose, *fields, department=department, **more)


_PERMIT, _RECORDS = evidence_field("residence-permit", "address"), evidence_field("records", "diagnosis")
_OFFICER = UUID(int=0x0FF1CE)

BEYOND_ITS_LIMIT: Final = (Attempt("vault", _late, "request-expired", "late"),)
"""It moves the clock, so it comes first."""

AT_THE_VAULT: Final = (
    Attempt("other-department", _decide("main", "natural-resources", "JZ", "parent_name"), "not-your-case"),
    Attempt("step-of-another-department", _decide("main", "housing", "JZ", "parent_name"), "not-your-step"),
    Attempt("no-such-step", _decide("main", "housing", "ZZ", "home_address"), "not-your-step"),
    Attempt("answer-that-is-no-input", _decide("main", "public-security", "JZ", "child_name"), "scope"),
    Attempt("one-field-too-many", _decide("main", "public-security", "JZ", "parent_name", "child_name"), "scope"),
    Attempt("proof-that-is-no-input", _decide("main", "housing", "FW", _PERMIT), "scope"),
    Attempt("verified-identity", _decide("main", "public-security", "JZ", "identity"), "scope"),
    Attempt("whole-draft", _decide("main", "public-security", "JZ", "draft"), "scope"),
    Attempt("joint-extension-of-another", asked("approvals", "main", "decide", "x", department="tax"), "not-your-step"),
    Attempt("draft-of-a-flow", _decide("draft", "public-security", "JZ", "parent_name"), "not-your-case", "draft"),
    Attempt("closed-case", _decide("issued", "natural-resources", "LAND", "refused"), "case-closed", "issued"),
    Attempt("withdrawn-case", _decide("withdrawn", *HERE[1:], "parent_name"), "case-closed", "withdrawn"),
    Attempt("erased-case", _decide("erased", *HERE[1:], "parent_name"), "erased", "erased"),
    Attempt(
        "department-not-of-the-token",
        _decide("main", *HERE[1:], "parent_name", speaks_for="housing"),
        "department-not-yours",
    ),
    Attempt("notify-decides", asked("notify", "main", "decide", "parent_name"), "service-not-permitted"),
    Attempt("notify-reads-an-answer", asked("notify", "main", "notify", "parent_name"), "scope"),
    Attempt(
        "approvals-makes-certificates",
        asked("approvals", "main", "certify", "child_name", department="education"),
        "service-not-permitted",
    ),
    Attempt("certificate-of-another-issuer", _source("main", "certify", "housing", "child_name"), "not-your-case"),
    Attempt("certificate-wants-an-address", _source("main", "certify", "education", "home_address"), "scope"),
    Attempt(
        "certificate-of-a-withdrawn-case",
        _source("withdrawn", "certify", "education", "child_name"),
        "case-closed",
        "withdrawn",
    ),
    Attempt(
        "certificate-for-another-person",
        _source("issued", "deliver", "administrative-approval", "certificate/1", person=UUID(int=7)),
        "not-the-applicant",
        "issued",
    ),
    Attempt(
        "certificate-for-an-uninvolved-officer",
        _source("issued", "deliver", "tax", "certificate/1", officer=_OFFICER),
        "not-your-case",
        "issued",
    ),
    Attempt(
        "opinion-not-asked",
        asked("approvals", "main", "opinion", "parent_name", department="ecology", step="JZ", officer=_OFFICER),
        "not-your-case",
    ),
    Attempt(
        "opinion-of-nobody",
        asked("approvals", "main", "opinion", "parent_name", department="ecology", step="JZ"),
        "service-not-permitted",
    ),
    Attempt(
        "review-without-a-part",
        asked("approvals", "main", "remedy", "parent_name", department="tax", step="JZ", officer=_OFFICER),
        "not-your-step",
    ),
    Attempt(
        "review-reads-an-answer",
        asked("approvals", "main", "remedy", "parent_name", department=HERE[1], step="JZ", officer=_OFFICER),
        "scope",
    ),
    Attempt(
        "replayed-request",
        _source("main", "evidence", HERE[1], _PERMIT, request=of("main", "residence-permit")),
        "request-answered",
    ),
    Attempt(
        "request-to-another-source",
        _source("main", "evidence", "tax", _PERMIT, request=of("main", "residence-permit")),
        "request-not-yours",
    ),
    Attempt(
        "request-never-made", _source("main", "evidence", HERE[1], _PERMIT, request=UUID(int=1)), "request-unknown"
    ),
    Attempt(
        "request-of-another-case",
        _source("main", "evidence", HERE[1], _PERMIT, request=of("other", "residence-permit")),
        "request-unknown",
    ),
    Attempt(
        "wider-than-the-request",
        _source("desk", "evidence", "health", _RECORDS, "bank_account", request=of("desk", "records")),
        "scope",
        "desk",
    ),
    Attempt(
        "lookup-not-of-the-request",
        _source("desk", "evidence", "health", lookup_field("company"), request=of("desk", "records")),
        "scope",
        "desk",
    ),
    Attempt(
        "person-at-the-source-unnamed",
        _source("desk", "share", "health", _RECORDS, request=of("desk", "records")),
        "service-not-permitted",
        "desk",
    ),
    Attempt(
        "second-answer",
        _source("answered", "share", "health", _RECORDS, request=of("answered", "records"), officer=_OFFICER),
        "request-answered",
        "answered",
    ),
    Attempt("correction-by-who-gave-nothing", _source("main", "correct", "tax", _PERMIT), "not-your-case"),
    Attempt(
        "correction-of-another-s-proof",
        _source("main", "correct", HERE[1], evidence_field("home-proof", "address")),
        "scope",
    ),
    Attempt(
        "register-that-had-no-record",
        _source("main", "correct", "human-resources", evidence_field(NO_REGISTER, "employer")),
        "not-your-case",
    ),
    Attempt("doubt-read-by-a-register", _source("main", "explain", "tax", DOUBT_FIELD), "service-not-permitted"),
    Attempt("case-that-is-none", _decide("none", "public-security", "JZ", "parent_name"), "unknown-case", None),
    Attempt("no-token", _bare("nobody"), "not-signed-in", None, 401),
    Attempt("citizen-s-token", _bare("citizen"), "not-permitted", None, 403),
    Attempt("officer-s-token", _bare("officer"), "not-permitted", None, 403),
    Attempt("service-that-is-none", _bare("stranger"), "not-permitted", None, 403),
)
