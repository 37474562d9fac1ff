"""特别程序 and 办件结果: what stopped or lengthened the clock, and how the case ended. Pure."""

from collections.abc import Iterator

from tongban_catalog.standing import Standing
from tongban_schemas.envelope import Event
from tongban_schemas.events.approvals import (
    ApprovalClockResumed,
    ApprovalClockStopped,
    ApprovalExtended,
    ApprovalGranted,
    ApprovalRefused,
)
from tongban_schemas.events.certificates import CertificateIssued, CertificateRevoked

from tongban_intake.exchange.case import CaseFacts, basis_text
from tongban_intake.exchange.rows import Row, make_row, moment
from tongban_intake.exchange.tables import CODES, RESULT, SPECIAL
from tongban_intake.presentation.names import limit_shown

_EXTENSION_NAME = "延长审批"


def special_rows(case: CaseFacts) -> Iterator[Row]:
    """One row for each stop, which its end completes, and one for each extension, which takes effect at once."""
    ends = {fact.data.stop: fact for fact in reversed(case.facts) if isinstance(fact.data, ApprovalClockResumed)}
    for fact in case.facts:
        if isinstance(fact.data, ApprovalClockStopped):
            yield _stop(case, fact, fact.data, ends.get(fact.id))
        elif isinstance(fact.data, ApprovalExtended):
            yield _extension(case, fact, fact.data)


def _stop(case: CaseFacts, fact: Event, data: ApprovalClockStopped, end: Event | None) -> Row:
    procedure = case.item.step(data.step).procedure(data.procedure)
    values = {
        "project_no": case.number,
        "special_type": CODES["special_procedure"]["other"],
        "special_name": procedure.name.zh if procedure else "",
        "special_time": moment(fact.time),
        "end_time": moment(max(fact.time, end.time)) if end else "",
        "special_reason": basis_text(procedure.basis) if procedure else "",
        "special_explain": f"{case.step_name(data.step)}：预计{limit_shown(data.expected.number, data.expected.unit).words.zh}",
        "handle_user": str(data.officer),
    }
    return make_row(SPECIAL, case.subject, fact, values, changed_by=[end] if end else [])


def _extension(case: CaseFacts, fact: Event, data: ApprovalExtended) -> Row:
    """The basis stands for the reason: the head's own words stay sealed."""
    if data.step is None:
        bases = case.item.joint.basis if case.item.joint else ()
        name = "联合办理"
    else:
        bases, name = case.item.step(data.step).basis, case.step_name(data.step)
    values = {
        "project_no": case.number,
        "special_type": CODES["special_procedure"]["extension"],
        "special_name": _EXTENSION_NAME,
        "special_time": moment(fact.time),
        "end_time": moment(fact.time),
        "special_reason": basis_text(bases),
        "special_explain": f"{name}：延长{limit_shown(data.by.number, data.by.unit).words.zh}",
        "handle_user": str(data.officer),
    }
    return make_row(SPECIAL, case.subject, fact, values)


def result_rows(case: CaseFacts) -> Iterator[Row]:
    """A row for each certificate and each refusal. One is the result of the case; the others are taken back (D).

    The result is a certificate that stands, else the first refusal that counts.
    """
    revoked = {
        fact.data.number: fact
        for fact in reversed(case.facts)
        if isinstance(fact.data, CertificateRevoked) and fact.data.cause == "annulled"
    }
    known = case.history.standing()
    certificates = [fact for fact in case.facts if isinstance(fact.data, CertificateIssued)]
    refusals = [fact for fact in case.facts if isinstance(fact.data, ApprovalRefused)]
    standing = [fact for fact in certificates if getattr(fact.data, "number", "") not in revoked]
    counting = {one.id for one in known.counting.values()} if known else set()
    result = next(iter([*standing, *(fact for fact in refusals if fact.id in counting)]), None)
    for fact in (*certificates, *refusals):
        because = (
            None if fact is result else revoked.get(getattr(fact.data, "number", "")) or _against(case, fact, known)
        )
        gone = because or (None if fact is result else result or case.facts[-1])
        yield make_row(RESULT, case.subject, fact, _result(case, fact), revoked_by=gone)


def _against(case: CaseFacts, refusal: Event, known: Standing | None) -> Event | None:
    annulment = known.annulments.get(refusal.id) if known else None
    return next((fact for fact in case.facts if annulment is not None and fact.id == annulment.id), None)


def _result(case: CaseFacts, fact: Event) -> dict[str, str]:
    values = {
        "project_no": case.number,
        "result_date": moment(fact.time),
        "is_delivery_results": CODES["delivery"]["not_by_post"],
    }
    if isinstance(fact.data, CertificateIssued):
        conditional = any(
            isinstance(one.data, ApprovalGranted) and one.data.conditional and one.time <= fact.time
            for one in case.facts
        )
        return values | {
            "result_type": CODES["item_state"]["passed_on_promise" if conditional else "passed"],
            "result_cetr_name": case.item.certificate.name.zh,
            "result_cetr_no": fact.data.number,
        }
    reason = getattr(fact.data, "reason_code", "")
    return values | {"result_type": CODES["item_state"]["not_passed"], "result_explain": reason}
