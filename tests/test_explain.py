import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders import (
    ALERT,
    NOW,
    keyed,
    new_delivery,
    opened,
    outcome,
    score,
    spec,
    stored_items,
    topic,
)

from monitor import explain
from monitor.configuration import Configuration
from monitor.errors import StorageError
from monitor.records import Article, Evidence, NoArticle, Receipt, Topic, Verdict
from monitor.settings import Settings, StorageSettings

ADDRESS = "https://wire.example/1"
TOPICS = tuple(topic(id=name, name=name.title()) for name in ("told", "quiet", "waits", "near", "unscored"))


@pytest.fixture
def config(database_file: Path) -> Configuration:
    settings = Settings(storage=StorageSettings(url=f"sqlite:///{database_file}"))
    feeds = (spec(), spec(url="https://other.example/rss", name="Other"))
    return Configuration(settings=settings, feeds=feeds, topics=TOPICS, warnings=())


@pytest.fixture
def decided(config: Configuration, database_file: Path) -> Configuration:
    """A database with one item that met every fate, topic by topic."""
    with opened(database_file) as storage:
        (item,) = stored_items(storage, keyed(1))
        evidence = Evidence(
            sentence="A sentence",
            text="T",
            parts={"closeness": 90.0, "not_about": -10.4},
            not_about="A look-alike",
        )
        near = Evidence(
            sentence="S",
            text="T",
            parts={"closeness": 30.0, "words": 25.0, "not_about": -15.0},
            words=("Jolo", "cell (cells)"),
            not_about="N",
        )
        scores = [
            score(item.id, topic_id="told", score=79.6, evidence=evidence),
            score(item.id, topic_id="quiet", score=70.0),
            score(item.id, topic_id="waits", score=60.0),
            score(item.id, topic_id="near", score=40.0, matched=False, evidence=near),
        ]
        storage.scores.record_scores([item], scores, NOW)
        matches = {match.score.topic_id: match for match in storage.alerts.undecided(9)}
        storage.alerts.record_decision(
            matches["told"], outcome(ALERT, new_delivery(1), new_delivery(2, "#b")), NOW
        )
        too_old = Verdict(decision="quiet", reason="too_old")
        storage.alerts.record_decision(matches["quiet"], outcome(too_old), NOW)
        storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1763640000.000100"), NOW)
        waiting = storage.deliveries.next_delivery("#b", NOW)
        assert waiting is not None
        storage.deliveries.record_attempt(waiting[0], NOW)
        storage.deliveries.record_state("d2", "in_doubt", "connection lost")
    return config


def test_an_edit_is_told_with_its_time(config: Configuration, database_file: Path) -> None:
    with opened(database_file) as storage:
        stored_items(storage, keyed(1))
        stored_items(storage, keyed(1, title="Edited"))
    (history,) = explain.histories(config, ADDRESS)
    assert "  edited by its publisher, last seen 2026-11-20 12:00:00 UTC" in explain.lines(config, [history])


@pytest.mark.parametrize(
    ("article", "line"),
    [
        (Article(text="Soldiers found a camp.\nIt was empty."), "  article read: 7 words"),
        (
            NoArticle(reason="The server answers HTTP 404."),
            "  article not read: The server answers HTTP 404.",
        ),
    ],
)
def test_lines_tell_what_became_of_an_article(
    config: Configuration, database_file: Path, article: Article | NoArticle, line: str
) -> None:
    passage = Evidence(sentence="S", text="It was empty.", parts={"closeness": 90.0, "passage": -9.0})
    with opened(database_file) as storage:
        stored_items(storage, keyed(1), full_text=True)
        [item] = storage.reads.unread(9)
        storage.reads.record_article(item, article)
        storage.scores.record_scores([item], [score(item.id, topic_id="told", evidence=passage)], NOW)
    told = explain.lines(config, explain.histories(config, ADDRESS))
    assert told[3] == line
    assert "    in the article: “It was empty.”" in told


def test_lines_tell_what_became_of_an_item(decided: Configuration) -> None:
    told = explain.lines(decided, explain.histories(decided, ADDRESS))
    assert told == [
        "Report number 1 of the patrol",
        "  https://wire.example/1",
        "  seen 2026-11-20 12:00:00 UTC in Wire, published 2026-11-20 11:00:00 UTC",
        "  Told: 80, match",
        "    close to “A sentence” 90; pushed down by not_about “A look-alike” -10; cut 50",
        "    alert: nobody has been told of the story yet (new)",
        "    #news-alerts: sent, https://slack.com/archives/C1/p1763640000000100",
        "    #b: in_doubt after 1 attempts: connection lost",
        "  Quiet: 70, match",
        "    close to “Soldiers on patrol find a hidden camp”; cut 50",
        "    quiet: it is older than alerts.max_age (too_old)",
        "  Waits: 60, match",
        "    close to “Soldiers on patrol find a hidden camp”; cut 50",
        "    waits for a decision",
        "  Near: 40, no match",
        "    close to “S” 30; words: Jolo, cell (cells) +25; pushed down by not_about “N” -15; cut 50",
        "    10 points short; without not_about “N” it would have matched; "
        "at sensitivity broad it would have",
        "  under 1, or not among the topic's feeds: Unscored",
        "",
    ]


def test_an_address_is_found_whatever_tracks_its_readers(decided: Configuration) -> None:
    for url in (ADDRESS, f"{ADDRESS}?utm_source=mail", "HTTPS://WIRE.example:443/1#top"):
        assert len(explain.histories(decided, url)) == 1
    assert explain.histories(decided, "https://wire.example/2") == []
    assert explain.histories(decided, "not an address") == []


def test_an_item_may_wait_and_may_lack_everything(config: Configuration, database_file: Path) -> None:
    with opened(database_file) as storage:
        stored_items(storage, replace(keyed(1, title="", published=None), headline_key=None))
    told = explain.lines(config, explain.histories(config, ADDRESS))
    assert told[0] == "(no title)"
    assert told[2].endswith("published without a date")
    assert told[3:] == ["  waits for its score", ""]


def test_json_is_json(decided: Configuration) -> None:
    (history,) = json.loads(json.dumps(explain.as_json(explain.histories(decided, ADDRESS))))
    assert history["item"]["feed_tags"] == ["world"]
    assert history["item"]["published"] == "2026-11-20T11:00:00+00:00"
    assert [known["score"]["topic_id"] for known in history["topics"]] == ["told", "quiet", "waits", "near"]
    assert history["topics"][0]["deliveries"][0]["receipt"]["ts"] == "1763640000.000100"
    assert history["topics"][3]["verdict"] is None


def test_without_a_database_nothing_can_be_explained(config: Configuration) -> None:
    with pytest.raises(StorageError, match="no database yet"):
        explain.histories(config, ADDRESS)


def test_topics_that_have_left_the_watchlists_go_by_their_id(decided: Configuration) -> None:
    remaining: tuple[Topic, ...] = TOPICS[1:]
    told = explain.lines(replace(decided, topics=remaining), explain.histories(decided, ADDRESS))
    assert "  told: 80, match" in told
