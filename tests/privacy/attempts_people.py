"""Attempts of people: at the desks of departments and sources, at another person's case, certificate and ledger."""

from typing import Any, Final
from uuid import uuid4

from tests.lifecycle.world import Person
from tests.privacy.attempts import Act, Answer, Attempt
from tests.privacy.stage import NO_REGISTER, Stage

_REFUSAL: Final = {"ground": "not-held", "basis": "示例办法第一条", "reason": "没有"}
_DISPUTE: Final = {"fields": ["address"], "text": "不对"}


def _officer(department: str, *duties: str) -> Any:
    """A new officer of a department: nobody's earlier attempt counts for theirs."""
    return lambda life: life.officer(department, *duties, name=str(uuid4()))


def _at(service: str, method: str, path: str, who: Any, body: object = None) -> Act:
    """A request. In the path ``{main}`` is the case of that name, and so on; ``{records_desk}`` a request for a proof."""

    async def act(life: Stage) -> Answer:
        places: dict[str, Any] = {name: str(case) for name, case in life.cases.items()}
        places |= {"doubt": life.doubt, "number": life.certificate}
        for name in ("desk", "answered", "mediated"):
            places[f"records_{name}"] = await life.request(name, "records")
        person: Person | None = who(life)
        found = await life.call(service, method, path.format(**places), person, body)
        return Answer(found.status_code, f"{found.text} {dict(found.headers)}")

    return act


def _stranger(life: Stage) -> Person:
    return life.owners["other"]


def _own(name: str, method: str, path: str, case: str = "main", body: object = None, status: int = 404) -> Attempt:
    """Somebody opens another person's case."""
    return Attempt(name, _at("intake", method, path, _stranger, body), "not-the-applicant", case, status)


def _table(life: Stage) -> Person:
    return life.officer("tax", name="table")


async def _import(life: Stage) -> Answer:
    files = {"file": ("t.csv", b"holder,kind\n", "text/csv")}
    found = await life.send("certificates", "POST", "/v1/registers/home-right-99/import", _table(life), files=files)
    return Answer(found.status_code, found.text)


async def _push(life: Stage) -> Answer:
    news = {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/tax",
        "type": "cn.tongban.register.put",
        "data": {"holder": "990101188001010015", "values": {}},
    }
    path = "/v1/registers/residence-permit-99/events"
    kind = "application/cloudevents+json"
    found = await life.call("certificates", "POST", path, life.program("tax"), news, Content_Type=kind)
    return Answer(found.status_code, found.text)


async def _file(life: Stage, who: Person, method: str = "GET") -> Answer:
    path = f"/v1/proofs/{life.cases['main']}/{NO_REGISTER}/file"
    found = await life.send("intake", method, path, who, content=b"%PDF-1.7" if method == "PUT" else None)
    return Answer(found.status_code, f"{found.text} {dict(found.headers)}")


_TASK: Final = "/v1/tasks/{main}/JZ"
_RECEIPT: Final = "/v1/receipts/{main}"
_SHARED: Final = "/v1/sharing/requests/"

