"""Draws figures as SVG: how a topic's scores are distributed, and how far scores can be believed. Pure."""

from collections.abc import Iterator, Sequence
from html import escape
from math import log10

from monitor.metrics import Judged

__all__ = ["reliability_diagram", "score_distribution"]

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 56, 44
BIN = 5
"""Points to a bar."""
KINDS = (("relevant", "#1a7f5a"), ("not relevant", "#c2452d"), ("not labelled", "#b5b9bf"))
INK, GRID = "#30343b", "#e3e5e8"


def score_distribution(name: str, cut: float, judged: Sequence[Judged]) -> str:
    """Return bars of how many items got which score, by what people say of them; a line marks the cut.

    Counts are drawn by their logarithm: what is not labelled is most of it.
    """
    counts = {kind: [0] * (100 // BIN) for kind, _ in KINDS}
    for row in judged:
        if row.grade != 1:
            counts[_kind(row)][min(int(row.score) // BIN, 100 // BIN - 1)] += 1
    highest = max(10.0, *(count for of_kind in counts.values() for count in of_kind))

    def y(count: float) -> float:
        return _y(log10(1 + count) / log10(1 + highest))

    ticks = [(y(tick), f"{tick:,}") for tick in (0, 1, 10, 100, 1_000, 10_000, 100_000) if tick <= highest]
    drawn = [*_axes(f"{name}: scores", "score", "items", ticks), *_legend()]
    bar = (_x(BIN) - _x(0) - 3) / len(KINDS)
    for number, (kind, colour) in enumerate(KINDS):
        for slot, count in enumerate(counts[kind]):
            if count:
                x, top = _x(slot * BIN) + 1.5 + number * bar, y(count)
                tip = f"{count} {kind}, {slot * BIN}–{(slot + 1) * BIN}"
                drawn.append(
                    f'<rect x="{x:.1f}" y="{top:.1f}" width="{bar:.1f}" height="{_y(0) - top:.1f}" '
                    f'fill="{colour}"><title>{tip}</title></rect>'
                )
    at = _x(cut)
    drawn.append(
        f'<path d="M{at:.1f} {_y(1):.1f}V{_y(0):.1f}" stroke="{INK}" stroke-dasharray="4 3"/>'
        f'<text x="{at + 4:.1f}" y="{_y(1) + 10:.1f}">cut {cut:g}</text>'
    )
    return _svg(drawn)


def reliability_diagram(table: Sequence[tuple[int, float, float]]) -> str:
    """Return the share of relevant items against the mean score, per tenth; the diagonal is the promise.

    ``table`` has count, mean score and share relevant, the latter two from 0 to 1.
    """
    ticks = [(_y(share / 4), f"{25 * share} %") for share in range(5)]
    drawn = _axes("Of the labelled items with a score, how many are relevant", "score", "relevant", ticks)
    promise = f"M{_x(0):.1f} {_y(0):.1f}L{_x(100):.1f} {_y(1):.1f}"
    drawn.append(f'<path d="{promise}" stroke="{INK}" stroke-dasharray="4 3"/>')
    points = [(_x(100 * score), _y(share), count) for count, score, share in table]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y, _ in points)
    if points:
        drawn.append(f'<path d="M{line}" fill="none" stroke="{KINDS[0][1]}" stroke-width="2"/>')
    for x, y, count in points:
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{KINDS[0][1]}"/>')
        drawn.append(f'<text x="{x:.1f}" y="{y - 9:.1f}" text-anchor="middle">{count:,}</text>')
    return _svg(drawn)


def _kind(row: Judged) -> str:
    return KINDS[2][0] if row.grade is None else KINDS[0][0] if row.grade == 2 else KINDS[1][0]


def _x(score: float) -> float:
    return LEFT + score / 100 * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _axes(title: str, across: str, up: str, ticks: Sequence[tuple[float, str]]) -> list[str]:
    drawn = [f'<text x="{LEFT}" y="22" font-size="15" font-weight="600">{escape(title)}</text>']
    for at, label in ticks:
        drawn.append(f'<path d="M{LEFT} {at:.1f}H{WIDTH - RIGHT}" stroke="{GRID}"/>')
        drawn.append(f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{label}</text>')
    drawn += [
        f'<text x="{_x(score):.1f}" y="{_y(0) + 16:.1f}" text-anchor="middle">{score}</text>'
        for score in range(0, 101, 10)
    ]
    drawn.append(f'<text x="{_x(50):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{across}</text>')
    drawn.append(f'<text x="4" y="{TOP - 12}">{up}</text>')
    return drawn


def _legend() -> Iterator[str]:
    for number, (kind, colour) in enumerate(KINDS):
        x = WIDTH - RIGHT - 110 * (len(KINDS) - number)
        yield f'<rect x="{x}" y="{TOP - 22}" width="10" height="10" fill="{colour}"/>'
        yield f'<text x="{x + 15}" y="{TOP - 13}">{kind}</text>'


def _svg(drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12" fill="{INK}">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )
