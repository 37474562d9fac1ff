"""Pytest fixture `engines`: real Kafka and PostgreSQL for the session, named at the end of the report.

Use: `pytest_plugins = ["tongban_local.pytest_plugin"]` in the root conftest.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tongban_local.progress import silent
from tongban_local.provider import Engines, provide_engines

_USED = pytest.StashKey[Engines]()
_NAMED = pytest.StashKey[set[str]]()
_ENGINES = "tongban_engines"


@pytest.fixture(scope="session")
def engines(pytestconfig: pytest.Config) -> Iterator[Engines]:
    """Kafka and PostgreSQL, shared by the session; the tests fail, and say what to install, when there are none."""
    with provide_engines(announce=silent) as provided:
        pytestconfig.stash[_USED] = provided
        yield provided


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that runs a part of the tests tells the one that reports which engines it used."""
    used = session.config.stash.get(_USED, None)
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None and used is not None:
        output[_ENGINES] = str(used)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    named = getattr(node, "workeroutput", {}).get(_ENGINES)
    if named is not None:
        node.config.stash.setdefault(_NAMED, set()).add(named)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which engines the tests ran on."""
    used = config.stash.get(_USED, None)
    for named in sorted(config.stash.get(_NAMED, set()) | ({str(used)} if used is not None else set())):
        terminalreporter.write_line(f"引擎 engines: {named}")
