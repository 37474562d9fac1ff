"""The clock that a whole stack can be moved by."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tongban_runtime.clock import ShiftedClock, read_shift, write_shift


def test_a_missing_file_means_no_shift(tmp_path: Path) -> None:
    assert abs(ShiftedClock(tmp_path / "shift").now() - datetime.now(UTC)) < timedelta(seconds=1)


def test_the_file_moves_every_clock_that_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "shift"
    write_shift(file, timedelta(days=-30))
    assert read_shift(file) == timedelta(days=-30)
    assert abs(ShiftedClock(file).now() - (datetime.now(UTC) - timedelta(days=30))) < timedelta(seconds=1)


def test_what_is_no_number_is_told(tmp_path: Path) -> None:
    (tmp_path / "shift").write_text("soon", "utf-8")
    with pytest.raises(ValueError, match="soon"):
        ShiftedClock(tmp_path / "shift").now()
