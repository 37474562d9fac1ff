"""Which keys a certificate needs: to be made, and to be handed to its holder. Its file lies sealed."""

from typing import Final
from uuid import UUID

from tongban_catalog.item import Item
from tongban_runtime.keys import KeyRequest
from tongban_schemas.envelope import event_id
from tongban_schemas.events.approvals import ApprovalGranted, grant_field
from tongban_schemas.events.certificates import CertificateIssued

from tongban_certificates.domain import CaseFacts
from tongban_certificates.store import CertificateRow

NOBODY_SHOWN: Final = "＊"
"""What stands for the holder when the case was erased."""


def file_field(number: str) -> str:
    """The field under which a certificate's file is sealed."""
    return f"certificate/{number}"


def issued_id(row: CertificateRow) -> UUID:
    """The id of the event that says that it was issued, known before it is made: the file is sealed for that event."""
    return event_id(CertificateIssued.TYPE, str(row.application), row.kind, str(row.edition))


def to_make(row: CertificateRow, case: CaseFacts | None, item: Item) -> KeyRequest:
    """What is needed to make a certificate: the holder's name and code and what grants say, where sealed, and the file's key."""
    named = () if item.holder is None or case is None else (item.holder.name, item.holder.code)
    fields = {field for field in named if field is not None and case is not None and field in case.sealed}
    fields |= {
        grant_field(one.data.step, name)
        for one in (() if case is None else case.events)
        if isinstance(one.data, ApprovalGranted)
        for name in one.data.sealed
    }
    return KeyRequest(row.application, "certify", frozenset({*fields, file_field(row.number)}), row.issuer)


def to_deliver(row: CertificateRow, person: UUID) -> KeyRequest:
    """What is needed to hand a certificate to its holder."""
    return KeyRequest(row.application, "deliver", frozenset({file_field(row.number)}), row.issuer, person=person)
