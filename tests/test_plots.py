"""Plots are well-formed SVG that shows the numbers."""

from xml.etree import ElementTree

from monitor.metrics import Judged
from monitor.plots import reliability_diagram, score_distribution

SVG = "{http://www.w3.org/2000/svg}"


def judged(score: float, grade: int | None) -> Judged:
    return Judged(item="i", score=score, matched=score >= 50, alerted=False, grade=grade)


def tips(plot: str) -> list[str | None]:
    return [tip.text for tip in ElementTree.fromstring(plot).iter(f"{SVG}title")]


def test_bars_count_items_by_what_people_say() -> None:
    rows = [judged(100, 2), judged(96, 2), judged(51, 0), judged(50, None), judged(7, 1)]
    plot = score_distribution("Cells & <camps>", 50.0, rows)
    assert tips(plot) == ["2 relevant, 95–100", "1 not relevant, 50–55", "1 not labelled, 50–55"]
    texts = [text.text for text in ElementTree.fromstring(plot).iter(f"{SVG}text")]
    assert "Cells & <camps>: scores" in texts
    assert "cut 50" in texts


def test_more_items_make_higher_bars() -> None:
    plot = score_distribution("A", 50.0, [judged(10, 2), *([judged(80, 0)] * 30)])
    heights = [
        float(bar.get("height", "0"))
        for bar in ElementTree.fromstring(plot).iter(f"{SVG}rect")
        if bar.find(f"{SVG}title") is not None
    ]
    assert heights[1] > heights[0] > 0


def test_the_diagram_has_a_point_for_each_tenth() -> None:
    plot = reliability_diagram([(4, 0.15, 0.25), (1234, 0.95, 1.0)])
    circles = list(ElementTree.fromstring(plot).iter(f"{SVG}circle"))
    assert len(circles) == 2
    assert float(circles[0].get("cy", "0")) > float(circles[1].get("cy", "0"))
    assert ">1,234<" in plot


def test_nothing_can_be_drawn_too() -> None:
    for plot in (score_distribution("A", 50.0, []), reliability_diagram([])):
        ElementTree.fromstring(plot)
