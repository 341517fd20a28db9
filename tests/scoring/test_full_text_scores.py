"""Whole pages, boilerplate and all, against the topics as they ship, with the bundled model."""

from pathlib import Path

import pytest
from articles import LAYOUTS, ORDINARY, page
from builders import item
from judging import all_scores, described, first_view

from monitor.configuration import load_configuration
from monitor.feeds.article import extract
from monitor.feeds.frames import Document
from monitor.feeds.parse import parse
from monitor.records import Article, Score
from monitor.relevance import View
from monitor.scoring import Encoder, open_encoder
from monitor.scoring.models import BUNDLED
from monitor.watchlist import SENSITIVITIES

pytestmark = pytest.mark.slow
CONFIG = Path(__file__).parents[2] / "config"
SEED = CONFIG.parent / "monitor" / "demo" / "samples" / "mesopotamia-wire" / "20190708T060000Z.xml"
TOP_BAND = SENSITIVITIES["strict"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(BUNDLED)


@pytest.fixture(scope="module")
def view(encoder: Encoder) -> View:
    topics = load_configuration(CONFIG, {}).topics
    return first_view(encoder, [described(encoder, topic) for topic in topics])


def scores(
    encoder: Encoder, view: View, title: str, summary: str, name: str | None, layout: str = ""
) -> dict[str, Score]:
    """The scores of an item by topic; ``name`` is its article, None for an item that has only a summary."""
    article = extract(page(name, layout), charset="utf-8") if name else Article(text="")
    assert isinstance(article, Article)
    return all_scores(encoder, view, item(title=title, summary=summary, full_text=article.text))


def test_the_seed_event_is_in_the_top_band_by_its_summary(encoder: Encoder, view: View) -> None:
    document = parse(SEED.read_bytes(), url="https://mesopotamia-wire.example/rss", charset=None)
    assert isinstance(document, Document)
    [seed] = [item for item in document.items if "Will of Victory" in item.title]
    found = scores(encoder, view, seed.title, seed.summary, None)["isis-sleeper-cells"]
    assert found.score >= TOP_BAND
    assert "passage" not in found.evidence.parts


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("title", "summary"), [("What we know so far", ""), ("Sunday in brief", "Our overview of the day.")]
)
def test_the_seed_event_is_in_the_top_band_by_its_article_alone(
    encoder: Encoder, view: View, layout: str, title: str, summary: str
) -> None:
    assert "isis-sleeper-cells" not in scores(encoder, view, title, summary, None)
    found = scores(encoder, view, title, summary, "will-of-victory", layout)["isis-sleeper-cells"]
    assert found.score >= TOP_BAND
    assert "Islamic State" in found.evidence.text


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_articles_match_nothing_whatever_surrounds_them(
    encoder: Encoder, view: View, layout: str, name: str
) -> None:
    found = scores(encoder, view, "From the region", "Our overview of the day.", name, layout)
    assert {topic: score.score for topic, score in found.items() if score.score >= 10} == {}


def test_boilerplate_that_were_scored_would_match(encoder: Encoder, view: View) -> None:
    # The pages above hold links to stories on the topic: what the tests before this one would miss.
    links = "Police arrest members of ISIS sleeper cell in northern Iraq"
    assert links.encode() in page("derby", "semantic")
    assert links.encode() in page("derby", "divs")
    assert scores(encoder, view, links, "", None)["isis-sleeper-cells"].score >= TOP_BAND
