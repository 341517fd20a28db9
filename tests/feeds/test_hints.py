from datetime import timedelta

import pytest

from monitor.feeds.hints import document_hints, header_hints, longest
from monitor.records import PollHints

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
DATE = "Sun, 22 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Cache-Control": "public, max-age=600"}, (10 * MINUTE, "Cache-Control: max-age")),
        ({"Cache-Control": 'Max-Age = "600"', "Age": "540"}, (MINUTE, "Cache-Control: max-age")),
        ({"Cache-Control": "max-age=600", "Age": "700"}, None),
        ({"Cache-Control": "max-age=600", "Age": "old"}, (10 * MINUTE, "Cache-Control: max-age")),
        ({"Cache-Control": "max-age=31536000"}, (DAY, "Cache-Control: max-age")),
        ({"Cache-Control": "max-age=999999999999"}, (DAY, "Cache-Control: max-age")),
        ({"Cache-Control": "s-maxage=600, no-cache, max-age=0"}, None),
        ({"Cache-Control": "max-age=-5"}, None),
        ({"Expires": "Sun, 22 Nov 2026 11:00:00 GMT", "Date": DATE}, (HOUR, "Expires")),
        ({"Expires": "Sun, 22 Nov 2026 11:00:00 GMT"}, None),
        ({"Expires": "Sun, 22 Nov 2026 09:00:00 GMT", "Date": DATE}, None),
        ({"Expires": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": DATE}, (DAY, "Expires")),
        ({"Expires": "0", "Date": DATE}, None),
        (
            {"Cache-Control": "max-age=60", "Expires": "Sun, 22 Nov 2026 11:00:00 GMT", "Date": DATE},
            (HOUR, "Expires"),
        ),
    ],
)
def test_headers(headers: dict[str, str], expected: tuple[timedelta, str] | None) -> None:
    hints = header_hints(headers)
    assert (hints and (hints.min_interval, hints.source)) == expected


@pytest.mark.parametrize(
    ("ttl", "period", "frequency", "expected"),
    [
        (None, None, None, None),
        ("60", None, None, (HOUR, "ttl")),
        (" 15 ", None, None, (15 * MINUTE, "ttl")),
        ("0", None, None, None),
        ("-5", None, None, None),
        ("soon", None, None, None),
        ("99999999", None, None, (DAY, "ttl")),
        (None, "hourly", "1", (HOUR, "sy:updatePeriod")),
        (None, "Hourly\n", " 4 ", (15 * MINUTE, "sy:updatePeriod")),
        (None, "daily", None, (DAY, "sy:updatePeriod")),
        (None, "dayly", "2", (12 * HOUR, "sy:updatePeriod")),
        (None, "hourly", "0.1", (10 * HOUR, "sy:updatePeriod")),
        (None, "hourly", "0", (HOUR, "sy:updatePeriod")),
        (None, "hourly", "nan", (HOUR, "sy:updatePeriod")),
        (None, "weekly", "1", (DAY, "sy:updatePeriod")),
        (None, "always", "1", None),
        (None, "", "1", None),
        ("30", "hourly", "1", (HOUR, "sy:updatePeriod")),
        ("90", "hourly", "1", (90 * MINUTE, "ttl")),
    ],
)
def test_documents(
    ttl: str | None, period: str | None, frequency: str | None, expected: tuple[timedelta, str] | None
) -> None:
    hints = document_hints(ttl, period, frequency)
    assert (hints and (hints.min_interval, hints.source)) == expected


def test_the_longest_wins() -> None:
    short, long = (PollHints(min_interval=wait, source="ttl") for wait in (MINUTE, HOUR))
    assert longest(None, short, long, None) == long
    assert longest(None, None) is None
