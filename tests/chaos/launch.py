"""``python -m tests.chaos.launch <package> [arguments]``: a service, with the campaign's failures put into it.

Environment: ``CHAOS_FLAKY`` is the share of handler runs that fail (so that parking and retries are part of every campaign);
``CHAOS_SABOTAGE`` names a deliberate defect of `tests.chaos.sabotage`, which the checker must catch.
"""

import os
import random
import runpy
import sys
from collections.abc import Sequence

from tongban_runtime.database import Tx
from tongban_runtime.outcome import Outcome
from tongban_runtime.registry import HandlerFunction, Registry, Replay
from tongban_schemas.envelope import Event, EventData

from tests.chaos import sabotage


class FlakyError(Exception):
    """A handler failed for no reason of its own."""


def make_handlers_flaky(share: float) -> None:
    """Every handler registered from now on fails in ``share`` of its runs, after its work and before the commit."""
    add = Registry.add

    def flaky(function: HandlerFunction) -> HandlerFunction:
        async def run(tx: Tx, events: Sequence[Event]) -> Outcome:
            outcome = await function(tx, events)
            if random.random() < share:  # noqa: S311 - a share, not a secret
                raise FlakyError
            return outcome

        return run

    def add_flaky(
        self: Registry,
        function: HandlerFunction,
        *types: type[EventData],
        name: str,
        replay: Replay,
        description: str | None,
    ) -> None:
        add(self, flaky(function), *types, name=name, replay=replay, description=description)

    Registry.add = add_flaky  # type: ignore[method-assign]


def main() -> None:
    package = sys.argv[1]
    make_handlers_flaky(float(os.environ.get("CHAOS_FLAKY", "0")))
    if defect := os.environ.get("CHAOS_SABOTAGE"):
        sabotage.commit(defect)
    sys.argv = [package, *sys.argv[2:]]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
