"""The list of routes and channels, as the file was understood."""

from dataclasses import replace
from datetime import time, timedelta

from monitor.configuration import Configuration
from monitor.records import ChannelPlan, DigestPlan, QuietHours, Route
from monitor.routeslist import as_json, lines
from monitor.settings import Settings

EMPTY = Configuration(settings=Settings(), feeds=(), topics=(), warnings=())
DUTY = Route(
    name="Duty",
    channels=("#duty", "#desk"),
    topics=frozenset({"b", "a"}),
    tags=frozenset({"asia"}),
    least_score=50.0,
    most_score=80.0,
    least_sources=3,
    level="urgent",
    mention="here",
    instead=True,
    remind_after=timedelta(minutes=30),
)
QUIET = QuietHours(begin=time(22), end=time(7), time_zone="Europe/Paris", days=frozenset({6, 0}))
PLAN = ChannelPlan(
    channel="#duty",
    quiet_hours=QUIET,
    digests=(DigestPlan(period="weekly", at=time(8), time_zone="Europe/Paris", weekday=4),),
)
CONFIG = replace(
    EMPTY,
    routes=(
        DUTY,
        Route(name="All", channels=("#all",)),
        Route(name="Sure", channels=("#s",), least_score=90),
    ),
    channels={"#duty": PLAN, "#all": ChannelPlan(channel="#all")},
)


def test_it_reads_like_the_file() -> None:
    assert lines(CONFIG) == [
        "Duty: urgent, mentions here, to #duty, #desk, instead of the topic's own channel",
        "    topics a, b; feeds tagged asia; score from 50 to under 80; 3 independent sources",
        "    remind_after 30m",
        "All: routine, to #all",
        "    every story",
        "Sure: routine, to #s",
        "    score from 90",
        "#duty: quiet 22:00-07:00 Europe/Paris on mon, sun, but for urgent stories; "
        "digest weekly fri 08:00 Europe/Paris",
        "#all: nothing",
    ]


def test_without_routes_it_says_where_stories_go() -> None:
    assert lines(EMPTY) == ["no routes: every story goes to its topic's own channel"]


def test_json_names_things_as_the_file_does() -> None:
    told = as_json(CONFIG)
    assert told["routes"][0] == {
        "name": "Duty",
        "topics": ["a", "b"],
        "watchlists": [],
        "tags": ["asia"],
        "score": [50.0, 80.0],
        "sources": 3,
        "to": ["#duty", "#desk"],
        "level": "urgent",
        "mention": "here",
        "instead": True,
        "remind_after": "30m",
    }
    quiet = told["channels"]["#duty"]["quiet_hours"]
    assert (quiet["from"], quiet["to"], quiet["days"]) == ("22:00", "07:00", ["mon", "sun"])
    assert told["channels"]["#duty"]["digests"] == [{"when": "weekly fri 08:00", "time_zone": "Europe/Paris"}]
    assert told["channels"]["#all"] == {"quiet_hours": None, "digests": []}
