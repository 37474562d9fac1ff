"""Every event of Tongban, by type. A new one is added to its module's ``EVENTS`` and nowhere else."""

from tongban_schemas.envelope import EventData
from tongban_schemas.events import access, applications, approvals, catalog, certificates, evidence, notifications

EVENTS: dict[str, type[EventData]] = {
    model.TYPE: model
    for module in (applications, evidence, approvals, certificates, access, notifications, catalog)
    for model in module.EVENTS
}

__all__ = ["EVENTS", "access", "applications", "approvals", "catalog", "certificates", "evidence", "notifications"]
