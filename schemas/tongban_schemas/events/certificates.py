"""What an issuing body says about its certificates."""

from typing import ClassVar

from pydantic import Field

from tongban_schemas.envelope import EventData
from tongban_schemas.types import DepartmentId, ItemRef

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


EVENTS: tuple[type[EventData], ...] = (CertificateIssued,)
