"""The canary campaign, `make canary`: names and numbers of its own in every case, looked for in all that the system leaves behind.

``TONGBAN_CANARIES`` is the number of cases (500), of which up to twenty are erased.
"""

import os
import sys

import pytest
from tongban_local import lifecycle

from tests.privacy.canary import run
from tests.privacy.places import collecting
from tests.privacy.work import WAYS

CASES = int(os.environ.get("TONGBAN_CANARIES", "500"))
ERASURES = min(20, CASES * 2 // 3)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


@pytest.mark.timeout(3600)
async def test_canaries_are_found_nowhere_and_the_erased_cannot_be_opened() -> None:
    with collecting() as collector, lifecycle.temporary_stack("canary") as stack:
        report = await run(stack, collector, CASES, ERASURES, _say)
    sys.stdout.write(f"{report}\n")
    assert report.failures == [], str(report)
    assert set(report.ways) == set(WAYS)
    assert report.erased >= ERASURES
    assert report.opened_before > report.erased
    assert report.opened_after == 0
    assert report.unharmed == CASES - report.erased
