"""The time to deliver a certificate, which runs from the last decision (Administrative Licensing Law art. 44)."""

from collections.abc import Collection, Mapping
from datetime import datetime

from tongban_catalog.clock import Deadline, deadline
from tongban_catalog.department import Department
from tongban_catalog.item import Item
from tongban_catalog.shelf import Shelf
from tongban_runtime import alarms, outbox
from tongban_runtime.database import Tx
from tongban_schemas.envelope import Event, event_id
from tongban_schemas.events.certificates import CertificateDeliveryOverdue
from tongban_schemas.types import ItemRef

from tongban_certificates import store
from tongban_certificates.store import CertificateRow


async def watch(
    tx: Tx,
    shelf: Shelf,
    rows: Collection[CertificateRow],
    items: Mapping[ItemRef, Item],
    departments: Mapping[str, Department],
    now: datetime,
) -> None:
    """Says once of each certificate that its time is over, in order of time, and saves the next alarm of its case.

    ``rows``: the newest certificate of each of some locked cases. The calendar is the issuing body's.
    """
    limited = [row for row in rows if items[row.item].delivery is not None]
    if not limited:
        return
    calendars = await shelf.calendars(tx)
    moments: dict[CertificateRow, Deadline] = {}
    for row in limited:
        limit = items[row.item].delivery
        if row.state == "due" and not row.overdue_told and limit is not None:
            region = departments[row.issuer].region or items[row.item].region
            moments[row] = deadline(calendars, region, row.decided_at, limit)
    over = [
        (moment.at, row)
        for row, moment in moments.items()
        if moment.at is not None and not moment.provisional and moment.at <= now
    ]
    over.sort(key=lambda one: (one[0], one[1].application))
    await outbox.publish(tx, [_overdue(row, at) for at, row in over])
    if over:
        await store.mark_overdue(tx, [row.number for _, row in over])
    told = {row.number for _, row in over}
    await alarms.save(
        tx,
        {
            row.application: moments[row].alarm if row in moments and row.number not in told else (None, False)
            for row in limited
        },
    )


def _overdue(row: CertificateRow, due: datetime) -> Event:
    subject = str(row.application)
    return Event(
        id=event_id(CertificateDeliveryOverdue.TYPE, subject, row.kind, str(row.edition)),
        source=f"/certificates/{row.issuer}",
        subject=subject,
        time=due,
        correlationid=row.correlation_id,
        causationid=row.causation_id,
        traceparent=row.traceparent,
        data=CertificateDeliveryOverdue(item=row.item, kind=row.kind, issuer=row.issuer, due=due),
    )
