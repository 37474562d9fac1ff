"""Proofs that are fetched instead of asked for: which count, what a decision may rest on, and what it has to wait for.

Grades: 国办函〔2016〕108号. A proof that the applicant uploaded supports no decision until a clerk has compared it with the
original.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Literal
from uuid import UUID

from tongban_catalog.item import Item, asked_materials
from tongban_catalog.parts import Step
from tongban_catalog.proofs import Proof, undecided
from tongban_catalog.speakers import seen_materials
from tongban_schemas.types import JsonObject

EvidenceGap = Literal["evidence-outstanding", "evidence-unchecked", "evidence-withdrawn", "evidence-missing"]
ObjectionStage = Literal["negotiation", "mediation"]

_NEXT_STAGE: Mapping[str | None, ObjectionStage] = {"answer": "negotiation", "negotiation": "mediation"}
_NOT_FETCHED = frozenset({"not-recorded", "refused", "failed"})


def seen_proofs(known: Mapping[str, Proof], item: Item, step: Step) -> list[Proof]:
    """The proofs that the step looks at, in the item's order of materials."""
    return [known[name] for name in seen_materials(item, step) if name in known]


def outstanding(
    known: Mapping[str, Proof],
    item: Item,
    step: Step,
    brought: AbstractSet[str] = frozenset(),
    announced: AbstractSet[str] = frozenset(),
) -> list[str]:
    """The materials of the step for which a source has still to answer.

    Also one, unless it was ``brought``, of which another proof on its way will tell whether, and of whom, it is asked; and
    one that the application ``announced``, of which nothing was read yet.
    """
    if not known and not announced:
        return []
    open_still = (undecided(known, item) - brought) | (announced - known.keys())
    return [
        name
        for name in seen_materials(item, step)
        if name in open_still or ((proof := known.get(name)) is not None and proof.pending)
    ]


def gap(
    known: Mapping[str, Proof],
    item: Item,
    step: Step,
    answers: JsonObject,
    brought: AbstractSet[str],
    announced: AbstractSet[str],
) -> tuple[EvidenceGap, list[str]] | None:
    """Why the step may not be granted yet, and for which materials; None when its proofs carry the decision.

    ``brought``: what the applicant handed in or promised instead. A proof that nobody asks for any more is no gap.
    ``announced``: see `outstanding`.
    """
    if waiting := outstanding(known, item, step, brought, announced):
        return "evidence-outstanding", waiting
    if not known:
        return None
    seen = seen_proofs(known, item, step)
    if unchecked := [one.material for one in seen if one.state == "uploaded" and not one.usable]:
        return "evidence-unchecked", unchecked
    asked = {one.id for one in asked_materials(item, answers)} - brought
    if withdrawn := [one.material for one in seen if one.withdrawn and one.material in asked]:
        return "evidence-withdrawn", withdrawn
    missing = [one.material for one in seen if one.state in _NOT_FETCHED and one.material in asked]
    return ("evidence-missing", missing) if missing else None


def supporting(known: Mapping[str, Proof], item: Item, step: Step) -> list[UUID]:
    """The facts about proofs that a decision of the step looks at: what was given, and what changed since."""
    found = []
    for one in seen_proofs(known, item, step):
        if one.usable and one.fact is not None:
            found.append(UUID(one.fact))
        found += [UUID(correction.event) for correction in one.corrections]
    return found


def objection_stage(proof: Proof) -> ObjectionStage | None:
    """What may be asked for after a refusal: first negotiation, then mediation, once each; None for no refusal or the last."""
    return _NEXT_STAGE.get(proof.refused_at_stage) if proof.state == "refused" else None


def fetched_materials(known: Mapping[str, Proof], announced: AbstractSet[str]) -> frozenset[str]:
    """The materials that a source gave or has still to give, or that a rule stands in for: nobody may be asked for them."""
    return frozenset(announced - known.keys()).union(
        name
        for name, one in known.items()
        if one.pending or (one.state in ("provided", "substituted") and not one.withdrawn)
    )


def supplied_answers(known: Mapping[str, Proof], item: Item) -> frozenset[str]:
    """The answers that came from a source: the applicant disputes them there, and does not change them here."""
    given = {(one.material, one.resource) for one in known.values() if one.state == "provided" and not one.withdrawn}
    return frozenset(name for one in item.sources if (one.material, one.resource) in given for name in one.supplies)


def correctable_fields(known: Mapping[str, Proof], item: Item) -> frozenset[str]:
    """The answers that an applicant may be asked to correct: none that decides the course of the case or that a source gave."""
    return frozenset(item.form.fields) - item.deciding_fields - supplied_answers(known, item)
