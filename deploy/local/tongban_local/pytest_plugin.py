"""Pytest fixture `engines`: real Kafka and PostgreSQL for the session, named at the end of the report.

Use: `pytest_plugins = ["tongban_local.pytest_plugin"]` in the root conftest.
"""

from collections.abc import Iterator

import pytest

from tongban_local.progress import silent
from tongban_local.provider import Engines, provide_engines

_USED = pytest.StashKey[Engines]()


@pytest.fixture(scope="session")
def engines(pytestconfig: pytest.Config) -> Iterator[Engines]:
    """Kafka and PostgreSQL, shared by the session; the tests fail, and say what to install, when there are none."""
    with provide_engines(announce=silent) as provided:
        pytestconfig.stash[_USED] = provided
        yield provided


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which engines the tests ran on."""
    used = config.stash.get(_USED, None)
    if used is not None:
        terminalreporter.write_line(f"引擎 engines: {used}")
