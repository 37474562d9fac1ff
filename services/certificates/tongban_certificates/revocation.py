"""What is said when a certificate no longer stands."""

from datetime import datetime
from uuid import UUID

from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.certificates import CertificateRevoked

from tongban_certificates.store import CertificateRow, RevokedFor


def revoked(row: CertificateRow, cause: RevokedFor, because: UUID, at: datetime, traceparent: str | None) -> Event:
    """The fact that a certificate was revoked; once for each identifier. ``because``: the event that made it so."""
    subject = str(row.application)
    return Event(
        id=event_id(CertificateRevoked.TYPE, subject, row.number),
        source=f"/certificates/{row.issuer}",
        subject=subject,
        time=at,
        correlationid=row.correlation_id,
        causationid=because,
        traceparent=traceparent,
        data=CertificateRevoked(number=row.number, issuer=row.issuer, cause=cause, because=because),
    )
