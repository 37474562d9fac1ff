"""Where the answers of a form come from: asked of the person, fetched with a proof, or still on their way. Pure.

A person is not asked for what a register can say (State Council Provisions on Online Government Services, art. 7). So their own
word for such an answer counts only once the register has been asked and could not say it.

What a register gave is never the person's fault. It is taken as it is, also when nobody could type it so (a name that is too
long for the form); what the flow cannot work with (no choice of the form, another type) is not taken, and the person answers.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tongban_catalog.form import FieldError
from tongban_catalog.item import Item, Source, form_errors, sources_of, undecided_materials
from tongban_catalog.proofs import Proof
from tongban_schemas.types import JsonObject


@dataclass(frozen=True, slots=True)
class Fetched:
    """One answer that a proof supplies. ``value`` is the answer in the clear, or ``sealed`` holds it, under ``field``.

    ``resource_field`` is the register's name of it, ``at`` when the source gave it.
    """

    answer: str
    material: str
    resource_field: str
    provider: str
    at: datetime
    value: Any = None
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers of a case. ``plain`` are those in the clear that count now, ``fetched`` those that proofs supply.

    ``awaited`` are answers on their way, with the source that is to supply them; ``given_up`` those that a source was asked for
    in vain, so that the person answers after all.
    """

    plain: JsonObject
    fetched: Mapping[str, Fetched]
    awaited: Mapping[str, Source]
    given_up: frozenset[str]


def source_of(item: Item, proof: Proof) -> Source | None:
    """The item's source that a proof was asked of, or None."""
    return next(
        (one for one in item.sources if one.material == proof.material and one.resource == proof.resource),
        None,
    )


def answered(
    item: Item,
    own: Mapping[str, Any],
    proofs: Mapping[str, Proof],
    on: date | None = None,
    exhausted: frozenset[str] = frozenset(),
    unusable: frozenset[tuple[str, str]] = frozenset(),
) -> Answered:
    """The answers of a case from the person's own ones in the clear and from its proofs.

    ``on`` is the day in China, ``exhausted`` are the materials that are not asked for any more, ``unusable`` the sealed values,
    by material and answer, that the flow cannot work with.
    """
    fetched = _fetched(item, proofs, unusable)
    supplied = item.supplied
    plain: JsonObject = {name: value for name, value in own.items() if name not in supplied}
    plain |= {name: one.value for name, one in fetched.items() if one.sealed is None}
    while True:
        awaited = _awaited(item, plain, proofs, fetched, on, exhausted)
        opened = {name: own[name] for name in (supplied & own.keys()) - fetched.keys() - awaited.keys() - plain.keys()}
        if not opened:
            break
        plain |= opened
    given_up = frozenset(
        name for name in supplied - fetched.keys() - awaited.keys() if _was_asked_in_vain(item, name, proofs, exhausted)
    )
    return Answered(plain, fetched, awaited, given_up)


def standing_proofs(item: Item, proofs: Mapping[str, Proof]) -> Iterator[tuple[Source, Proof]]:
    """The item's sources whose proof was provided and holds."""
    for source in item.sources:
        proof = proofs.get(source.material)
        if proof is None or proof.state != "provided" or proof.resource != source.resource or proof.provider is None:
            continue
        if not proof.withdrawn:
            yield source, proof


def usable(item: Item, answer: str, value: object) -> bool:
    """Whether the flow can work with a value that a register gave for an answer."""
    return not _broken(item, answer, value, {answer})


def fits(item: Item, answer: str, value: object) -> bool:
    """Whether a person could type the value that a register gave."""
    return not _broken(item, answer, value, ())


def _broken(item: Item, answer: str, value: object, given: Collection[str]) -> bool:
    return any(error["field"] == answer for error in form_errors(item, {answer: value}, given))


def _fetched(item: Item, proofs: Mapping[str, Proof], unusable: frozenset[tuple[str, str]]) -> dict[str, Fetched]:
    """What proofs supply; where two supply the same answer, the item's first source does."""
    found: dict[str, Fetched] = {}
    for source, proof in standing_proofs(item, proofs):
        for answer, name in source.supplies.items():
            if (source.material, answer) in unusable:
                continue
            if name in proof.values and not usable(item, answer, proof.values[name]):
                continue
            if answer not in found and (name in proof.values or name in proof.sealed):
                found[answer] = Fetched(
                    answer=answer,
                    material=source.material,
                    resource_field=name,
                    provider=proof.provider or "",
                    at=proof.at,
                    value=proof.values.get(name),
                    sealed=proof.sealed.get(name),
                )
    return found


def _awaited(
    item: Item,
    plain: JsonObject,
    proofs: Mapping[str, Proof],
    fetched: Mapping[str, Fetched],
    on: date | None,
    exhausted: frozenset[str],
) -> dict[str, Source]:
    asked = sources_of(item, plain, on)
    undecided = undecided_materials(item, plain)
    found: dict[str, Source] = {}
    for source in item.sources:
        proof = proofs.get(source.material)
        if proof is not None and proof.state == "substituted":
            continue
        if proof is not None and proof.resource == source.resource:
            coming = proof.pending
        else:
            coming = source.material not in exhausted and (
                source in asked or (source.material in undecided and proof is None)
            )
        if coming:
            found |= {name: source for name in source.supplies if name not in fetched and name not in found}
    return found


def _was_asked_in_vain(item: Item, answer: str, proofs: Mapping[str, Proof], exhausted: frozenset[str]) -> bool:
    for source in item.sources:
        proof = proofs.get(source.material)
        if proof is None or answer not in source.supplies:
            continue
        if proof.resource == source.resource or source.material in exhausted:
            return True
    return False


def filled(
    item: Item, own: Mapping[str, Any], told: Answered, opened: Mapping[str, Any], today: date | None = None
) -> tuple[JsonObject, list[FieldError]]:
    """(the answers with the fetched ones filled in, what is wrong with them by field).

    ``own`` are all answers of the person, ``opened`` the fetched ones in the clear. A person's own word beside a fetched answer
    is wrong unless it is the same; one for an answer on its way is not taken.
    """
    answers = {**own, **opened}
    errors: dict[str, FieldError] = {}
    for name, value in opened.items():
        if name in own and own[name] != value:
            zh, en = item.form.label(name).zh, item.form.label(name).en
            errors[name] = FieldError(
                field=name,
                message_zh=f"“{zh}”已由数据源提供，不必填写；如有误，请对该证明提出异议。",
                message_en=f"“{en}” was fetched: do not fill it in; if it is wrong, dispute the proof instead.",
            )
    for name, source in told.awaited.items():
        if name in own or name in item.form.required:
            label, material = item.form.label(name), item.material(source.material)
            zh, en = (source.material, source.material) if material is None else (material.name.zh, material.name.en)
            errors[name] = FieldError(
                field=name,
                message_zh=f"“{label.zh}”正随“{zh}”从数据源获取，不必填写，请稍候。",
                message_en=f"“{label.en}” is being fetched with “{en}”: do not fill it in, wait for it.",
            )
    found = [error for error in form_errors(item, answers, opened, today) if error["field"] not in errors]
    return answers, [*errors.values(), *found]


def typed(item: Item, name: str, text: str) -> Any:
    """An answer from the text that a personal value is sealed as, in the type that the form wants; else the text."""
    with suppress(ValueError):
        match item.form.fields.get(name, {}).get("type"):
            case "boolean" if text in ("true", "false"):
                return text == "true"
            case "integer":
                return int(text)
            case "number":
                return float(text)
    return text
