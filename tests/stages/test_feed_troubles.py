"""What goes wrong with feeds, over real sockets, as those who run the service hear of it in Slack.

Every fault: told once, with its cause and what can be done; and once more when it is over.
"""

import ssl
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path

import pytest
from authority import make_authority
from builders import NOW, spec
from troubled import HOST, LIMITS, Desk, answer, desk, rss, serving

from monitor.storage import Storage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")


# --- faults of one feed ---------------------------------------------------------------------------------

CHALLENGE = answer(b"<html><title>Just a moment...</title>", "403 Forbidden", "cf-mitigated: challenge")
LOGIN = b"<!doctype html><form><input type='password'></form>"
FAULTS: dict[str, tuple[bytes | None, str, str]] = {
    # what the server says instead of the feed, the cause, and what can be done
    "address": (
        answer(b"", "302 Found", "Location: http://10.0.0.1/"),
        "10.0.0.1",
        "add that network to fetch.allow_private",
    ),
    "challenge": (CHALLENGE, "asks for proof of a human reader", "look for another feed of the site"),
    "connect": (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", "broke off", "DNS and firewall"),
    "empty": (answer(b""), "an empty document", "Nothing to do at first"),
    "gone": (answer(b"", "410 Gone"), "gone for good", "look for another or remove it"),
    "html": (answer(b"<!doctype html><p>Hello"), "a web page, not a feed", "the page may name its feed"),
    "http": (answer(b"", "503 Service Unavailable"), "HTTP 503", "may pass"),
    "login": (answer(LOGIN), "a page to log in", "look for a public address"),
    "parse": (answer(b'{"version": "https://jsonfeed.org/version/1", '), "cannot be read", "feeds check"),
    "redirect": (
        answer(b"", "302 Found", "Location: /feed"),
        "in a circle",
        "Put the address into feeds.yaml",
    ),
    "size": (answer(b" " * 3_000_001), "larger than", "the feed of one section"),
    "timeout": (None, "sent nothing for 0.5 s", "Nothing to do if it passes"),
}


async def told_once_and_its_end(
    desk: Desk, break_it: Callable[[], object], mend_it: Callable[[], object], cause: str, remedy: str
) -> None:
    await desk.round(2)
    assert desk.told() == [], "a feed that is well is not talked about"
    break_it()
    await desk.rounds_until(told=1)
    assert len(desk.told()) == 1
    assert desk.told()[0].startswith("Trouble: Wire"), desk.told()
    assert cause in desk.told()[0]
    assert remedy in desk.told()[0]
    await desk.round(4)
    assert len(desk.told()) == 1, "once"
    assert desk.feed().troubles
    mend_it()
    await desk.rounds_until(told=2)
    assert len(desk.told()) == 2
    assert desk.told()[1].startswith("Over: Wire")
    await desk.round(4)
    assert len(desk.told()) == 2, "once"
    assert not desk.feed().troubles


@pytest.mark.slow
@pytest.mark.parametrize("kind", FAULTS)
async def test_failures_of_each_kind(storage: Storage, kind: str) -> None:
    instead, cause, remedy = FAULTS[kind]
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = answer(rss(1, 2))

        def break_it() -> None:
            server.says["/feed"] = instead

        def mend_it() -> None:
            assert desk_kind(at) == kind
            server.says["/feed"] = answer(rss(1, 2, 3))

        await told_once_and_its_end(at, break_it, mend_it, cause, remedy)


def desk_kind(at: Desk) -> str:
    """The kind of the only open trouble."""
    (kind,) = at.feed().troubles
    return kind


@pytest.mark.slow
async def test_a_document_that_hangs_its_reader(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        says = server.says
        says["/feed"] = well = answer(rss(1, 2))
        nested = answer(b'<rss version="2.0"><channel>' + b"<a>" * 900_000)
        await told_once_and_its_end(
            at,
            lambda: says.update({"/feed": nested}),
            lambda: says.update({"/feed": well}),
            "4 s",
            "longer to read than any feed should",
        )


async def test_a_certificate_that_has_expired(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_authority(tmp_path, HOST)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def show(certificate: str) -> None:
        shown.load_cert_chain(tmp_path / certificate, tmp_path / "server.key")

    show("good.pem")
    async with serving(shown) as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = answer(rss(1, 2))
        await told_once_and_its_end(
            at,
            lambda: show("expired.pem"),
            lambda: show("good.pem"),
            "it has expired",
            "must mend its certificate",
        )


async def test_items_that_have_lost_their_dates(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = answer(rss(1, 2, 3))
        await told_once_and_its_end(
            at,
            lambda: server.says.update({"/feed": answer(rss(1, 2, 3, 4, dated=False))}),
            lambda: server.says.update({"/feed": answer(rss(1, 2, 3, 4, 5))}),
            "None of its 4 items has a date",
            "judged by when they were first seen",
        )


@pytest.mark.slow
async def test_a_feed_that_has_fallen_silent(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        for n in range(1, 60):  # an item at each poll
            server.says["/feed"] = answer(rss(*range(n), at=at.now))
            await at.round()
        busy_until = at.now
        while not at.told():
            await at.round()
        silence = at.now - busy_until
        assert timedelta(days=4) < silence < timedelta(days=5)
        assert "nothing new has appeared for 4 d" in at.told()[0]
        assert "left behind for another one" in at.told()[0]
        await at.round(5)
        assert len(at.told()) == 1
        server.says["/feed"] = answer(rss(99, at=at.now))
        await at.rounds_until(told=2)
        assert at.told()[1].startswith("Over: Wire")


async def test_guids_that_are_all_made_anew(storage: Storage) -> None:
    def shown(generation: str, count: int) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{generation}{n}</guid><link>https://wire.example/{n}</link>"
            f"<title>Report number {n} of the river patrol</title></item>"
            for n in range(count)
        )
        dated = (
            f"<item><guid>dated</guid><pubDate>{format_datetime(NOW)}</pubDate><title>Dated</title></item>"
        )
        return answer(f"<rss version='2.0'><channel>{items}{dated}</channel></rss>".encode())

    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = shown("a", 40)
        await at.round(2)
        for generation in "bcd":
            server.says["/feed"] = shown(generation, 40)
            await at.round()
        (told,) = at.told()
        assert "40 of its 41 items came back under other guids" in told
        assert "told no second time" in told
        assert storage.ledger.counts()["items"] == 41
        for count in range(41, 46):  # five documents with news, their guids steady
            server.says["/feed"] = shown("d", count)
            await at.round()
        assert at.told()[1].startswith("Over: Wire")
        assert storage.ledger.counts()["items"] == 46


# --- moving ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["301 Moved Permanently", "308 Permanent Redirect"])
async def test_a_feed_that_has_moved_is_asked_where_it_lives_and_that_is_told(
    storage: Storage, status: str
) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/old")) as at:
        server.says = {
            "/old": answer(b"", status, "Location: /new"),
            "/new": answer(rss(1, 2)),
        }
        await at.round(2)
        assert at.told() == [], "one redirect may be a mistake"
        await at.round()
        (told,) = at.told()
        assert f"moved for good to {server.origin}/new" in told
        assert "Put the new address into feeds.yaml" in told
        server.asked.clear()
        await at.round(3)
        assert server.asked == ["/new"] * 3
        assert len(at.told()) == 1
        # The new address goes into feeds.yaml: the feed is the same one, its items are known.
        storage.polls.sync_feeds([spec(url=f"{server.origin}/new")], at.now)
        await at.round(2)
        assert at.told()[1].startswith("Over: Wire")
        assert storage.ledger.counts()["items"] == 2


async def test_an_outage_after_a_move_is_told_as_what_it_is(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/old")) as at:
        server.says = {
            "/old": answer(b"", "301 Moved Permanently", "Location: /new"),
            "/new": answer(rss(1, 2)),
        }
        await at.round(3)
        for _ in range(2):
            server.says["/new"] = answer(b"", "503 Service Unavailable")
            await at.round(6)
            server.says["/new"] = answer(rss(1, 2))
            await at.round(2)
        assert at.feed().health.address == f"{server.origin}/new"
        assert [told.partition(":")[0] for told in at.told()] == ["Trouble", *(["Trouble", "Over"] * 2)]
        assert at.feed().troubles == {"moved"}


async def test_what_no_text_can_hold_is_a_failure_like_any_other(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = b"HTTP/1.1 500 Erro \xe9\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        await at.rounds_until(told=1)
        assert "HTTP 500 Erro" in at.told()[0]
        server.says["/feed"] = (
            b"HTTP/1.1 301 Movido\r\nLocation: /not\xedcias\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        server.says["/not%EDcias"] = answer(rss(1, 2))
        await at.round(4)
        assert at.feed().health.address == f"{server.origin}/not%EDcias"
        assert storage.ledger.counts()["items"] == 2


async def test_an_address_that_is_no_good_is_given_up_for_the_old_one(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/old")) as at:
        server.says = {
            "/old": answer(b"", "301 Moved Permanently", "Location: /new"),
            "/new": answer(rss(1, 2)),
        }
        await at.round(3)
        assert at.feed().health.address == f"{server.origin}/new"
        server.says = {"/old": answer(rss(1, 2, 3)), "/new": answer(b"", "410 Gone")}
        await at.rounds_until(told=3)
        assert [told.partition(":")[0] for told in at.told()] == ["Trouble", "Trouble", "Over"]
        assert server.asked[-1] == "/old"
        assert not at.feed().troubles


async def test_a_redirect_that_is_not_for_good_moves_nothing(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/old")) as at:
        server.says = {"/old": answer(b"", "302 Found", "Location: /new"), "/new": answer(rss(1, 2))}
        await at.round(6)
        assert at.feed().health.address is None
        assert at.told() == []


# --- all feeds at once ----------------------------------------------------------------------------------


@pytest.mark.slow
async def test_when_two_hundred_feeds_fail_at_once_it_is_our_network(storage: Storage) -> None:
    limits = replace(LIMITS, allow_private=(ip_network("127.0.0.0/8"),), concurrency=200)
    async with serving(host="0.0.0.0") as server:
        port = int(server.origin.rpartition(":")[2])
        feeds = [spec(url=f"http://127.1.0.{n + 1}:{port}/{n}", name=f"Feed {n}") for n in range(200)]
        server.says = {f"/{n}": answer(rss(n)) for n in range(200)}
        async with desk(storage, *feeds, limits=limits) as at:
            await at.round(2)
            assert storage.ledger.counts()["items"] == 200
            await server.stop()
            began = at.now
            while at.now < began + timedelta(minutes=40):
                await at.round()
            (told,) = at.told()
            assert told.startswith("Trouble: All feeds")
            assert "could not be reached" in told
            assert "this machine's network" in told
            counted = [feed.health.failures for feed in storage.ledger.feeds()]
            # What failed before anybody could know: how much that is depends on which answers come first.
            assert max(counted) <= 1
            assert sum(counted) <= 50
            assert {feed.troubles for feed in storage.ledger.feeds()} == {frozenset()}
            server.says = {f"/{n}": answer(rss(n, 1000 + n)) for n in range(200)}
            await server.start(port)
            server.asked.clear()
            await at.round(2)
            assert sorted(set(server.asked)) == sorted(server.says), "all have been caught up with at once"
            assert storage.ledger.counts()["items"] == 400
            assert [told.partition(":")[0] for told in at.told()] == ["Trouble", "Over"]
            assert {feed.health.failures for feed in storage.ledger.feeds()} == {0}


async def test_a_blackout_outlives_a_restart(storage: Storage) -> None:
    storage.troubles.begin_blackout("Of the last 9 feeds polled, 9 could not be reached.", NOW)
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = answer(rss(1))
        await at.round(2)
        assert storage.troubles.blackout_since() is None


# --- a server that says nothing has changed ---------------------------------------------------------------


@pytest.mark.slow
async def test_a_304_that_hides_items_is_found_out_and_the_server_believed_no_more(storage: Storage) -> None:
    unchanged = answer(b"", "304 Not Modified", 'ETag: "1"')
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = answer(rss(1), "200 OK", 'ETag: "1"')
        server.unchanged["/feed"] = unchanged
        await at.round()
        server.says["/feed"] = answer(rss(1, 2), "200 OK", 'ETag: "1"')
        while storage.ledger.counts()["items"] == 1:
            await at.round()
        assert timedelta(days=1) <= at.now - NOW < timedelta(days=1, hours=1), "verified once a day"
        server.says["/feed"] = answer(rss(1, 2, 3), "200 OK", 'ETag: "1"')
        await at.round()
        assert storage.ledger.counts()["items"] == 3, "asked without conditions"


@pytest.mark.slow
async def test_a_server_that_tells_the_truth_is_asked_for_the_whole_once_a_day(storage: Storage) -> None:
    async with serving() as server, desk(storage, spec(url=f"{server.origin}/feed")) as at:
        server.says["/feed"] = answer(rss(1), "200 OK", 'ETag: "1"')
        server.unchanged["/feed"] = answer(b"", "304 Not Modified", 'ETag: "1"')
        await at.round()
        server.asked.clear()
        while at.now < NOW + timedelta(days=3):
            await at.round()
        assert server.asked.count("/feed") == 2
        assert server.asked.count("/feed unless it has changed") > 50
        assert at.feed().health.mistrusted_at is None
