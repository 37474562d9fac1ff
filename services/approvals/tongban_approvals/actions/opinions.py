"""Answering what another department asked."""

from dataclasses import replace
from uuid import UUID

from tongban_runtime.auth import Caller
from tongban_runtime.database import Tx
from tongban_runtime.keys import KeyRequest, keys_for
from tongban_schemas.events.approvals import ApprovalOpinionGiven, opinion_field

from tongban_approvals import store
from tongban_approvals.actions.conflicts import ActionConflict, conflict_problem, not_found
from tongban_approvals.actions.desk import OpenCase, desk_of, lock_case, open_case, turn_away
from tongban_approvals.actions.opening import keys_if_open, opened
from tongban_approvals.casework import Casework
from tongban_approvals.domain.steps import OpinionRequest
from tongban_approvals.store import AskedOpinion

_STANDS_IN_THE_WAY: dict[str, ActionConflict] = {
    "given": "opinion-given",
    "lapsed": "opinion-lapsed",
    "cancelled": "opinion-cancelled",
}


async def find(
    tx: Tx, casework: Casework, caller: Caller, application: UUID, step: str, opinion: str
) -> tuple[AskedOpinion, OpenCase]:
    """What the caller's department was asked, with its case. Raises `Problem` 404, or 403 for who applied."""
    departments = caller.departments & casework.departments
    asked = await store.find_opinion(tx, application, step, opinion, departments)
    if asked is None:
        await turn_away(tx, casework, caller, application, step, "opinion")
    case = await open_case(tx, casework, application)
    await case.require_impartial(caller, asked.asked, step, "opinion")
    return asked, case


async def give(
    tx: Tx,
    casework: Casework,
    caller: Caller,
    application: UUID,
    step: str,
    opinion: str,
    text: str,
    *,
    agrees: bool,
) -> AskedOpinion:
    """Answers. Raises `Problem` 404, or 409 when it was answered, the time has passed or nobody waits for it."""
    await find(tx, casework, caller, application, step, opinion)
    case = await lock_case(tx, casework, application)
    asked = await store.find_opinion(tx, application, step, opinion, desk_of(caller, casework))
    if asked is None:
        raise not_found()
    if asked.state == "given" and await _is_repeated(case, asked, caller, text, agrees=agrees):
        return asked
    if asked.state in _STANDS_IN_THE_WAY:
        raise conflict_problem(_STANDS_IN_THE_WAY[asked.state], state=asked.state)
    names, field = (step, opinion, str(asked.request)), opinion_field(step, opinion)
    keys = await keys_for(casework.keyring, key_request(asked, caller, frozenset({field})))
    data = ApprovalOpinionGiven(
        step=step,
        department=asked.asked,
        opinion=opinion,
        request=asked.request,
        agrees=agrees,
        text=case.seal(keys, ApprovalOpinionGiven, names, field, text),
        officer=caller.id,
    )
    request = next(fact for fact in case.play.known if fact.id == asked.request)
    await case.say(tx, replace(request, traceparent=None), asked.asked, (data, names))
    after = await store.find_opinion(tx, application, step, opinion, [asked.asked])
    if after is None:
        raise not_found()
    return after


def key_request(asked: AskedOpinion, caller: Caller, fields: frozenset[str]) -> KeyRequest:
    """For the officer of the asked department who looks or answers."""
    return KeyRequest(asked.application, "opinion", fields, asked.asked, asked.step, officer=caller.id)


def request_of(case: OpenCase, asked: AskedOpinion) -> OpinionRequest | None:
    """The request as the facts say it; None for one of an earlier round."""
    return next((one for one in case.history.opinions.get(asked.step, ()) if one.id == asked.request), None)


async def _is_repeated(case: OpenCase, asked: AskedOpinion, caller: Caller, text: str, *, agrees: bool) -> bool:
    told = request_of(case, asked)
    if told is None or (told.officer, told.agrees) != (caller.id, agrees):
        return False
    field = opinion_field(asked.step, asked.opinion)
    keys = await keys_if_open(case.casework.keyring, key_request(asked, caller, frozenset({field})))
    return opened(keys, field, told.text) == text
