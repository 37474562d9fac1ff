"""What the receiving desk shows of its applications."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from tongban_schemas.types import ItemRef

from tongban_intake.domain.receiving import Colour, ReceiptState
from tongban_intake.evidence.shown import ProofDetail

MaterialState = Literal[
    "given", "promised", "missing", "not-needed", "fetched", "being-fetched", "substituted", "uploaded"
]


class Name(BaseModel):
    """The same name in Chinese and in English."""

    zh: str
    en: str


class ReceiptSummary(BaseModel):
    """An application on the receiving desk. ``due`` is absent while the time does not run."""

    application: UUID
    number: str
    item: ItemRef
    item_name: Name
    department: str
    department_name: Name
    state: ReceiptState
    received_at: datetime
    due: datetime | None = Field(description="If nothing is said until then, the application counts as accepted.")
    provisional: bool = Field(description="The due date is an estimate: the calendar of a year is missing.")
    colour: Colour


class ReceiptPage(BaseModel):
    """Applications, oldest first. ``next`` goes into ``after`` to read on; absent on the last page."""

    receipts: list[ReceiptSummary]
    next: UUID | None = None


class GivenAnswer(BaseModel):
    """One answer; a personal one is opened for the receiving body, null when it cannot be."""

    field: str
    label: Name
    value: Any
    personal: bool


class MaterialStatus(BaseModel):
    """A material of the item, and whether it came."""

    material: str
    name: Name
    state: MaterialState
    may_come_later: bool
    file: bool = Field(description="There is a file: `/v1/proofs/{application}/{material}/file`.")


class NoticeGiven(BaseModel):
    """A notice, and when it was answered."""

    request: UUID
    fields: list[str]
    materials: list[str]
    message: str | None
    at: datetime
    answered_at: datetime | None


class NonAcceptanceGround(BaseModel):
    """Why an application may be left unaccepted."""

    reason_code: str
    name: Name
    basis: list[Name]


class ReceiptDetail(ReceiptSummary):
    """An application with its answers, its materials, what registers gave instead of them, and the notices given."""

    position: int = Field(description="Intake's own count of events of this application.")
    answers: list[GivenAnswer]
    materials: list[MaterialStatus]
    notices: list[NoticeGiven]
    proofs: list[ProofDetail]
    non_acceptance_grounds: list[NonAcceptanceGround] = Field(description="On which alone it may be left unaccepted.")
