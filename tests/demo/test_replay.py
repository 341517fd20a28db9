"""Captured bodies, served at the time of their capture."""

import json
import math
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from monitor.demo.replay import Capture, FeedServer, by_time, parse_speed, read_index, unpacked
from monitor.demo.show import SAMPLES
from monitor.errors import MonitorError


def index_line(feed: str, captured_at: str, **more: object) -> str:
    return json.dumps({"feed": feed, "captured_at": captured_at, "file": f"{feed}/{captured_at}.xml", **more})


@pytest.mark.parametrize(
    ("text", "speed"), [("max", math.inf), ("3600", 3600.0), ("0.5", 0.5), ("10x", 10.0)]
)
def test_speeds(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "nan", "x"])
def test_speeds_that_are_none(text: str) -> None:
    with pytest.raises(MonitorError, match="write a number above 0"):
        parse_speed(text)


def test_the_index_is_read_in_order_of_time(tmp_path: Path) -> None:
    index = tmp_path / "index.jsonl"
    index.write_text(
        index_line("b", "20200102T000000Z", name="Outlet B", tags=["x"])
        + "\n\n"
        + index_line("a", "20200101T000000Z")
        + "\n"
        + index_line("a", "20200102T000000Z")
    )
    moments = by_time(read_index(index))
    assert [(f"{moment:%d}", [capture.feed for capture in group]) for moment, group in moments] == [
        ("01", ["a"]),
        ("02", ["a", "b"]),
    ]
    named = moments[1][1][1]
    assert (named.name, named.tags) == ("Outlet B", frozenset({"x"}))
    assert moments[0][1][0].name == "a"


@pytest.mark.parametrize(
    "line", ["{", "[]", "{}", index_line("a", "yesterday"), '{"feed":"a","captured_at":3,"file":"f"}']
)
def test_a_bad_line_of_the_index_is_named(tmp_path: Path, line: str) -> None:
    index = tmp_path / "index.jsonl"
    index.write_text(index_line("a", "20200101T000000Z") + "\n" + line)
    with pytest.raises(MonitorError, match=r"index\.jsonl:2"):
        read_index(index)


def test_an_archive_is_unpacked_and_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.xml").write_text("<rss/>")
    archive = tmp_path / "bodies.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(tmp_path / "a", arcname="a")
    with unpacked(archive) as folder:
        assert (folder / "a" / "1.xml").read_text() == "<rss/>"
    assert not folder.exists()
    with unpacked(tmp_path) as itself:
        assert itself == tmp_path
    assert tmp_path.exists()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bodies.tar").write_text("not a tar")
    with (
        pytest.raises(MonitorError, match="neither a folder nor a tar archive"),
        unpacked(tmp_path / "bodies.tar"),
    ):
        pass


async def test_the_server_shows_the_latest_capture_with_an_etag(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_text("<rss>one</rss>")
    (tmp_path / "2.xml").write_text("")
    captures = [
        Capture(feed="a", captured_at=datetime(2020, 1, 1, tzinfo=UTC), file=file, name="A", tags=frozenset())
        for file in ("1.xml", "2.xml")
    ]
    server = FeedServer(tmp_path)
    async with server.running(), aiohttp.ClientSession() as client:
        server.show(captures[0])
        url = server.specs["a"].url
        async with client.get(url) as answer:
            assert await answer.text() == "<rss>one</rss>"
            etag = answer.headers["ETag"]
        async with client.get(url, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 304
        server.show(captures[1])
        async with client.get(url, headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with client.get(url.replace("/a/", "/b/")) as answer:
            assert answer.status == 404


def test_the_samples_are_whole() -> None:
    captures = read_index(SAMPLES / "index.jsonl")
    assert {capture.file for capture in captures} == {
        str(path.relative_to(SAMPLES)) for path in SAMPLES.rglob("*.xml")
    }
    assert len({capture.feed for capture in captures}) >= 6
    assert all(capture.tags for capture in captures)
