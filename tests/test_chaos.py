"""The fault campaign in its short form, and the proof that its checker can fail."""

import os
import sys
from collections.abc import Iterator

import pytest
from tongban_local.lifecycle import engines_up, temporary_stack
from tongban_local.progress import silent
from tongban_local.stack import Stack

from tests.chaos.__main__ import SHORT, campaign, probe
from tests.chaos.sabotage import SABOTAGES

pytestmark = pytest.mark.alone

SEED = 20260302
_ALWAYS = ("position_before_effects", "outbox_row_dropped")
"""The two defects that lose what was promised; `make chaos` commits all of them."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Engines that may be killed, apart from those of the other tests."""
    with temporary_stack("chaos", announce=silent) as found:
        engines_up(found, announce=silent)
        yield found


@pytest.mark.timeout(420)
async def test_short_campaign(stack: Stack) -> None:
    """Every service and relay is killed and frozen, Kafka is killed, PostgreSQL restarted: nothing lost, nothing doubled.

    Proofs are fetched, corrected at their sources and disputed meanwhile: each request has one end, each correction reaches
    everybody who was given the record, once.
    """
    report = await campaign(stack, SHORT, SEED)
    sys.stdout.write(f"{report}\n")
    assert report.violations == [], str(report)
    assert report.submitted == report.finished == SHORT.cases + SHORT.enrolments
    assert min(report.proofs.values()) > 0, str(report)
    assert report.view_hash == report.rebuild_hash


@pytest.mark.timeout(200)
async def test_a_sound_system_passes_the_checker(stack: Stack) -> None:
    report = await probe(stack, "", SEED)
    assert report.violations == [], str(report)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("defect", SABOTAGES if os.environ.get("TONGBAN_SABOTAGES") == "all" else _ALWAYS)
async def test_the_checker_catches_every_sabotage(stack: Stack, defect: str) -> None:
    report = await probe(stack, defect, SEED)
    assert report.violations, f"{defect} went unnoticed: {report}"
