"""Which events are formal acts, and whether the body signed what the event says. Pure.

An act says, under the body's signature, what its event says: the case, the item, the step, the decision, the day, the sealed words
by their hash. An event whose act is absent, is not signed with a key that the body had on that day, or says something else, is a
message that anybody could have written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from tongban_runtime.acts import ActInvalidError, KeyUnknownError, digest, verify
from tongban_schemas.events import applications, approvals
from tongban_schemas.types import CHINA, ActKind, JsonObject, Limit

from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.parts import NoDepartmentError

ActFault = Literal["act-missing", "act-not-signed", "act-says-otherwise", "key-unknown", "not-due"]
"""``key-unknown``: the catalogue has not told this service of the body, or of a key that it had then; ``not-due``: said to be
deemed by silence before anybody could have been silent for long enough."""

ACTS_PER_STEP: Final = 100
"""Acts of one kind that a step can have in a case; their ordinals say step and count, so that no two are the same."""


@dataclass(frozen=True, slots=True)
class ActOf:
    """The case that an act is about."""

    subject: str
    item: Item
    answers: Mapping[str, Any]
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class ActRule:
    """What the act of one type of event says. ``text``: the sealed attribute of which the act holds the hash."""

    kind: ActKind
    content: Callable[[Any], JsonObject]
    text: str | None = None


def _said(*names: str, **fixed: Any) -> Callable[[Any], JsonObject]:
    def content(data: Any) -> JsonObject:
        return {**fixed, **{name: _plain(getattr(data, name)) for name in names}}

    return content


def _plain(value: Any) -> Any:
    """A value as the content of an act holds it."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if hasattr(value, "number") and hasattr(value, "unit"):
        return {"number": value.number, "unit": value.unit}
    return value if value is None or isinstance(value, bool | int) else str(value)


ACTS: Mapping[str, ActRule] = {
    applications.ApplicationReceived.TYPE: ActRule("receipt", _said(decision="received")),
    applications.ApplicationAccepted.TYPE: ActRule("acceptance", _said("deemed", "promised", decision="accepted")),
    applications.ApplicationCorrectionNoticed.TYPE: ActRule(
        "correction-notice", _said("fields", "materials", decision="to-be-corrected"), "message"
    ),
    applications.ApplicationNotAccepted.TYPE: ActRule(
        "non-acceptance", _said("reason_code", "right_authority", decision="not-accepted"), "reason"
    ),
    approvals.ApprovalCorrectionRequested.TYPE: ActRule("correction-notice", _said("fields", "materials"), "message"),
    approvals.ApprovalGranted.TYPE: ActRule("grant", _said("decided_by", "deemed", "conditional", decision="granted")),
    approvals.ApprovalRefused.TYPE: ActRule(
        "refusal", _said("decided_by", "reason_code", decision="refused"), "reason"
    ),
    approvals.ApprovalClockStopped.TYPE: ActRule("special-procedure", _said("procedure", "expected")),
    approvals.ApprovalExtended.TYPE: ActRule("extension", _said("by"), "reason"),
    approvals.ApprovalAnnulled.TYPE: ActRule("annulment", _said("decision", "reopen"), "reason"),
    approvals.ApprovalAppealDecided.TYPE: ActRule("appeal-decision", _said("appeal", "outcome"), "text"),
}
"""The events that are formal acts (Administrative Licensing Law art. 32, 38, 42, 45, 69)."""


@dataclass(frozen=True, slots=True)
class Signatures:
    """Tells whether an act is what its body signed. ``bodies``: the registered departments, with their keys of all times."""

    bodies: Mapping[str, Department]

    def fault(self, fact: Any, of: ActOf) -> ActFault | None:
        """What is wrong with the act of an event that has to have one; None when nothing is."""
        data = fact.data
        if data.act is None:
            return _without_act(fact, of)
        try:
            name = getattr(data, "department", None) or of.item.acceptance.department_of(of.answers)
        except NoDepartmentError:
            return "act-says-otherwise"
        body = self.bodies.get(name)
        if body is None:
            return "key-unknown"
        try:
            content = verify(data.act, [key for key in body.keys if _held(key, fact.time)])
        except KeyUnknownError:
            return "key-unknown"
        except ActInvalidError:
            return "act-not-signed"
        return None if _same(fact, of, body, content) else "act-says-otherwise"


def _without_act(fact: Any, of: ActOf) -> ActFault | None:
    """Silence signs nothing: an acceptance that is deemed has no act, and needs the time to have passed.

    Working days are never fewer than days, so that the number of days is the least that has to lie between.
    """
    data = fact.data
    if fact.data.TYPE != applications.ApplicationAccepted.TYPE or not data.deemed:
        return "act-missing"
    complete = data.effective_from
    if of.item.acceptance.by != "officer" or complete is None or complete < of.submitted_at:
        return "not-due"
    return None if fact.time - complete >= _at_least(of.item.acceptance.notice) else "not-due"


def _at_least(limit: Limit) -> timedelta:
    return timedelta(hours=limit.number) if limit.unit in ("WH", "NH") else timedelta(days=limit.number)


def _held(key: JsonObject, at: datetime) -> bool:
    """Whether a body had the key then. ``nbf`` and ``exp`` of a JWK are its first and its last second, both optional."""
    first, last = key.get("nbf"), key.get("exp")
    second = at.astimezone(UTC).timestamp()
    return (first is None or first <= second) and (last is None or second <= last)


def _same(fact: Any, of: ActOf, body: Department, content: Mapping[str, Any]) -> bool:
    data, rule = fact.data, ACTS[fact.data.TYPE]
    expected = {
        "kind": rule.kind,
        "date": fact.time.astimezone(CHINA).date().isoformat(),
        "body": body.uscc,
        "department": body.id,
        "subject": of.subject,
        **rule.content(data),
    }
    if (step := getattr(data, "step", None)) is not None:
        expected["step"] = step
    if any(content.get(name) != value for name, value in expected.items()):
        return False
    if str(content.get("item")).split(":")[0] != of.item.code:
        return False
    if rule.text is not None and digest(getattr(data, rule.text)) not in _digests(content):
        return False
    if rule.kind == "grant" and not _says(data, content):
        return False
    return rule.kind not in ("grant", "refusal") or _is_of_round(str(content.get("number")), of, step, data.round)


def _says(data: Any, content: Mapping[str, Any]) -> bool:
    """Whether a grant that says more than yes says it under the signature; readers that keep nothing of it do not ask."""
    plain, sealed = getattr(data, "fields", None), getattr(data, "sealed", None) or {}
    if plain is not None and (content.get("says") or {}) != plain:
        return False
    return {digest(text) for text in sealed.values()} <= _digests(content)


def _digests(content: Mapping[str, Any]) -> set[str]:
    return {str(value) for name, value in content.items() if name.endswith("_sha256")} | set(content.get("texts", ()))


def _is_of_round(number: str, of: ActOf, step: str | None, number_of_round: int) -> bool:
    """A decision's number ends in its step and round: an earlier round's cannot be said again."""
    return number.endswith(f"-{ordinal(of.item, step, number_of_round)}")


def ordinal(item: Item, step: str | None, count: int) -> int:
    """The ordinal of a body's act about a step of a case, or about the whole case, by the count among its kind there."""
    place = 0 if step is None else 1 + [one.id for one in item.steps].index(step)
    return place * ACTS_PER_STEP + count
