from datetime import UTC, datetime

import pytest
from builders import HOUR, NOW

from monitor.mutes import moment


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-12-01T08:00", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01 08:00:30", datetime(2026, 12, 1, 8, 0, 30, tzinfo=UTC)),
        ("2026-12-01T08:00+02:00", datetime(2026, 12, 1, 6, tzinfo=UTC)),
        ("2026-12-01T08:00Z", datetime(2026, 12, 1, 8, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
    ],
)
def test_a_time_to_come_is_read_in_its_zone_or_utc(written: str, expected: datetime) -> None:
    assert moment(written, NOW) == expected


@pytest.mark.parametrize("written", ["tomorrow", "", "2026-13-01T08:00", "2h", "9999-12-31T23:00-02:00"])
def test_what_is_no_time_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a time; write it as"):
        moment(written, NOW)


def test_a_silence_cannot_end_before_it_begins() -> None:
    with pytest.raises(ValueError, match="is in the past"):
        moment((NOW - HOUR).isoformat(), NOW)
    with pytest.raises(ValueError, match="is in the past"):
        moment(NOW.isoformat(), NOW)
