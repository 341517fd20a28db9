"""A digest's chart: what it shows, and that it can be read on any background."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageColor

from monitor.notify import charts
from monitor.notify.charts import COLOURS, INK, chart_png
from monitor.records import Digest, TopicCount

UNTIL = datetime(2026, 11, 20, 8, tzinfo=UTC)
LIGHT, DARK = "#ffffff", "#1a1d21"


def digest(*per_day: tuple[int, ...], names: tuple[str, ...] = (), time_zone: str = "UTC") -> Digest:
    counts = [
        TopicCount(topic_name=name, stories=sum(days), items=0, per_day=days)
        for name, days in zip(names or tuple(f"Topic {n}" for n in range(99)), per_day, strict=False)
    ]
    return Digest(
        period="weekly",
        since=UNTIL - timedelta(days=7),
        until=UNTIL,
        time_zone=time_zone,
        topics=tuple(counts),
        top=(),
        near_misses=(),
    )


def drawn(of: Digest) -> Image.Image:
    png = chart_png(of)
    assert png is not None
    return Image.open(BytesIO(png)).convert("RGBA")


def areas(picture: Image.Image) -> dict[str, int]:
    """How many pixels have each of the colours of bars."""
    pixels = np.asarray(picture)[: charts.HEIGHT - charts.BOTTOM]
    counts = {colour: int((pixels == (*ImageColor.getrgb(colour), 255)).all(-1).sum()) for colour in COLOURS}
    return {colour: count for colour, count in counts.items() if count}


def luminance(colour: str) -> float:
    shares = [value / 255 for value in ImageColor.getrgb(colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("background", [LIGHT, DARK])
@pytest.mark.parametrize("colour", [*COLOURS, INK])
def test_every_colour_stands_out_from_light_and_dark(colour: str, background: str) -> None:
    low, high = sorted((luminance(colour), luminance(background)))
    assert (high + 0.05) / (low + 0.05) >= 3, "what WCAG asks of graphics and large letters"


def test_bars_are_as_high_as_there_are_stories() -> None:
    one = areas(drawn(digest((0, 10, 0, 0, 0, 0, 0), (0, 0, 0, 5, 0, 0, 0))))
    assert set(one) == set(COLOURS[:2])
    assert one[COLOURS[0]] == pytest.approx(2 * one[COLOURS[1]], rel=0.05)
    same = areas(drawn(digest((0, 0, 0, 5, 5, 0, 0), (0, 0, 0, 5, 0, 0, 0))))
    assert same[COLOURS[0]] == pytest.approx(2 * same[COLOURS[1]], rel=0.05)


def test_the_background_is_left_to_the_reader() -> None:
    assert drawn(digest((1, 0, 0, 0, 0, 0, 0))).getpixel((charts.WIDTH - 2, 2)) == (0, 0, 0, 0)


def test_many_topics_are_drawn_as_the_biggest_and_the_others() -> None:
    days = [(n, 0, 0, 0, 0, 0, 0) for n in range(9)]
    found = areas(drawn(digest(*days)))
    assert set(found) == set(COLOURS)
    # 8, 7, 6, 5, 4; then 3 + 2 + 1.
    assert found[COLOURS[0]] > found[COLOURS[4]]
    assert found[COLOURS[5]] == pytest.approx(found[COLOURS[2]], rel=0.1)


def test_without_a_story_there_is_nothing_to_draw() -> None:
    assert chart_png(digest()) is None
    assert chart_png(digest((0, 0, 0, 0, 0, 0, 0))) is None


def test_names_that_the_font_cannot_write_still_tell_their_topic() -> None:
    days = (1, 0, 0, 0, 0, 0, 0)
    cyrillic = drawn(digest(days, days, names=("Raids", "Облавы")))
    placed = drawn(digest(days, days, names=("Raids", "topic 2")))
    other = drawn(digest(days, days, names=("Raids", "topic 3")))
    assert cyrillic.tobytes() == placed.tobytes() != other.tobytes()
    assert (
        drawn(digest(days, names=("Überfälle",))).tobytes()
        == drawn(digest(days, names=("Uberfalle",))).tobytes()
    )


def test_long_names_take_rows_and_never_leave_the_picture() -> None:
    days = (1, 0, 0, 0, 0, 0, 0)
    short = drawn(digest(days, days, days, names=("a", "b", "c")))
    long = drawn(digest(days, days, days, names=("W" * 300, "M" * 300, "Q" * 300)))
    assert long.height > short.height
    last_column = long.crop((charts.WIDTH - 1, charts.HEIGHT, charts.WIDTH, long.height))
    assert last_column.getcolors() == [(last_column.height, (0, 0, 0, 0))]


def test_days_are_those_of_the_channel() -> None:
    days = (1, 0, 0, 0, 0, 0, 0)
    assert drawn(digest(days)).tobytes() != drawn(digest(days, time_zone="Pacific/Auckland")).tobytes()


def test_the_same_digest_gives_the_same_picture_and_a_small_one() -> None:
    busy = digest(*[(40, 30, 20, 50, 60, 1, 90)] * 9)
    png = chart_png(busy)
    assert png == chart_png(busy)
    assert png is not None
    assert len(png) < 50_000
