"""A ledger as people and programs are shown it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_catalog.department import Department
from tongban_runtime.keys import KeysRefusedError
from tongban_schemas.events.access import DOUBT_FIELD, EXPLANATION_FIELD, AccessRule

from tongban_intake.ledger.lines import Doubt, Line, LineKind
from tongban_intake.ledger.wording import Wording, purpose_words, service_words
from tongban_intake.presentation import Words
from tongban_intake.presentation.presenter import Unseal

_OFFICER = Words(zh="一名工作人员", en="an officer")
_PROGRAM = Words(zh="系统自动", en="a program by itself")


class FieldShown(BaseModel):
    """One field, by its name in the contract and in plain words."""

    name: str
    words: Words


class DoubtShown(BaseModel):
    """A doubt and what was answered. ``explained_at`` is absent while nobody has answered."""

    doubt: UUID
    at: datetime
    text: str
    explained_at: datetime | None = None
    explained_by: Words | None = None
    explanation: str | None = None


class LineShown(BaseModel):
    """One line. ``who`` did it: an officer or a program; officers stay unnamed. ``words`` says all of it in one sentence."""

    event: UUID
    at: datetime
    kind: LineKind
    service: str
    department: str | None
    department_name: Words
    who: Words
    purpose: str | None
    purpose_words: Words | None
    fields: list[FieldShown]
    step: str | None
    step_name: Words | None
    refused: str | None = Field(description="The rule by which it was turned away.")
    refused_words: Words | None
    material: str | None = None
    material_name: Words | None = None
    resource: str | None = None
    resource_name: Words | None = None
    receiver_name: Words | None = Field(default=None, description="For whom a source gave a proof.")
    basis: str | None = None
    words: Words
    doubts: list[DoubtShown]


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells the lines of one case to its owner."""

    wording: Wording
    departments: Mapping[str, Department]
    unseal: Unseal

    def line(self, line: Line) -> LineShown:
        fields = [FieldShown(name=name, words=self._field(line, name)) for name in line.fields]
        rule = rule_words(line.rule)
        return LineShown(
            event=UUID(line.event),
            at=line.at,
            kind=line.kind,
            service=line.service,
            department=line.department,
            department_name=self._who(line),
            who=_OFFICER if line.officer else _PROGRAM,
            purpose=line.purpose,
            purpose_words=None if line.purpose is None else purpose_words(line.purpose),
            fields=fields,
            step=line.step,
            step_name=self.wording.step(line.step),
            refused=line.rule,
            refused_words=rule,
            material=line.material,
            material_name=None if line.material is None else self.wording.material(line.material),
            resource=line.resource,
            resource_name=self.wording.resource(line.resource),
            receiver_name=None if line.receiver is None else self._department(line.receiver),
            basis=line.basis,
            words=self._words(line),
            doubts=[self._doubt(one) for one in line.doubts],
        )

    def _field(self, line: Line, name: str) -> Words:
        return self.wording.field(name) if line.material is None else self.wording.resource_field(line.resource, name)

    def _who(self, line: Line) -> Words:
        return service_words(line.service) if line.department is None else self._department(line.department)

    def _department(self, name: str) -> Words:
        known = self.departments.get(name)
        return Words(zh=name, en=name) if known is None else Words(zh=known.name_zh, en=known.name_en)

    def _words(self, line: Line) -> Words:
        who, purpose = self._who(line), purpose_words(line.purpose)
        match line.kind:
            case "looked":
                return Words(
                    zh=f"{who.zh}的一名工作人员查看，为了{purpose.zh}。",
                    en=f"An officer of {who.en} looked, {purpose.en}.",
                )
            case "used" if line.department is None:
                return Words(zh=f"{who.zh}自动使用，为了{purpose.zh}。", en=f"{who.en} used it, {purpose.en}.")
            case "used":
                return Words(
                    zh=f"{who.zh}的系统自动使用，为了{purpose.zh}。",
                    en=f"A program of {who.en} used it, {purpose.en}.",
                )
            case "turned-away" if line.rule == "forged-source":
                return Words(
                    zh=f"{who.zh}没有被问到，却发来“证明”，未被采用。",
                    en=f"{who.en} was not asked and sent a “proof” all the same; it was not used.",
                )
            case "turned-away" if line.rule == "not-the-applicant":
                return Words(
                    zh="有人不是申请人，却想查看您的申请或证照，已被拒绝，什么也没有看到。",
                    en="Somebody who is not the applicant tried to open it, was refused and saw nothing.",
                )
            case "turned-away":
                return Words(
                    zh=f"{who.zh}想要{purpose.zh}而查看，已被拒绝，什么也没有看到。",
                    en=f"{who.en} asked, {purpose.en}, was refused and saw nothing.",
                )
            case "erased":
                return Words(
                    zh="本件的个人数据已依规定删除，任何人都不能再打开。",
                    en="The personal data of this case were erased under a rule; nobody can open them any more.",
                )
        return self._proof_words(line, who)

    def _proof_words(self, line: Line, who: Words) -> Words:
        proof = self.wording.material(line.material or "")
        receiver = self._department(line.receiver or "")
        if line.kind == "given" and line.receiver == line.department:
            return Words(
                zh=f"{who.zh}从自己的登记中调取了“{proof.zh}”，用于办理您的申请。",
                en=f"{who.en} took “{proof.en}” from its own register, for your application.",
            )
        if line.kind == "given":
            return Words(
                zh=f"{who.zh}把“{proof.zh}”提供给{receiver.zh}。",
                en=f"{who.en} gave “{proof.en}” to {receiver.en}.",
            )
        if line.withdrawn:
            return Words(
                zh=f"{who.zh}告知{receiver.zh}：“{proof.zh}”所依据的登记已注销。",
                en=f"{who.en} told {receiver.en} that the record behind “{proof.en}” is gone.",
            )
        return Words(
            zh=f"{who.zh}把“{proof.zh}”的更正告知{receiver.zh}。",
            en=f"{who.en} told {receiver.en} of a correction of “{proof.en}”.",
        )

    def _doubt(self, doubt: Doubt) -> DoubtShown:
        return DoubtShown(
            doubt=UUID(doubt.id),
            at=doubt.at,
            text=self.unseal(DOUBT_FIELD, doubt.text),
            explained_at=doubt.explained_at,
            explained_by=None if doubt.explained_by is None else self._department(doubt.explained_by),
            explanation=None if doubt.explanation is None else self.unseal(EXPLANATION_FIELD, doubt.explanation),
        )


def rule_words(rule: str | None) -> Words | None:
    """Why somebody was turned away; a rule that is not known goes by its code."""
    if rule is None:
        return None
    known: dict[str, AccessRule] = {str(one): one for one in get_args(AccessRule)}
    if rule not in known:
        return Words(zh=rule, en=rule)
    told = KeysRefusedError(known[rule])
    return Words(zh=told.zh, en=told.en)
