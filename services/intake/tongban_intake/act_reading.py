"""A formal act as people read it: its signed content in words, whether the signature holds, the text it vouches for. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from tongban_catalog.department import Department
from tongban_catalog.form import NOTHING, Form, Text
from tongban_catalog.item import Item
from tongban_runtime.acts import ActInvalidError, digest, verify
from tongban_schemas.events.applications import NON_ACCEPTANCE_FIELD, NOTICE_FIELD
from tongban_schemas.events.approvals import (
    annulment_field,
    appeal_decision_field,
    correction_field,
    extension_field,
    refusal_field,
)
from tongban_schemas.types import Act, JsonObject

from tongban_intake import payloads as said
from tongban_intake.facts import Fact, Facts
from tongban_intake.presentation import YES_NO, Words, act_name, basis_cited, limit_shown

Unseal = Callable[[str, str], str]

_LABELS: dict[str, Words] = {
    "number": Words(zh="文书编号", en="Number"),
    "kind": Words(zh="文书种类", en="Kind"),
    "date": Words(zh="日期", en="Date"),
    "department": Words(zh="作出机关", en="Body"),
    "body": Words(zh="统一社会信用代码", en="Its unified social credit code"),
    "item": Words(zh="事项", en="Service item"),
    "step": Words(zh="环节", en="Step"),
    "decision": Words(zh="决定", en="Decision"),
    "decided_by": Words(zh="决定方式", en="Decided by"),
    "deemed": Words(zh="视为作出", en="By the passing of time"),
    "conditional": Words(zh="附承诺条件", en="On a promise"),
    "basis": Words(zh="依据", en="Basis"),
    "right_authority": Words(zh="有权办理的机关", en="Competent authority"),
    "fields": Words(zh="需补正的内容", en="To be corrected"),
    "materials": Words(zh="需补交的材料", en="Materials to bring"),
    "promised": Words(zh="承诺补交的材料", en="Promised materials"),
    "procedure": Words(zh="特别程序", en="Special procedure"),
    "expected": Words(zh="预计所需时间", en="Expected to take"),
    "by": Words(zh="延长", en="Extended by"),
    "outcome": Words(zh="结果", en="Outcome"),
    "reopen": Words(zh="重新办理", en="Decided anew"),
    "remedy": Words(zh="救济途径", en="Remedy"),
}
_VALUES: dict[str, Words] = {
    "accepted": Words(zh="受理", en="accepted"),
    "not-accepted": Words(zh="不予受理", en="not accepted"),
    "received": Words(zh="收件", en="received"),
    "to-be-corrected": Words(zh="需补正", en="to be corrected"),
    "granted": Words(zh="准予", en="granted"),
    "refused": Words(zh="不予许可", en="refused"),
    "upheld": Words(zh="维持", en="upheld"),
    "annulled": Words(zh="撤销", en="annulled"),
    "officer": Words(zh="工作人员", en="an officer"),
    "rule": Words(zh="规则", en="a rule"),
}
_WORDED = frozenset({"decision", "decided_by", "outcome"})
_FOR_PROGRAMS = frozenset({"subject", "item_version", "reason_code", "texts"})
"""What is signed and says nothing to people that does not stand there in words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the content. ``code``: a value to be shown as it is written."""

    label: Words
    value: Words
    code: bool = False


@dataclass(frozen=True, slots=True)
class ActRead:
    """An act. ``verified``: one of the body's keys signed exactly this content; ``text``: what it says of itself only by hash.

    Without ``verified`` the content is empty: what nobody signed is not shown as if it were.
    """

    act: Act
    name: Words
    verified: bool
    content: JsonObject
    rows: tuple[Row, ...]
    text: str | None


def find(facts: Facts, number: str) -> Fact | None:
    """The fact that carries the act with this number."""
    for fact in sorted(facts.values(), key=lambda one: (one.time, one.id)):
        act = said.act_of(fact.data)
        if act is not None and act.number == number:
            return fact
    return None


def read(
    fact: Fact, facts: Facts, departments: Mapping[str, Department], item: Item | None, unseal: Unseal | None
) -> ActRead:
    """Reads the act that a fact carries. ``unseal`` is given for the applicant alone. Raises `ValueError` without an act."""
    kept = said.act_of(fact.data)
    if kept is None:
        raise ValueError("the event carries no act")
    act = Act.model_validate(msgspec.to_builtins(kept, builtin_types=(type(kept.issued_on),)))
    keys = [key for one in departments.values() if one.uscc == act.body for key in one.keys]
    try:
        content = verify(act, keys)
    except ActInvalidError:
        return ActRead(act, act_name(act.kind), False, {}, (), None)
    sealed = _sealed(fact, facts.values())
    text = None
    if unseal is not None and sealed is not None and digest(sealed[1]) in _digests(content):
        text = unseal(*sealed)
    hidden = _FOR_PROGRAMS | {"says"}
    lines = [(name, value) for name, value in _ordered(content) if not _is_digest(name) and name not in hidden]
    rows = tuple(_row(name, value, departments, item) for name, value in lines) + _says(content, item)
    return ActRead(act, act_name(act.kind), True, content, rows, text)


def _sealed(fact: Fact, facts: Iterable[Fact]) -> tuple[str, str] | None:
    """(field, sealed text) of the reason or message that belongs to the act."""
    match fact.data:
        case said.Noticed(message=message):
            earlier = [one for one in facts if isinstance(one.data, said.Noticed) and _place(one) < _place(fact)]
            return f"{NOTICE_FIELD}/{1 + len(earlier)}", message
        case said.NotAccepted(reason=reason):
            return NON_ACCEPTANCE_FIELD, reason
        case said.CorrectionRequested(step=step, message=message):
            return correction_field(step), message
        case said.Refused(step=step, reason=reason):
            return refusal_field(step), reason
        case said.Extended(step=maybe, reason=reason):
            return extension_field(maybe), reason
        case said.Annulled(step=step, reason=reason):
            return annulment_field(step), reason
        case said.AppealDecided(step=step, text=text):
            return appeal_decision_field(step), text
    return None


def _place(fact: Fact) -> tuple[Any, str]:
    return fact.time, fact.id


def _is_digest(name: str) -> bool:
    return name == "texts" or name.endswith("_sha256")


def _digests(content: JsonObject) -> set[str]:
    found: set[str] = set()
    for name, value in content.items():
        if _is_digest(name):
            found.update(map(str, value) if isinstance(value, list) else [str(value)])
    return found


def _ordered(content: JsonObject) -> list[tuple[str, Any]]:
    """The lines in the order of their labels; what has none stands last. Nothing is said of what is absent."""
    order = {name: place for place, name in enumerate(_LABELS)}
    lines = [(name, value) for name, value in content.items() if value not in (None, [], "")]
    return sorted(lines, key=lambda line: (order.get(line[0], len(order)), line[0]))


def _row(name: str, value: Any, departments: Mapping[str, Department], item: Item | None) -> Row:
    label = _LABELS.get(name, Words(zh=name, en=name))
    if isinstance(value, bool):
        return Row(label, YES_NO[value])
    if isinstance(value, dict) and value.keys() == {"number", "unit"}:
        return Row(label, limit_shown(value["number"], value["unit"]).words)
    if isinstance(value, list):
        words = [_named(name, str(one), departments, item) for one in value]
        return Row(label, Words(zh="、".join(one.zh for one in words), en=", ".join(one.en for one in words)))
    words_of_value = _named(name, str(value), departments, item)
    return Row(label, words_of_value, code=name in ("number", "body"))


def _says(content: JsonObject, item: Item | None) -> tuple[Row, ...]:
    """What a grant says beyond yes, by the names that its item gives."""
    step, said = content.get("step"), content.get("says")
    if not isinstance(said, dict):
        return ()
    known = item is not None and isinstance(step, str) and item.has_step(step)
    form = (item.step(step).grant if known and item is not None and isinstance(step, str) else None) or NOTHING
    return tuple(
        Row(Words(zh=form.label(name).zh, en=form.label(name).en), _value(form, name, value))
        for name, value in sorted(said.items(), key=lambda one: [*form.fields, one[0]].index(one[0]))
    )


def _value(form: Form, name: str, value: Any) -> Words:
    if isinstance(value, bool):
        return YES_NO[value]
    label = form.fields.get(name, {}).get("x-labels", {}).get(str(value))
    return Words(zh=str(value), en=str(value)) if label is None else Words(zh=label["zh"], en=label["en"])


def _named(name: str, value: str, departments: Mapping[str, Department], item: Item | None) -> Words:
    """The value by its name, where it stands for something that has one."""
    if name == "kind":
        return act_name(value)
    if name in _WORDED:
        return _VALUES.get(value, Words(zh=value, en=value))
    if name == "basis":
        return _basis(value, item)
    text: Text | None = None
    if name == "department" and value in departments:
        text = departments[value].name
    if item is not None:
        if name == "item" and value == item.code:
            text = item.name
        elif name == "step" and item.has_step(value):
            text = item.step(value).name
        elif name in ("materials", "promised") and (material := item.material(value)) is not None:
            text = material.name
        elif name == "fields" and value in item.form.fields:
            text = item.form.label(value)
        elif name == "procedure":
            declared = (step.procedure(value) for step in item.steps)
            text = next((one.name for one in declared if one is not None), None)
    return Words(zh=value, en=value) if text is None else Words(zh=text.zh, en=text.en)


def _basis(value: str, item: Item | None) -> Words:
    """A basis in both languages. Acts are signed in Chinese; the item of the case says the same in English."""
    known = () if item is None else (one for step in item.steps for one in step.basis)
    return next((both for one in known if (both := basis_cited(one)).zh == value), Words(zh=value, en=value))
