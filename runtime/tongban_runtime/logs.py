"""Structured logs: one JSON object a line, by id, never a payload."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from tongban_runtime.vocabulary import MESSAGES, LogEvent

_logger = logging.getLogger("tongban")


class _JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": getattr(record, "tongban_event", record.name),
            "message": record.getMessage(),
            **getattr(record, "tongban_fields", {}),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            line["trace_id"] = f"{span.trace_id:032x}"
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["stack"] = _stack(record)
        return json.dumps(line, ensure_ascii=False, default=str)


def _stack(record: logging.LogRecord) -> list[str]:
    """Where it failed, without the exception's text: texts can quote data."""
    frames: list[str] = []
    frame = record.exc_info[2] if record.exc_info else None
    while frame is not None:
        code = frame.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{frame.tb_lineno} {code.co_name}")
        frame = frame.tb_next
    return frames[-8:]


def configure(service: str) -> None:
    """Logs of this process go to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(service))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _logger.setLevel(logging.INFO)


def info(event: LogEvent, **fields: object) -> None:
    _logger.info(MESSAGES[event], extra={"tongban_event": event, "tongban_fields": fields})


def warning(event: LogEvent, *, error: BaseException | None = None, **fields: object) -> None:
    _logger.warning(MESSAGES[event], exc_info=error, extra={"tongban_event": event, "tongban_fields": fields})
