"""What intake says about an application."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import ItemRef, JsonObject, Language, Sealed

TOPIC = "tongban.applications.v1"


class ApplicationSubmitted(EventData):
    """A person or a company applied. Personal answers travel sealed, the others in the clear."""

    TYPE: ClassVar[str] = "cn.tongban.application.submitted.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    applicant: UUID = Field(description="The applicant's pseudonym; never a personal number.")
    region: str = Field(pattern=r"^[0-9]{6}$", description="GB/T 2260 code of the receiving place.")
    language: Language = "zh"
    answers: JsonObject = Field(default_factory=dict, description="Answers that are not personal.")
    sealed: dict[str, Sealed] = Field(default_factory=dict, description="Personal answers, by field.")


class ApplicationAccepted(EventData):
    """The application is complete and the deciding clock starts."""

    TYPE: ClassVar[str] = "cn.tongban.application.accepted.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    deemed: bool = Field(default=False, description="Accepted because nobody answered in time.")


class ApplicationCorrected(EventData):
    """The applicant answered a correction request."""

    TYPE: ClassVar[str] = "cn.tongban.application.corrected.v1"
    TOPIC: ClassVar[str] = TOPIC

    request: UUID = Field(description="The id of the correction request that this answers.")
    answers: JsonObject = Field(default_factory=dict)
    sealed: dict[str, Sealed] = Field(default_factory=dict)


class ApplicationWithdrawn(EventData):
    """The applicant took the application back."""

    TYPE: ClassVar[str] = "cn.tongban.application.withdrawn.v1"
    TOPIC: ClassVar[str] = TOPIC


EVENTS: tuple[type[EventData], ...] = (
    ApplicationSubmitted,
    ApplicationAccepted,
    ApplicationCorrected,
    ApplicationWithdrawn,
)
