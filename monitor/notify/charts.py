"""Draws a digest's chart as PNG: stories of the last seven days, by topic. Pure.

The picture is transparent, and every colour stands out from white and from Slack's dark background alike:
nobody knows which of them a reader has.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from io import BytesIO
from itertools import pairwise
from unicodedata import normalize
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw, ImageFont

from monitor.records import Digest, TopicCount

__all__ = ["chart_png"]

COLOURS = ("#2f80d8", "#d9730d", "#0f9d77", "#b558c9", "#d4516a", "#808790")
"""Of topics, in the order of the digest; the last is for all the others together."""
INK, GRID = "#7d848e", "#7d848e60"
WIDTH, HEIGHT = 1000, 420
"""Pixels; Slack shows it at about half this size."""
LEFT, RIGHT, TOP, BOTTOM = 60, 16, 40, 48
LINE = 36
LETTERS = 24
WIDEST_NAME = 560
MARK = 20
LEAST = 4
"""Stories that the scale reaches to at least: a single one is no tower."""
GAP = 3
"""Pixels between two parts of a bar, which tell them apart without any colour."""
BAR = 0.62
_HALF_A_DAY = timedelta(hours=12)

Box = tuple[float, float, float, float]


def chart_png(digest: Digest) -> bytes | None:
    """Return the chart of a digest, None where its channel was told no story in seven days."""
    series = _series(digest.topics)
    if not series:
        return None
    legend = list(_placed([name for name, _ in series]))
    height = HEIGHT + LINE * (1 + legend[-1][1])
    picture = Image.new("RGBA", (WIDTH, height))
    draw = ImageDraw.Draw(picture)
    highest = max(LEAST, *map(sum, zip(*(per_day for _, per_day in series), strict=True)))
    _grid(draw, highest)
    _bars(draw, [per_day for _, per_day in series], highest)
    for n, label in enumerate(_days(digest)):
        draw.text((_middle(n), HEIGHT - BOTTOM + 10), label, INK, _font(), "ma")
    for n, (x, row) in enumerate(legend):
        y = HEIGHT + 8 + LINE * row
        draw.rounded_rectangle((x, y, x + MARK, y + MARK), 4, COLOURS[n])
        draw.text((x + MARK + 10, y + MARK / 2), series[n][0], INK, _font(), "lm")
    data = BytesIO()
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()


def _series(topics: Sequence[TopicCount]) -> list[tuple[str, tuple[int, ...]]]:
    """Return what each colour stands for, and its stories by day."""
    told = [(place, count) for place, count in enumerate(topics, 1) if sum(count.per_day)]
    last = len(COLOURS) - 1
    if len(told) <= last + 1:
        return [(_name(count.topic_name, place), count.per_day) for place, count in told]
    told.sort(key=lambda pair: -sum(pair[1].per_day))
    others = tuple(map(sum, zip(*(count.per_day for _, count in told[last:]), strict=True)))
    named = [(_name(count.topic_name, place), count.per_day) for place, count in told[:last]]
    return [*named, (f"{len(told) - last} others", others)]


def _name(name: str, place: int) -> str:
    """Return a topic's name as far as the font has letters for it, else its place in the digest."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    if len(plain) < len(name) / 2:
        return f"topic {place}"
    width = _font().getlength
    if width(plain) <= WIDEST_NAME:
        return plain
    return next(cut for end in range(len(plain), 0, -1) if width(cut := f"{plain[:end]}...") <= WIDEST_NAME)


def _placed(names: Sequence[str]) -> Iterator[tuple[float, int]]:
    """Yield where each name of the legend begins, and in which row."""
    x, row = float(LEFT), 0
    for name in names:
        width = MARK + 10 + _font().getlength(name)
        if x > LEFT and x + width > WIDTH - RIGHT:
            x, row = float(LEFT), row + 1
        yield x, row
        x += width + 32


def _days(digest: Digest) -> Iterator[str]:
    """Yield what each day is called: the date that has most of it."""
    until = digest.until.astimezone(ZoneInfo(digest.time_zone))
    for before in range(7, 0, -1):
        middle = until - timedelta(days=before) + _HALF_A_DAY
        yield f"{middle:%a} {middle.day}"


def _grid(draw: ImageDraw.ImageDraw, highest: int) -> None:
    step = next(step for step in _steps() if highest <= 4 * step)
    for count in range(0, highest + 1, step):
        y = _y(count, highest)
        draw.line((LEFT, y, WIDTH - RIGHT, y), GRID, 2)
        draw.text((LEFT - 12, y), f"{count}", INK, _font(), "rm")


def _steps() -> Iterator[int]:
    power = 1
    while True:
        yield from (power, 2 * power, 5 * power)
        power *= 10


def _bars(draw: ImageDraw.ImageDraw, series: Sequence[tuple[int, ...]], highest: int) -> None:
    for day, counts in enumerate(zip(*series, strict=True)):
        tops = [sum(counts[:n]) for n in range(len(counts) + 1)]
        for colour, (low, high) in zip(COLOURS, pairwise(tops), strict=False):
            if high > low:
                draw.rectangle(_part(day, _y(low, highest), _y(high, highest)), colour)
        if tops[-1]:
            draw.text((_middle(day), _y(tops[-1], highest) - 4), f"{tops[-1]}", INK, _font(), "mb")


def _part(day: int, bottom: float, top: float) -> Box:
    half = BAR / 2 * (WIDTH - LEFT - RIGHT) / 7
    return _middle(day) - half, min(top + GAP, bottom - 1), _middle(day) + half, bottom - 1


def _middle(day: int) -> float:
    return LEFT + (day + 0.5) * (WIDTH - LEFT - RIGHT) / 7


def _y(count: int, highest: int) -> float:
    return HEIGHT - BOTTOM - count / highest * (HEIGHT - TOP - BOTTOM)


@cache
def _font() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(LETTERS)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
