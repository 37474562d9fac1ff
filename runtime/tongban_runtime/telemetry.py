"""Traces and metrics by OpenTelemetry, with W3C trace context in the ``traceparent`` of every event."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tongban_runtime.vocabulary import MetricName, SpanName

if TYPE_CHECKING:
    from tongban_runtime.settings import RuntimeSettings

_propagator = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("tongban")
_counters: dict[MetricName, metrics.Counter] = {}
_gauges: dict[MetricName, metrics._Gauge] = {}


class SpanFile(SpanExporter):
    """Appends spans to a file, one JSON object a line: what a machine without a collector has."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._path.open("a", encoding="utf-8") as file:
            for span in spans:
                file.write(json.dumps(_as_row(span)) + "\n")
        return SpanExportResult.SUCCESS


def _as_row(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    return {
        "trace_id": f"{context.trace_id:032x}" if context else None,
        "span_id": f"{context.span_id:016x}" if context else None,
        "parent_id": f"{span.parent.span_id:016x}" if span.parent else None,
        "service": span.resource.attributes.get("service.name"),
        "name": span.name,
        "start": span.start_time,
        "end": span.end_time,
        "attributes": dict(span.attributes or {}),
    }


def configure(settings: "RuntimeSettings") -> None:
    """Sets up this process's traces and metrics; without a collector or a file they go nowhere."""
    resource = Resource.create({"service.name": settings.instance, "service.instance.id": settings.replica})
    provider = TracerProvider(resource=resource, sampler=ParentBasedTraceIdRatio(settings.trace_ratio))
    if settings.trace_file is not None:
        provider.add_span_processor(BatchSpanProcessor(SpanFile(settings.trace_file), schedule_delay_millis=500))
    if settings.otlp_endpoint is not None:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.otlp_endpoint}/v1/traces")))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{settings.otlp_endpoint}/v1/metrics"))
        metrics.set_meter_provider(MeterProvider(resource=resource, metric_readers=[reader]))
    trace.set_tracer_provider(provider)


def shutdown() -> None:
    """Writes out the spans that still wait."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.shutdown()


def count(name: MetricName, amount: int = 1, **attributes: str) -> None:
    if name not in _counters:
        _counters[name] = metrics.get_meter("tongban").create_counter(name)
    _counters[name].add(amount, attributes)


def gauge(name: MetricName, value: float, **attributes: str | int) -> None:
    """The value that holds from now on."""
    if name not in _gauges:
        _gauges[name] = metrics.get_meter("tongban").create_gauge(name)
    _gauges[name].set(value, attributes)


def _parent(traceparent: str | None) -> Context | None:
    return _propagator.extract({"traceparent": traceparent}) if traceparent else None


def format_traceparent(span: Span) -> str | None:
    """The W3C ``traceparent`` of a span, or None when there is no trace."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def span(name: SpanName, traceparent: str | None = None, **attributes: str) -> Iterator[Span]:
    """A span of this process, current inside the block; its parent comes from ``traceparent``."""
    with _tracer.start_as_current_span(
        name, _parent(traceparent), kind=SpanKind.SERVER, attributes=attributes, record_exception=False
    ) as current:
        yield current


def start_span(name: SpanName) -> Span:
    """The first span of a request's trace, not made current: cheaper where it is made thousands of times a second.

    The caller ends it.
    """
    return _tracer.start_span(name, Context(), kind=SpanKind.SERVER)


def is_recorded(traceparent: str | None) -> TypeGuard[str]:
    """Whether a trace is recorded: its sampled flag (W3C Trace Context, section 3.2.2.5)."""
    return traceparent is not None and traceparent[-1:] in tuple("13579bdf")


def start_process_span(event_type: str, subject: str, traceparent: str | None) -> Span:
    """The span of handling one event. The caller ends it."""
    return _tracer.start_span(
        "process",
        _parent(traceparent),
        kind=SpanKind.CONSUMER,
        attributes={"messaging.system": "kafka", "tongban.event.type": event_type, "tongban.subject": subject},
    )
