"""What an issuing body says about its certificates."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import Day, DepartmentId, ItemRef, Utc

TOPIC = "tongban.certificates.v1"


class CertificateIssued(EventData):
    """A certificate was made, signed and stored."""

    TYPE: ClassVar[str] = "cn.tongban.certificate.issued.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    kind: str = Field(pattern=r"^[0-9A-Z]{21}$", description="Certificate type code: defining body's USCC + 3 digits.")
    number: str = Field(description="The identifier, 1.2.156.3005.2.<kind>.<issuer>.<serial>.<version>.<check>.")
    issuer: DepartmentId
    pdf_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    verification: str = Field(description="Where anyone can verify it.")
    replaces: str | None = Field(default=None, description="The identifier that this one follows.")
    valid_until: Day | None = None


class CertificateRevoked(EventData):
    """A certificate no longer stands: a decision under it was annulled, or it was replaced."""

    TYPE: ClassVar[str] = "cn.tongban.certificate.revoked.v1"
    TOPIC: ClassVar[str] = TOPIC

    number: str
    issuer: DepartmentId
    cause: Literal["annulled", "replaced"]
    because: UUID = Field(description="Event id of what made it so.")


class CertificateDeliveryOverdue(EventData):
    """The certificate was not delivered within the time that runs from the decision (art. 44: ten working days)."""

    TYPE: ClassVar[str] = "cn.tongban.certificate.delivery-overdue.v1"
    TOPIC: ClassVar[str] = TOPIC

    item: ItemRef
    kind: str = Field(pattern=r"^[0-9A-Z]{21}$")
    issuer: DepartmentId
    due: Utc


EVENTS: tuple[type[EventData], ...] = (CertificateIssued, CertificateRevoked, CertificateDeliveryOverdue)
