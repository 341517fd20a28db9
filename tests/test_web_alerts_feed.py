"""Feeds of alerts over real sockets: asked for, asked for again, and subscribed to by a monitor."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import aiohttp
import feedparser
import pytest
from builders import HOUR, NOW, feed, keyed, score, stored_items, topic
from storied import MINUTE, beside, decided, matching, storied

from monitor.feeds import FetchLimits, open_source
from monitor.health import Health
from monitor.records import Fetched, NotModified
from monitor.storage import Storage
from monitor.storage.tables import alerts
from monitor.threads import OwnThread
from monitor.web import AlertFeeds, serve

TOPICS = (
    topic(),
    topic(id="raids", name="Raids"),
    topic(id="floods", name="Floods", watchlist="Wetter über Köln"),
)
TAG = "tag:news-monitor.invalid,2026:"


@asynccontextmanager
async def served(storage: Storage, database: OwnThread, public_url: str | None = None) -> AsyncIterator[str]:
    async with serve(
        "127.0.0.1",
        0,
        health=Health(started_at=NOW),
        ledger=storage.ledger,
        database=database,
        now=lambda: NOW,
        longest_interval=HOUR,
        alert_feeds=AlertFeeds(store=storage.alert_feeds, topics=TOPICS, public_url=public_url),
    ) as port:
        yield f"http://127.0.0.1:{port}"


async def asked(url: str, **headers: str) -> tuple[int, bytes, Any]:
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    async with aiohttp.ClientSession() as session, session.get(url, headers=spelled) as response:
        return response.status, await response.read(), response.headers


async def ids(url: str) -> list[str]:
    read = json.loads((await asked(f"{url}/watchlists/desk/alerts.json"))[1])
    return [entry["id"].removeprefix(TAG) for entry in read["items"]]


async def test_the_index_names_every_watchlist_and_its_feeds(storage: Storage, database: OwnThread) -> None:
    async with served(storage, database) as url:
        status, body, _ = await asked(f"{url}/watchlists")
        assert status == 200
        assert json.loads(body) == [
            {"name": name, "atom": f"{base}/alerts.atom", "json": f"{base}/alerts.json"}
            for name, base in (
                ("Desk", f"{url}/watchlists/desk"),
                ("Wetter über Köln", f"{url}/watchlists/wetter-uber-koln"),
            )
        ]
        for entry in json.loads(body):
            assert (await asked(entry["atom"]))[0] == (await asked(entry["json"]))[0] == 200
        for unknown in ("/watchlists/other/alerts.atom", "/watchlists/desk/alerts.rss"):
            assert (await asked(url + unknown))[0] == 404


async def test_both_formats_say_what_they_are(storage: Storage, database: OwnThread) -> None:
    async with served(storage, database) as url:
        for name, expected in (("atom", "application/atom+xml"), ("json", "application/feed+json")):
            _, _, headers = await asked(f"{url}/watchlists/desk/alerts.{name}")
            assert headers["Content-Type"] == f"{expected}; charset=utf-8"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cache-Control"] == "no-cache"
            assert headers["ETag"]


async def test_links_to_itself_follow_the_public_address(storage: Storage, database: OwnThread) -> None:
    async with served(storage, database, "https://monitor.example/news/") as url:
        read = feedparser.parse((await asked(f"{url}/watchlists/desk/alerts.atom"))[1])
        assert read.feed.links[0].href == "https://monitor.example/news/watchlists/desk/alerts.atom"


class TestEntries:
    async def test_are_the_stories_told_the_last_one_first(
        self, storage: Storage, database: OwnThread, database_file: Path
    ) -> None:
        one, two, three, four = (matching(storage, n) for n in (1, 2, 3, 4))
        first = storied(database_file, [one, two], at=NOW - HOUR)
        last = storied(database_file, [three], at=NOW)
        decided(database_file, four, "quiet", at=NOW)
        async with served(storage, database) as url:
            assert await ids(url) == [f"patrols/story/{last}", f"patrols/story/{first}"]

    async def test_are_those_of_the_watchlists_own_topics(
        self, storage: Storage, database: OwnThread, database_file: Path
    ) -> None:
        for n, topic_id in enumerate(("patrols", "raids", "floods", "gone"), 1):
            item = matching(storage, n, topic_id=topic_id)
            storied(database_file, [item], topic_id=topic_id, at=NOW + n * MINUTE)
        async with served(storage, database) as url:
            assert [id_.partition("/")[0] for id_ in await ids(url)] == ["raids", "patrols"]

    async def test_name_the_item_that_the_story_was_told_with(
        self, storage: Storage, database: OwnThread, database_file: Path
    ) -> None:
        early, told = matching(storage, 1, title="Too old to tell"), matching(storage, 2, title="Told")
        storied(database_file, [early, told])
        with beside(database_file) as db:
            db.execute(alerts.update().where(alerts.c.item_id == early.id).values(decision="quiet"))
            db.execute(alerts.update().where(alerts.c.item_id == told.id).values(decision="alert"))
        async with served(storage, database) as url:
            read = feedparser.parse((await asked(f"{url}/watchlists/desk/alerts.atom"))[1])
            assert [(entry.title, entry.published) for entry in read.entries] == [
                ("Told", "2026-11-20T12:01:00Z")
            ]

    async def test_told_before_there_were_stories_are_told_item_by_item(
        self, storage: Storage, database: OwnThread, database_file: Path
    ) -> None:
        one, two = matching(storage, 1), matching(storage, 2)
        decided(database_file, one, "alert", at=NOW)
        decided(database_file, two, "alert", at=NOW + MINUTE)
        async with served(storage, database) as url:
            assert await ids(url) == [f"patrols/item/{two.id}", f"patrols/item/{one.id}"]

    async def test_are_a_hundred_at_most(
        self, storage: Storage, database: OwnThread, database_file: Path
    ) -> None:
        items = stored_items(storage, *(keyed(n) for n in range(103)))
        storage.scores.record_scores(items, [score(item.id) for item in items], NOW)
        for n, item in enumerate(items):
            decided(database_file, item, "alert", at=NOW + n * MINUTE)
        async with served(storage, database) as url:
            assert await ids(url) == [f"patrols/item/{item.id}" for item in items[:2:-1]]


class TestAskedAgain:
    @pytest.fixture
    def story(self, storage: Storage, database_file: Path) -> int:
        return storied(database_file, [matching(storage, 1), matching(storage, 2)])

    @pytest.mark.parametrize("name", ["alerts.atom", "alerts.json"])
    async def test_nothing_has_changed(
        self, storage: Storage, database: OwnThread, story: int, name: str
    ) -> None:
        async with served(storage, database) as base:
            url = f"{base}/watchlists/desk/{name}"
            _, _, known = await asked(url)
            assert known["Last-Modified"] == "Fri, 20 Nov 2026 12:01:00 GMT"
            etag, since = known["ETag"], known["Last-Modified"]
            for conditions in (
                {"If_None_Match": etag},
                {"If_None_Match": f'"other", W/{etag}'},
                {"If_None_Match": "*"},
                {"If_Modified_Since": since},
                {"If_None_Match": etag, "If_Modified_Since": "Fri, 20 Nov 2026 12:00:00 GMT"},
            ):
                status, body, headers = await asked(url, **conditions)
                assert (status, body, headers["ETag"]) == (304, b"", etag)

    async def test_what_has_changed_comes_whole(
        self, storage: Storage, database: OwnThread, story: int
    ) -> None:
        async with served(storage, database) as base:
            url = f"{base}/watchlists/desk/alerts.atom"
            _, _, known = await asked(url)
            found = storage.stories.story(story)
            assert found is not None
            moved = frozenset({found.items[1].match.item.id})
            storage.stories.split(story, moved, by="ann", now=NOW + HOUR)
            for conditions in (
                {"If_None_Match": known["ETag"]},
                {"If_Modified_Since": known["Last-Modified"]},
                {"If_None_Match": known["ETag"], "If_Modified_Since": "Fri, 20 Nov 2026 18:00:00 GMT"},
            ):
                status, body, headers = await asked(url, **conditions)
                assert status == 200
                assert "1 item from 1 source" in feedparser.parse(body).entries[0].summary
                assert headers["ETag"] != known["ETag"]


@pytest.mark.parametrize("name", ["alerts.atom", "alerts.json"])
async def test_a_monitor_can_subscribe_to_a_monitor(
    storage: Storage, database: OwnThread, database_file: Path, name: str
) -> None:
    item = matching(storage, 1, title="Camp <found> & lost \U0001f6f0")
    story = storied(database_file, [item])
    limits = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),))
    async with served(storage, database) as url, open_source(limits) as source:
        subscribed = feed(url=f"{url}/watchlists/desk/{name}")
        fetched = await source.fetch(subscribed)
        assert isinstance(fetched, Fetched), fetched
        (shown,) = fetched.items
        assert (shown.guid, shown.title, shown.url, shown.author, shown.published) == (
            f"{TAG}patrols/story/{story}",
            item.title,
            item.url,
            "Outlet 1",
            NOW,
        )
        again = replace(subscribed, etag=fetched.etag, last_modified=fetched.last_modified)
        assert isinstance(await source.fetch(again), NotModified)