AT_DESKS: Final = (
    Attempt(
        "task-of-a-stranger",
        _at("approvals-99", "GET", _TASK, _officer("natural-resources")),
        "not-your-case",
        status=404,
    ),
    Attempt("task-of-a-neighbour", _at("approvals-99", "GET", _TASK, _officer("housing")), "not-your-step", status=404),
    Attempt(
        "decision-of-a-neighbour",
        _at("approvals-99", "POST", f"{_TASK}/grant", _officer("housing")),
        "not-your-step",
        status=404,
    ),
    Attempt(
        "desk-of-the-other-province",
        _at("approvals-99", "GET", _TASK, _officer("street-office-98")),
        "department-not-yours",
        status=404,
    ),
    Attempt(
        "opinion-nobody-asked-for",
        _at("approvals-99", "GET", "/v1/opinions/{main}/JZ/home-check", _officer("ecology")),
        "not-your-case",
        status=404,
    ),
    Attempt(
        "proof-the-step-does-not-see",
        _at("approvals-99", "POST", "/v1/tasks/{main}/FW/evidence/residence-permit/check", _officer("housing")),
        "scope",
        status=404,
    ),
    Attempt(
        "negotiation-by-another",
        _at(
            "approvals-99",
            "POST",
            "/v1/tasks/{mediated}/BX/evidence/records/objection",
            _officer("housing"),
            {"argument": "x"},
        ),
        "not-your-case",
        "mediated",
        404,
    ),
    Attempt(
        "annulment-by-another",
        _at(
            "approvals-99",
            "POST",
            "/v1/tasks/{issued}/LAND/annulment",
            _officer("housing", "head"),
            {"reason_code": "facts-unclear", "reason": "x", "reopen": False},
        ),
        "not-your-case",
        "issued",
        404,
    ),
    Attempt(
        "receipt-of-another-desk",
        _at("intake", "GET", _RECEIPT, _officer("tax", "receiver")),
        "not-your-case",
        status=404,
    ),
    Attempt(
        "receipt-without-the-duty",
        _at("intake", "GET", _RECEIPT, _officer("street-office-99")),
        "duty-missing",
        status=403,
    ),
    Attempt(
        "acceptance-by-another-desk",
        _at("intake", "POST", f"{_RECEIPT}/accept", _officer("tax", "receiver"), {}),
        "not-your-case",
        status=404,
    ),
    Attempt("file-for-a-stranger", lambda life: _file(life, _officer("tax")(life)), "not-your-case", status=404),
    Attempt("file-for-a-neighbour", lambda life: _file(life, _officer("housing")(life)), "not-your-step", status=404),
    Attempt(
        "doubt-of-another",
        _at("intake", "GET", "/v1/doubts/{main}/{doubt}", _officer("tax")),
        "not-your-case",
        status=404,
    ),
    Attempt(
        "doubt-explained-by-another",
        _at("intake", "POST", "/v1/doubts/{main}/{doubt}/explanation", _officer("housing"), {"text": "x"}),
        "not-your-case",
        status=404,
    ),
    Attempt(
        "search-without-the-duty",
        _at("intake", "POST", "/v1/cases/search", _officer("tax"), {"kind": "citizen", "value": "990101188001010015"}),
        "not-a-receiver",
        None,
        403,
    ),
    Attempt(
        "request-at-another-source",
        _at("certificates", "GET", _SHARED + "{records_desk}", _officer("tax")),
        "request-not-yours",
        "desk",
        404,
    ),
    Attempt(
        "release-by-another-source",
        _at("certificates", "POST", _SHARED + "{records_desk}/release", _officer("tax")),
        "request-not-yours",
        "desk",
        404,
    ),
    Attempt(
        "refusal-by-another-source",
        _at("certificates", "POST", _SHARED + "{records_desk}/refusal", _officer("tax"), _REFUSAL),
        "request-not-yours",
        "desk",
        404,
    ),
    Attempt(
        "mediation-without-the-duty",
        _at("certificates", "POST", _SHARED + "{records_mediated}/release", _officer("people-government-99")),
        "request-not-yours",
        "mediated",
        404,
    ),
    Attempt(
        "mediation-by-the-source",
        _at("certificates", "GET", _SHARED + "{records_mediated}", _officer("health", "supervisor")),
        "request-not-yours",
        "mediated",
        404,
    ),
    Attempt("register-of-another-system", _push, "no-such-register", None, 404),
    Attempt("register-of-another-table", _import, "no-such-register", None, 404),
    Attempt(
        "register-by-a-citizen",
        _at("certificates", "POST", "/v1/registers/home-right-99/import", _stranger),
        "not-permitted",
        None,
        403,
    ),
)

OF_STRANGERS: Final = (
    _own("status", "GET", "/v1/applications/{main}"),
    _own("page", "GET", "/applications/{main}"),
    _own("withdrawal", "POST", "/v1/applications/{main}/withdrawal"),
    _own("draft", "GET", "/v1/drafts/{draft}", "draft"),
    _own("submission", "POST", "/v1/drafts/{draft}/submission", "draft"),
    _own("discarding", "DELETE", "/v1/drafts/{draft}", "draft", status=204),
    _own("draft-page", "GET", "/drafts/{draft}", "draft"),
    _own("proofs", "GET", "/v1/proofs/{main}"),
    _own("consent", "POST", "/v1/proofs/{draft}", "draft"),
    _own("dispute", "POST", "/v1/proofs/{main}/residence-permit/dispute", body=_DISPUTE),
    _own("refetch", "POST", "/v1/proofs/{main}/work-proof/refetch"),
    Attempt("file", lambda life: _file(life, _stranger(life)), "not-the-applicant", status=404),
    Attempt("upload", lambda life: _file(life, _stranger(life), "PUT"), "not-the-applicant", status=404),
    _own("ledger", "GET", "/v1/ledger/{main}"),
    _own("ledger-page", "GET", "/applications/{main}/ledger"),
    _own("doubt", "POST", "/v1/ledger/{main}/{doubt}/doubt", body={"text": "x"}),
    _own("erased", "GET", "/v1/proofs/{erased}", "erased"),
    Attempt(
        "certificate-file",
        _at("certificates", "GET", "/v1/certificates/{number}/pdf", _stranger),
        "not-the-applicant",
        "issued",
        404,
    ),
    Attempt(
        "certificate-file-for-an-officer",
        _at("certificates", "GET", "/v1/certificates/{number}/pdf", _officer("tax")),
        "not-your-case",
        "issued",
        403,
    ),
    Attempt(
        "certificate",
        _at("certificates", "GET", "/v1/certificates/{number}", _stranger),
        "not-the-applicant",
        "issued",
        404,
    ),
    Attempt(
        "certificate-for-an-officer",
        _at("certificates", "GET", "/v1/certificates/{number}", _officer("tax")),
        "not-your-case",
        "issued",
        404,
    ),
    Attempt(
        "case-that-nobody-has",
        lambda life: _at("intake", "GET", f"/v1/proofs/{uuid4()}", _stranger)(life),
        "unknown-case",
        None,
        404,
    ),
)
