"""Every log event, span and metric name of Tongban. Nothing else may be logged or measured; docs are made from here."""

from typing import Literal

LogEvent = Literal[
    "service.started",
    "service.stopped",
    "service.component-failed",
    "service.stalled",
    "http.request-failed",
    "relay.leader",
    "relay.leadership-lost",
    "relay.rebuilt",
    "consumer.assigned",
    "consumer.gap",
    "consumer.repositioned",
    "consumer.fenced",
    "consumer.batch-split",
    "consumer.engine-unavailable",
    "consumer.ignored",
    "parked.record",
    "parked.key",
    "parked.released",
    "parked.limit",
    "view.repositioned",
    "view.rebuilt",
    "certificate.issued",
    "certificate.failed",
    "notification.sent",
    "notification.failed",
    "notification.retry",
]

SpanName = Literal["apply", "correct", "withdraw", "decide", "process", "issue", "notify"]

MetricName = Literal[
    "tongban.events.handled",
    "tongban.events.ignored",
    "tongban.events.parked",
    "tongban.events.published",
    "tongban.view.folded",
]

MESSAGES: dict[LogEvent, str] = {
    "service.started": "The service runs.",
    "service.stopped": "The service stopped in order.",
    "service.component-failed": "A part of the service failed; the process ends so that it is restarted.",
    "service.stalled": "A part of the service made no progress for too long; the process ends so that it is restarted.",
    "http.request-failed": "A request failed inside the service.",
    "relay.leader": "This relay leads: it alone publishes the outbox.",
    "relay.leadership-lost": "Another relay leads now.",
    "relay.rebuilt": "The producer broke and was built anew; unsent rows are read again.",
    "consumer.assigned": "Partitions were assigned and claimed.",
    "consumer.gap": "Records are missing before this offset; the consumer goes back.",
    "consumer.repositioned": "The consumer went to the position that the database holds.",
    "consumer.fenced": "Another instance claimed the partition; this one lets go.",
    "consumer.batch-split": "A batch failed and is retried in halves, down to single events.",
    "consumer.engine-unavailable": "The database or the broker does not answer; the batch is read again.",
    "consumer.ignored": "A record of an unknown type was passed over.",
    "parked.record": "A record that is no readable event was set aside.",
    "parked.key": "An event cannot be handled; its key waits.",
    "parked.released": "A parked key was handled in order and flows again.",
    "parked.limit": "Too many keys were parked in a short time; the consumer stops.",
    "view.repositioned": "The view's worker starts from the position that the database holds.",
    "view.rebuilt": "A new generation of the view was built from the first event.",
    "certificate.issued": "A certificate was signed and stored.",
    "certificate.failed": "A certificate could not be made; it stays due.",
    "notification.sent": "A message was handed over.",
    "notification.failed": "A message cannot be handed over, for good.",
    "notification.retry": "A message could not be handed over now; it is tried again.",
}
