import io
import json
import sys
from pathlib import Path

import pytest
from builders import NOW, fetched, judged, opened, parsed, spec

from monitor.configuration import Configuration
from monitor.feedtable import FeedTable, feed_table, print_feeds
from monitor.records import FetchFailed
from monitor.settings import Settings, StorageSettings


@pytest.fixture
def config(database_file: Path) -> Configuration:
    settings = Settings(storage=StorageSettings(url=f"sqlite:///{database_file}"))
    feeds = (spec(), spec(url="https://other.example/rss", name="Other"))
    return Configuration(settings=settings, feeds=feeds, topics=(), warnings=())


def printed(feeds: FeedTable, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(sys, "stdout", output := io.StringIO())
    print_feeds(feeds)
    return output.getvalue().splitlines()


def test_feeds_show_their_health_the_troubled_ones_first(
    config: Configuration, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = FetchFailed(kind="timeout", message="no answer within 30 s")
    with opened(database_file) as storage:
        storage.polls.sync_feeds(config.feeds, NOW)
        for feed in storage.ledger.feeds():
            outcome = failed if feed.spec.name == "Other" else fetched()
            storage.polls.record_poll(feed, outcome, [], NOW, judged(feed, outcome, NOW))
    feeds = feed_table(config)
    rows = {row["name"]: row for row in feeds.rows}
    assert rows["Wire"]["health"] == "ok"
    assert rows["Wire"]["last_success_at"] == NOW.isoformat()
    assert (rows["Other"]["health"], rows["Other"]["last_error"]) == (
        "failing (1x timeout)",
        failed.message,
    )
    assert json.loads(json.dumps(feeds.rows))

    lines = printed(feeds, monkeypatch)
    assert lines[1].startswith("Other")
    assert failed.message in lines[1]
    assert "2026-11-20 12:00" in lines[2]


def test_open_troubles_are_told_with_cause_and_remedy_until_they_end(
    config: Configuration, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undated = fetched(*(parsed(n, published=None) for n in range(3)))
    with opened(database_file) as storage:
        storage.polls.sync_feeds(config.feeds, NOW)
        (feed,) = [feed for feed in storage.ledger.feeds() if feed.spec.name == "Other"]
        storage.polls.record_poll(feed, undated, [], NOW, judged(feed, undated, NOW))
    feeds = feed_table(config)
    (row,) = [row for row in feeds.rows if row["name"] == "Other"]
    assert row["health"] == "undated"
    (trouble,) = row["troubles"]
    assert trouble["cause"] == "None of its 3 items has a date."
    assert "when they were first seen" in trouble["remedy"]
    assert trouble["since"] == NOW.isoformat()
    (line,) = [line for line in printed(feeds, monkeypatch) if line.startswith("Other")]
    assert "None of its 3 items has a date." in line
    assert feeds.blackout is None
    with opened(database_file) as storage:
        dated = fetched(parsed(1))
        (feed,) = [feed for feed in storage.ledger.feeds() if feed.spec.name == "Other"]
        storage.polls.record_poll(feed, dated, [], NOW, judged(feed, dated, NOW))
    (row,) = [row for row in feed_table(config).rows if row["name"] == "Other"]
    assert (row["health"], row["troubles"]) == ("ok", [])


def test_a_blackout_stands_above_all_feeds(
    config: Configuration, database_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(database_file) as storage:
        storage.polls.sync_feeds(config.feeds, NOW)
        storage.troubles.begin_blackout("Of the last 9 feeds polled, 9 could not be reached.", NOW)
    first, *_ = printed(feed_table(config), monkeypatch)
    assert first == (
        "All feeds: Of the last 9 feeds polled, 9 could not be reached. Since 2026-11-20 12:00 UTC."
    )
    with opened(database_file) as storage:
        storage.troubles.end_blackout(NOW)
    assert feed_table(config).blackout is None


def test_a_closed_channel_is_no_blackout(config: Configuration, database_file: Path) -> None:
    with opened(database_file) as storage:
        storage.deliveries.record_closed("#desk", "It takes no messages (is_archived).", NOW)
    assert feed_table(config).blackout is None


def test_feeds_that_were_never_polled_say_so(config: Configuration) -> None:
    rows = feed_table(config).rows
    assert [(row["name"], row["health"], row["next_poll_at"]) for row in rows] == [
        ("Wire", "not polled yet", None),
        ("Other", "not polled yet", None),
    ]
