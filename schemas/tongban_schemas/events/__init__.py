"""Every event of Tongban, by type. A new one is added to its module's ``EVENTS`` and nowhere else."""

from tongban_schemas.envelope import EventData
from tongban_schemas.events import applications, approvals, catalog, certificates, notifications

EVENTS: dict[str, type[EventData]] = {
    model.TYPE: model
    for module in (applications, approvals, catalog, certificates, notifications)
    for model in module.EVENTS
}

__all__ = ["EVENTS", "applications", "approvals", "catalog", "certificates", "notifications"]
