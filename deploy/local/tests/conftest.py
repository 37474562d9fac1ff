"""A stack of its own for the tests that need one running."""

from collections.abc import Iterator

import pytest
from tongban_local import lifecycle
from tongban_local.progress import silent
from tongban_local.stack import Stack


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """A stack with all its engines up."""
    with lifecycle.temporary_stack("test", announce=silent) as stack:
        lifecycle.engines_up(stack, announce=silent)
        yield stack
