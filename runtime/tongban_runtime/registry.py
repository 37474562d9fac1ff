"""Which handler answers which event, and what it does on replay."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from tongban_schemas.envelope import Event, EventData

from tongban_runtime.database import Tx
from tongban_runtime.outcome import Outcome

HandlerFunction = Callable[[Tx, Sequence[Event]], Awaitable[Outcome]]


class Replay(StrEnum):
    """What happens when old events are handled again. Every handler says so; there is no default."""

    SAFE = "safe"
    """Running it again over old events changes nothing that is already true."""
    FORBIDDEN = "forbidden"
    """It must not run again over old events."""


@dataclass(frozen=True, slots=True)
class Handler:
    name: str
    types: tuple[type[EventData], ...]
    function: HandlerFunction
    replay: Replay
    description: str


class Registry:
    """The handlers of one consumer. Two handlers never share a type."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []
        self.models: dict[str, type[EventData]] = {}
        self._by_type: dict[str, Handler] = {}

    def add(
        self, function: HandlerFunction, *types: type[EventData], name: str, replay: Replay, description: str | None
    ) -> None:
        """Registers a handler. Its description must say, on lines of their own, ``Duplicates:`` and ``Failure:``."""
        if description is None or "Duplicates:" not in description or "Failure:" not in description:
            raise ValueError(f"handler {name}: the docstring needs the lines 'Duplicates:' and 'Failure:'")
        handler = Handler(name, types, function, replay, description)
        for model in types:
            if model.TYPE in self._by_type:
                raise ValueError(f"{model.TYPE} has two handlers: {self._by_type[model.TYPE].name} and {name}")
            self._by_type[model.TYPE] = handler
            self.models[model.TYPE] = model
        self.handlers.append(handler)

    def topics(self) -> set[str]:
        return {model.TOPIC for model in self.models.values()}

    def handler_of(self, event_type: str) -> Handler:
        return self._by_type[event_type]
