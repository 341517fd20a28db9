"""Trying the routes on an item: what is read, what matches, where it goes and why not elsewhere."""

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from builders import NOW, spec, topic
from streams import ABOUT, FLOODS
from words import WordEncoder

from monitor.configuration import Configuration
from monitor.errors import ConfigurationError
from monitor.records import ChannelPlan, ParsedItem, QuietHours, Route
from monitor.routestest import Sample, Scored, Trial, as_json, lines, read_sample, score_sample, try_routes
from monitor.settings import Settings

PATROLS = topic(about=(ABOUT,), name=ABOUT, relevant=(f"{ABOUT} near the river",))
NIGHT = QuietHours(begin=time(22), end=time(7), time_zone="Europe/Paris")
DUTY = Route(name="Duty", channels=("#duty",), level="urgent", mention="here", least_sources=2)
CONFIG = Configuration(
    settings=Settings(),
    feeds=(spec(), spec(url="https://post.example/rss", name="Post", tags=frozenset())),
    topics=(PATROLS, FLOODS),
    routes=(DUTY, Route(name="Asia", channels=("#asia",), tags=frozenset({"asia"}))),
    channels={
        "#news-alerts": ChannelPlan(channel="#news-alerts", quiet_hours=NIGHT),
        "#duty": ChannelPlan(channel="#duty", quiet_hours=NIGHT),
        "#asia": ChannelPlan(channel="#asia"),
    },
    warnings=(),
)
MIDNIGHT = datetime(2026, 11, 20, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def sample(title: str = ABOUT, **changes: Any) -> Sample:
    item = ParsedItem(guid=None, url=None, title=title, summary="")
    plain = Sample(item=item, feed=None, tags=frozenset(), scores=None, sources=1, at=None)
    return replace(plain, **changes)


def tried(told: Sample, *scored: Scored, now: datetime = NOW) -> Trial:
    return try_routes(CONFIG, told, scored, now)


# --- the file --------------------------------------------------------------------------------------


def written(folder: Path, content: object) -> Path:
    path = folder / "item.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_file_may_say_everything(tmp_path: Path) -> None:
    told = {
        "title": " Raid\n near Jolo",
        "summary": "Long story",
        "url": "https://wire.example/1",
        "feed": "Wire",
        "tags": ["asia"],
        "scores": {"patrols": 80},
        "sources": 3,
        "time": "2026-11-20T23:30+01:00",
    }
    read = read_sample(written(tmp_path, told), CONFIG)
    assert (read.item.title, read.item.summary) == ("Raid near Jolo", "Long story")
    assert (read.item.url, read.feed) == ("https://wire.example/1", "Wire")
    assert (read.tags, read.scores, read.sources) == (frozenset({"asia", "world"}), {"patrols": 80}, 3)
    assert read.at == datetime(2026, 11, 20, 22, 30, tzinfo=UTC)


def test_a_title_is_enough(tmp_path: Path) -> None:
    read = read_sample(written(tmp_path, {"title": "Raid"}), CONFIG)
    assert (read.feed, read.tags, read.scores, read.sources, read.at) == (None, frozenset(), None, 1, None)
    assert read_sample(written(tmp_path, {"title": "R", "time": "2026-11-20"}), CONFIG).at == datetime(
        2026, 11, 20, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{\n  title: x}", "2:3: this is not JSON: expecting property name"),
        ("[]", "1:1: an object is needed here"),
        ({"titel": "x"}, "1:1: there is no key 'titel'; did you mean 'title'?"),
        ({"url": "https://wire.example/1"}, "1:1: an item needs a title or a summary"),
        ({"title": 5}, "1:1: 'title' needs a text"),
        ({"title": "x", "feed": "Wires"}, "1:1: there is no feed 'Wires'; did you mean 'Wire'?"),
        ({"title": "x", "tags": "asia"}, "1:1: 'tags' needs a list of texts"),
        ({"title": "x", "scores": 80}, "1:1: 'scores' needs an object"),
        (
            {"title": "x", "scores": {"patrol": 80}},
            "1:1: there is no topic 'patrol'; did you mean 'patrols'?",
        ),
        ({"title": "x", "scores": {"patrols": 101}}, "1:1: the score of 'patrols' must be a number from 0"),
        ({"title": "x", "scores": {"patrols": True}}, "1:1: the score of 'patrols' must be"),
        ({"title": "x", "sources": 0}, "1:1: 'sources' needs a number, 1 or more"),
        ({"title": "x", "time": "noon"}, "1:1: 'time' needs a date and time"),
        ({"title": "x", "time": "0001-01-01T00:00+02:00"}, "1:1: 'time' needs a date and time"),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, content: object, expected: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ConfigurationError) as caught:
        read_sample(path, CONFIG)
    assert str(caught.value).startswith(f"{path}:{expected}")


def test_a_file_nested_too_deeply_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "item.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigurationError, match=r"item\.json:1:1: maximum recursion depth"):
        read_sample(path, CONFIG)


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read this file: no such file"):
        read_sample(tmp_path / "none.json", CONFIG)


# --- scores ----------------------------------------------------------------------------------------


async def scored(told: Sample, config: Configuration = CONFIG) -> dict[str, float]:
    found = await score_sample(told, config.topics, now=NOW, load=WordEncoder)
    return {one.topic.id: one.score for one in found}


async def test_the_model_scores_what_has_no_scores() -> None:
    found = await scored(sample())
    assert found["patrols"] > 50 > found.get("floods", 0.0)


async def test_told_scores_are_taken_as_they_are() -> None:
    assert await scored(sample("nothing", scores={"floods": 70.0})) == {"floods": 70.0}


async def test_only_topics_that_listen_to_the_feed_are_tried() -> None:
    asian = replace(CONFIG, topics=(replace(PATROLS, feeds=frozenset({"asia"})),))
    assert await scored(sample(feed="Wire", tags=frozenset({"world"})), asian) == {}
    assert "patrols" in await scored(sample(feed="Wire", tags=frozenset({"asia"})), asian)
    # Without a feed nobody can say who listens.
    assert "patrols" in await scored(sample(), asian)


async def test_a_rule_of_words_keeps_an_item_out() -> None:
    gated = replace(PATROLS, must_mention=("Jolo",))
    (one,) = await score_sample(sample(), [gated], now=NOW, load=WordEncoder)
    trial = tried(sample(), one)
    assert trial.matched == ()
    assert lines(CONFIG, trial)[0].endswith("score 0, cut 50; kept out: mentions none of Jolo")


# --- where it goes ---------------------------------------------------------------------------------


def test_every_channel_is_named_with_its_reason_and_every_other_route_with_why_not() -> None:
    text = lines(CONFIG, tried(sample(sources=2), Scored(topic=PATROLS, score=80.5)))
    assert text == [
        f"{ABOUT} (patrols): score 80.5, cut 50",
        "  #news-alerts: routine, the topic's own channel",
        "      at once, updates every 5m",
        "  #duty: urgent, mentions here, by route 'Duty'",
        "      at once, updates every 5m",
        "  not by route 'Asia': no feed tagged asia brought it",
    ]


def test_quiet_hours_hold_what_is_not_urgent() -> None:
    trial = tried(sample(sources=2), Scored(topic=PATROLS, score=80.0), now=MIDNIGHT)
    (matched,) = trial.matched
    held = {to.destination.channel: to.held_until for to in matched.sendings}
    assert held == {"#news-alerts": datetime(2026, 11, 21, 6, tzinfo=UTC), "#duty": None}
    until = "      quiet hours hold it until Sat 2026-11-21 07:00 (Europe/Paris)"
    assert [line for line in lines(CONFIG, trial) if "quiet" in line] == [until]


def test_timing_is_the_routes() -> None:
    slow = replace(DUTY, wait_before_first=timedelta(minutes=90), remind_after=timedelta(hours=2))
    config = replace(CONFIG, routes=(slow,))
    trial = try_routes(config, sample(sources=2), [Scored(topic=PATROLS, score=80.0)], NOW)
    assert "      after 90m, updates every 5m, reminds after 2h" in lines(config, trial)


def test_the_nearest_topic_is_named_where_none_matches() -> None:
    trial = tried(sample(), Scored(topic=PATROLS, score=20.0), Scored(topic=FLOODS, score=40.0))
    assert trial.nearest == Scored(topic=FLOODS, score=40.0)
    assert lines(CONFIG, trial) == [
        "no topic matches it; the nearest is rivers flood a town (floods): score 40, cut 50"
    ]
    assert lines(CONFIG, tried(sample())) == ["no topic matches it, and none comes near"]


def test_json_says_the_same() -> None:
    told = as_json(tried(sample(sources=2), Scored(topic=PATROLS, score=80.0), now=MIDNIGHT))
    assert told["nearest"] is None
    (found,) = told["topics"]
    assert (found["topic"], found["score"], found["cut"]) == ("patrols", 80.0, 50.0)
    assert [to["held_until"] for to in found["to"]] == ["2026-11-21T06:00:00+00:00", None]
    assert found["to"][1] == {
        "channel": "#duty",
        "level": "urgent",
        "mention": "here",
        "route": "Duty",
        "wait_before_first": "0s",
        "update_every": "5m",
        "remind_after": None,
        "held_until": None,
    }
    assert found["not_by"] == [{"route": "Asia", "why": "no feed tagged asia brought it"}]
    assert as_json(tried(sample(), Scored(topic=FLOODS, score=9.0)))["nearest"]["topic"] == "floods"
