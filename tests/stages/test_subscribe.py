"""Subscribing over real sockets: a hub, a feed that names it, and the service between them."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest
from builders import HOUR, NOW, opened, spec
from hubs import Hub, running_hub
from sites import Site, running_site

from monitor.feeds import FetchLimits, open_source
from monitor.health import Health
from monitor.poll import Poll, PollReport
from monitor.records import FeedSpec, Subscription
from monitor.storage import Storage
from monitor.subscribe import Subscribe, open_subscribe
from monitor.threads import OwnThread
from monitor.web import serve
from monitor.websub import DENIED_FOR, LEASE, LONGEST_LEASE, PING_SPACING, SECOND_LOOK

LIMITS = FetchLimits(allow_private=(ip_network("127.0.0.0/8"),), max_bytes=100_000)
MINUTE = timedelta(minutes=1)
EVERY = HOUR
SLOW, USUAL = 6 * EVERY, 2 * EVERY
"""When polls are only a safety net, they are that far apart; else never so far, whatever is learned here."""
DAY = timedelta(days=1)


@dataclass
class Desk:
    """The service as far as hubs and polls go; its clock is the test's."""

    storage: Storage
    hub: Hub
    site: Site
    poll: Poll
    subscribe: Subscribe | None
    clock: "Clock"
    public_url: str
    reports: list[PollReport]
    bell: asyncio.Event
    published: list[tuple[int, datetime]] = field(default_factory=list)

    @property
    def topic(self) -> str:
        return f"{self.site.origin}/feed.xml"

    @property
    def spec(self) -> FeedSpec:
        return spec(url=self.topic, name="Wire", every=EVERY)

    def publish(self, *, hub: str | None = "", ago: timedelta = timedelta()) -> None:
        """Have the feed show one more item, and name a hub: ours unless told otherwise."""
        self.published.append((len(self.published), self.clock.now - ago))
        self.show(self.hub.url if hub == "" else hub)

    def show(self, hub: str | None, path: str = "/feed.xml") -> None:
        items = "".join(
            f"<item><guid>g{n}</guid><title>Report {n}</title><pubDate>{format_datetime(at)}</pubDate></item>"
            for n, at in reversed(self.published)
        )
        link = f'<{hub}>; rel="hub", <{self.site.origin}{path}>; rel="self"' if hub else ""
        document = f"<rss version='2.0'><channel><title>Wire</title>{items}</channel></rss>"
        self.site.page(path, document, ETag=f'"{len(self.published)}"', Link=link)

    async def round(self, later: timedelta = timedelta()) -> int:
        """Let time pass, then do whatever is due; return how many feeds were polled."""
        self.clock.now += later
        polled = await self.poll.work()
        if self.subscribe is not None:
            await self.subscribe.work()
        await self.hub.settled()
        return polled

    async def begin(self) -> None:
        """Have the feed polled once, and subscribed to."""
        self.storage.polls.sync_feeds([self.spec], self.clock.now)
        self.publish()
        assert await self.round() == 1

    @property
    def subscriptions(self) -> list[Subscription]:
        return self.storage.ledger.subscriptions()

    @property
    def subscription(self) -> Subscription:
        (known,) = self.subscriptions
        return known

    def trusts(self) -> bool:
        return self.subscription.push.trusted

    @property
    def due_in(self) -> timedelta:
        (feed,) = self.storage.ledger.feeds()
        return feed.next_poll_at - self.clock.now

    @property
    def new(self) -> list[int]:
        """How many items each poll has brought."""
        return [report.new for report in self.reports]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site


@pytest.fixture
def public_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@asynccontextmanager
async def running_desk(
    storage: Storage, hub: Hub, site: Site, public_url: str | None, clock: Clock, limits: FetchLimits = LIMITS
) -> AsyncIterator[Desk]:
    database, reports, bell = OwnThread("database"), list[PollReport](), asyncio.Event()
    port = urlsplit(public_url).port if public_url else 0
    assert port is not None
    async with (
        open_source(limits) as source,
        open_subscribe(
            public_url,
            store=storage.subscriptions,
            database=database,
            limits=limits,
            now=clock,
            on_ping=bell.set,
        ) as subscribe,
        serve(
            "127.0.0.1",
            port,
            health=Health(started_at=NOW),
            ledger=storage.ledger,
            database=database,
            now=clock,
            longest_interval=HOUR,
            subscribe=subscribe,
        ) as served,
    ):
        poll = Poll(
            store=storage.polls,
            troubles=storage.troubles,
            database=database,
            source=source,
            now=clock,
            on_report=reports.append,
            every=EVERY,
            chance=lambda: 0.5,
        )
        yield Desk(
            storage=storage,
            hub=hub,
            site=site,
            poll=poll,
            subscribe=subscribe,
            clock=clock,
            public_url=f"http://127.0.0.1:{served}",
            reports=reports,
            bell=bell,
        )
    database.close()


@pytest.fixture
async def desk(storage: Storage, hub: Hub, site: Site, public_url: str) -> AsyncIterator[Desk]:
    async with running_desk(storage, hub, site, public_url, Clock()) as desk:
        yield desk


async def trusting(desk: Desk) -> None:
    """Bring a feed as far as its hub has earned trust."""
    await desk.begin()
    desk.clock.now += MINUTE
    desk.publish()
    await desk.hub.publish(desk.topic)
    await desk.round()
    assert desk.trusts()


# --- subscribing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verifies", ["before answering", "later"])
async def test_a_feed_that_names_a_hub_is_subscribed_to(desk: Desk, verifies: str) -> None:
    desk.hub.verifies = verifies  # type: ignore[assignment]
    await desk.begin()
    (form,) = desk.hub.forms
    assert (form["hub.mode"], form["hub.topic"]) == ("subscribe", desk.topic)
    assert form["hub.lease_seconds"] == f"{LEASE.total_seconds():.0f}"
    assert form["hub.callback"].startswith(f"{desk.public_url}/websub/")
    assert len(form["hub.callback"].rpartition("/")[2]) >= 43
    assert 43 <= len(form["hub.secret"].encode()) < 200
    known = desk.subscription
    assert (known.push.lease_until, known.last_error, known.asks) == (NOW + LEASE, None, 0)
    assert await desk.round(HOUR) == 1
    assert len(desk.hub.forms) == 1, "it is asked once"


async def test_each_subscription_has_an_address_and_a_secret_of_its_own(desk: Desk) -> None:
    other = replace(desk.spec, url=f"{desk.site.origin}/other.xml", name="Other")
    desk.storage.polls.sync_feeds([desk.spec, other], NOW)
    desk.publish()
    desk.show(desk.hub.url, "/other.xml")
    await desk.round()
    for key in ("hub.callback", "hub.secret", "hub.topic"):
        assert len({form[key] for form in desk.hub.forms}) == 2


async def test_without_a_public_url_nobody_is_asked_and_nothing_is_relied_on(
    storage: Storage, hub: Hub, site: Site, public_url: str
) -> None:
    clock = Clock()
    async with running_desk(storage, hub, site, public_url, clock) as desk:
        await trusting(desk)
    async with running_desk(storage, hub, site, None, clock) as desk:
        assert desk.subscriptions == []
        assert await desk.round(SLOW) == 1
        assert desk.due_in < USUAL
        assert len(hub.forms) == 1
        assert (await answer(desk.public_url + "/websub/any"))[0] == 404


async def test_a_new_public_url_subscribes_anew(
    storage: Storage, hub: Hub, site: Site, public_url: str
) -> None:
    clock = Clock()
    async with running_desk(storage, hub, site, public_url, clock) as desk:
        await desk.begin()
    elsewhere = public_url.replace("127.0.0.1", "127.0.0.1.nip.example")
    async with running_desk(storage, hub, site, f"{elsewhere}/", clock) as desk:
        hub.verifies = "never"
        assert await desk.round() == 0, "without another poll"
        assert len(hub.forms) == 2
        assert hub.callback.startswith(f"{elsewhere}/websub/")


async def test_a_restart_keeps_subscriptions(
    database_file: Path, storage: Storage, hub: Hub, site: Site, public_url: str
) -> None:
    clock = Clock()
    async with running_desk(storage, hub, site, public_url, clock) as desk:
        await trusting(desk)
        before, published = desk.subscription, desk.published
    storage.close()
    with opened(database_file) as again:
        async with running_desk(again, hub, site, public_url, clock) as desk:
            desk.published = published
            assert desk.subscription == before
            desk.clock.now += MINUTE
            desk.publish()
            assert await hub.publish(desk.topic) == [202]
            assert await desk.round() == 1
            assert desk.new == [1]
            assert len(hub.forms) == 1


# --- leases ----------------------------------------------------------------------------------------


async def test_a_lease_is_renewed_before_it_ends(desk: Desk) -> None:
    desk.hub.lease = "86400"
    await desk.begin()
    assert desk.subscription.push.lease_until == NOW + DAY
    await desk.round(15 * HOUR)
    assert len(desk.hub.forms) == 1
    await desk.round(HOUR)
    assert desk.hub.modes == ["subscribe", "subscribe"]
    assert desk.hub.forms[0] == desk.hub.forms[1], "the same subscription, to the hub"
    assert desk.subscription.push.lease_until == NOW + 16 * HOUR + DAY


async def test_a_lease_for_ever_is_asked_for_again_all_the_same(desk: Desk) -> None:
    desk.hub.lease = "999999999999"
    await desk.begin()
    assert desk.subscription.push.lease_until == NOW + LONGEST_LEASE


@pytest.mark.parametrize("lease", [None, "soon"])
async def test_a_hub_that_does_not_say_gets_what_was_asked_for(desk: Desk, lease: str | None) -> None:
    desk.hub.lease = lease
    await desk.begin()
    assert desk.subscription.push.lease_until == NOW + LEASE


async def test_a_hub_in_trouble_is_asked_again_and_again_and_polls_go_on(desk: Desk) -> None:
    desk.hub.status = 500
    await desk.begin()
    known = desk.subscription
    assert known.push.lease_until is None
    assert known.last_error == "The server answers HTTP 500 Internal Server Error: no more"
    assert desk.due_in < USUAL
    await desk.round(4 * MINUTE)
    assert len(desk.hub.forms) == 1
    await desk.round(MINUTE)
    assert len(desk.hub.forms) == 2
    await desk.round(9 * MINUTE)
    assert len(desk.hub.forms) == 2
    desk.hub.status = 202
    await desk.round(MINUTE)
    assert len(desk.hub.forms) == 3
    known = desk.subscription
    assert (known.last_error, known.asks) == (None, 0)
    assert known.push.lease_until == desk.clock.now + LEASE


async def test_a_hub_that_asks_for_time_gets_it(desk: Desk) -> None:
    desk.hub.status, desk.hub.headers = 503, {"Retry-After": "7200"}
    await desk.begin()
    await desk.round(HOUR)
    assert len(desk.hub.forms) == 1
    await desk.round(HOUR)
    assert len(desk.hub.forms) == 2


async def test_a_hub_that_never_verifies_is_asked_again_and_nothing_is_relied_on(desk: Desk) -> None:
    desk.hub.verifies = "never"
    await desk.begin()
    for _ in range(3):
        await desk.round(HOUR)
    assert len(desk.hub.forms) == 4
    assert desk.subscription.push.lease_until is None
    assert desk.due_in < USUAL


async def test_a_slow_hub_holds_up_neither_polls_nor_other_hubs(desk: Desk) -> None:
    assert desk.subscribe is not None
    desk.hub.gate.clear()
    async with running_hub() as other:
        second = replace(desk.spec, url=f"{desk.site.origin}/other.xml", name="Other")
        desk.storage.polls.sync_feeds([desk.spec, second], NOW)
        desk.publish()
        desk.show(other.url, "/other.xml")
        await desk.poll.work()
        assert await desk.subscribe.start_due() == 2
        async with asyncio.timeout(10):
            while not other.subscribers:  # noqa: ASYNC110 - the hub is no part of the service
                await asyncio.sleep(0.01)
        desk.clock.now += HOUR
        assert await desk.poll.work() == 2
        assert await desk.subscribe.start_due() == 0, "what is under way is not asked twice"
        desk.hub.gate.set()
        await desk.subscribe.settled()
        assert len(desk.hub.forms) == 1


async def test_a_hub_that_hangs_is_given_up_until_later(
    storage: Storage, hub: Hub, site: Site, public_url: str
) -> None:
    hub.gate.clear()
    limits = replace(LIMITS, total_timeout=0.2)
    async with running_desk(storage, hub, site, public_url, Clock(), limits) as desk:
        await desk.begin()
        assert "within 0.2 s" in (desk.subscription.last_error or "")


async def test_the_end_of_the_service_ends_what_it_asks(
    storage: Storage, hub: Hub, site: Site, public_url: str
) -> None:
    hub.gate.clear()
    clock = Clock()
    async with running_desk(storage, hub, site, public_url, clock) as desk:
        desk.storage.polls.sync_feeds([desk.spec], NOW)
        desk.publish()
        await desk.poll.work()
        assert desk.subscribe is not None
        await desk.subscribe.start_due()
    hub.gate.set()
    async with running_desk(storage, hub, site, public_url, clock) as desk:
        await desk.round(5 * MINUTE)
        assert desk.subscription.push.lease_until == desk.clock.now + LEASE


async def test_a_hub_that_denies_is_left_alone_for_a_week(desk: Desk) -> None:
    await trusting(desk)
    denied = {"mode": "denied", "topic": desk.topic, "reason": "<b>no\nreaders</b> like you"}
    assert await desk.hub.ask(desk.hub.callback, **denied) == (200, "")
    known = desk.subscription
    assert known.push.lease_until is None
    assert known.last_error == "The hub denies the subscription: <b>no readers</b> like you"
    assert await desk.round(SLOW) == 1
    assert desk.due_in < USUAL, "nothing is relied on"
    await desk.round(DENIED_FOR - SLOW - HOUR)
    assert len(desk.hub.forms) == 1
    await desk.round(HOUR)
    assert desk.subscription.push.lease_until == desk.clock.now + LEASE


# --- verification ----------------------------------------------------------------------------------


async def test_only_what_was_meant_is_verified(desk: Desk) -> None:
    desk.hub.verifies = "never"
    await desk.begin()
    callback, topic = desk.hub.callback, desk.topic
    meant = {"mode": "subscribe", "topic": topic, "challenge": "c"}
    for wrong in (
        {"topic": f"{topic}?other"},
        {"topic": ""},
        {"mode": "unsubscribe"},
        {"mode": "publish"},
        {"challenge": ""},
        {"challenge": "c" * 1001},
    ):
        assert (await desk.hub.ask(callback, **(meant | wrong)))[0] == 404, wrong
    assert (await desk.hub.ask(callback))[0] == 404
    assert (await desk.hub.ask(callback[:-1], **meant))[0] == 404
    assert (await desk.hub.ask(f"{desk.public_url}/websub/%25", **meant))[0] == 404
    assert desk.subscription.push.lease_until is None
    assert await desk.hub.ask(callback, **(meant | {"challenge": "c" * 1000})) == (200, "c" * 1000)
    assert desk.subscription.push.lease_until == NOW + LEASE


async def test_a_challenge_is_echoed_as_plain_text(desk: Desk) -> None:
    await desk.begin()
    query = {"hub.mode": "subscribe", "hub.topic": desk.topic, "hub.challenge": "<script>&amp;"}
    async with aiohttp.ClientSession() as session, session.get(desk.hub.callback, params=query) as response:
        assert await response.text() == "<script>&amp;"
        assert response.content_type == "text/plain"
        assert response.headers["X-Content-Type-Options"] == "nosniff"


# --- the end of a subscription ---------------------------------------------------------------------


async def test_a_feed_that_is_removed_is_unsubscribed_from(desk: Desk) -> None:
    await desk.begin()
    desk.storage.polls.sync_feeds([], desk.clock.now)
    await desk.round()
    assert desk.hub.modes == ["subscribe", "unsubscribe"]
    assert desk.hub.subscribers == {desk.topic: {}}
    assert desk.subscriptions == []


async def test_a_feed_that_comes_back_is_subscribed_to_again(desk: Desk) -> None:
    await desk.begin()
    desk.hub.status = 500
    desk.storage.polls.sync_feeds([], desk.clock.now)
    await desk.round()
    assert not desk.subscription.wanted
    desk.hub.status = 202
    desk.storage.polls.sync_feeds([desk.spec], desk.clock.now)
    await desk.round()
    assert desk.hub.modes == ["subscribe", "unsubscribe", "subscribe"]
    assert [known.wanted for known in desk.subscriptions] == [True]
    assert await desk.hub.publish(desk.topic) == [202]


async def test_a_ping_after_the_end_tells_the_hub_that_it_is_over(desk: Desk) -> None:
    await desk.begin()
    desk.hub.status = 500
    desk.storage.polls.sync_feeds([], desk.clock.now)
    await desk.round()
    assert await desk.hub.publish(desk.topic) == [410]
    meant = {"mode": "subscribe", "topic": desk.topic, "challenge": "c"}
    assert (await desk.hub.ask(desk.hub.callback, **meant))[0] == 404
    assert await desk.round(LEASE) == 0
    assert desk.subscriptions == [], "when its lease is over, a hub need not be told"
    assert await desk.hub.publish(desk.topic) == [404]


async def test_another_hub_takes_the_place_of_the_first(desk: Desk) -> None:
    await trusting(desk)
    async with running_hub() as other:
        desk.publish(hub=other.url)
        await desk.round(SLOW)
        await other.settled()
        assert desk.hub.modes == ["subscribe", "unsubscribe"]
        assert other.modes == ["subscribe"]
        assert other.forms[0]["hub.secret"] != desk.hub.forms[0]["hub.secret"]
        known = desk.subscription
        assert (known.hub, known.push.trusted) == (other.url, False)
        assert desk.hub.subscribers == {desk.topic: {}}


async def test_a_feed_that_names_no_hub_any_more_is_unsubscribed_from(desk: Desk) -> None:
    await desk.begin()
    desk.publish(hub=None)
    await desk.round(HOUR)
    assert desk.hub.modes == ["subscribe", "unsubscribe"]
    assert desk.subscriptions == []


# --- pings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
async def test_a_ping_has_its_feed_polled_at_once(desk: Desk, algorithm: str) -> None:
    await desk.begin()
    assert desk.due_in == EVERY
    desk.clock.now += MINUTE
    desk.publish()
    assert await desk.hub.publish(desk.topic, algorithm=algorithm) == [202]
    assert desk.bell.is_set()
    assert await desk.round() == 1
    assert desk.new == [1, 1]
    assert desk.trusts()


async def test_what_a_hub_sends_is_not_taken_for_news(desk: Desk) -> None:
    await desk.begin()
    invented = b"<rss version='2.0'><channel><item><title>Invented</title></item></channel></rss>"
    await desk.hub.publish(desk.topic, invented)
    await desk.round(MINUTE)
    assert desk.new == [1, 0]


@pytest.mark.parametrize(
    "signature", [None, "", "sha256=", "sha256=" + "0" * 64, "md5=" + "0" * 32, "sha1=é", "0" * 64]
)
async def test_a_forged_ping_is_ignored_and_counted(desk: Desk, signature: str | None) -> None:
    await desk.begin()
    desk.clock.now += MINUTE
    assert await desk.hub.send(desk.hub.callback, b"<rss/>", signature) == 202
    assert (desk.subscription.forged, desk.subscription.push.pinged_at) == (1, None)
    assert not desk.bell.is_set()
    assert await desk.round() == 0


async def test_a_signature_of_another_body_is_forged(desk: Desk) -> None:
    await desk.begin()
    secret = desk.hub.forms[0]["hub.secret"]
    desk.hub.subscribers = {desk.topic: {desk.hub.callback: secret + "x"}}
    assert await desk.hub.publish(desk.topic) == [202]
    assert desk.subscription.forged == 1


async def test_nobody_without_the_address_is_heard(desk: Desk) -> None:
    await desk.begin()
    assert await desk.hub.send(desk.hub.callback[:-1] + "_", b"<rss/>", "sha1=0") == 404
    assert await desk.hub.send(f"{desk.public_url}/websub/", b"<rss/>", "sha1=0") == 404
    assert desk.subscription.forged == 0


async def test_a_body_larger_than_any_feed_is_refused(desk: Desk) -> None:
    await desk.begin()
    assert await desk.hub.publish(desk.topic, b"x" * LIMITS.max_bytes) == [202]
    await desk.round(MINUTE)
    assert await desk.hub.publish(desk.topic, b"x" * (LIMITS.max_bytes + 1)) == [413]


async def test_a_body_that_cannot_be_unpacked_costs_itself_only(desk: Desk) -> None:
    await desk.begin()
    headers = {"Content-Encoding": "gzip", "X-Hub-Signature": "sha1=00"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(desk.hub.callback, data=b"no gzip", headers=headers) as response,
    ):
        assert response.status == 400
    assert await desk.hub.publish(desk.topic) == [202]


async def test_a_hub_that_goes_away_in_the_middle_costs_itself_only(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.begin()
    parts = urlsplit(desk.hub.callback)
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: a\r\nX-Hub-Signature: sha1=0\r\nContent-Length: 9\r\n\r\nhalf"
    )
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head.encode())
    await writer.drain()
    writer.close()
    assert await desk.hub.publish(desk.topic) == [202]
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


async def test_many_pings_become_one_poll_and_one_more_later(desk: Desk) -> None:
    await desk.begin()
    desk.clock.now += MINUTE
    for _ in range(20):
        assert await desk.hub.publish(desk.topic) == [202]
    assert [await desk.round() for _ in range(3)] == [1, 0, 0]
    assert await desk.hub.publish(desk.topic) == [202]
    assert await desk.round(SECOND_LOOK / 2) == 0
    assert await desk.round(SECOND_LOOK / 2) == 1
    assert desk.due_in == EVERY
    assert desk.site.asked.count("/feed.xml") == 3


async def test_a_second_look_finds_what_a_cache_had_kept_back(desk: Desk) -> None:
    await desk.begin()
    desk.clock.now += MINUTE
    await desk.hub.publish(desk.topic)
    assert await desk.round() == 1
    assert not desk.trusts()
    desk.publish()
    assert await desk.round(SECOND_LOOK) == 1
    assert desk.new == [1, 0, 1]
    assert desk.trusts()


async def test_no_hub_has_a_feed_polled_more_often_than_every_few_seconds(desk: Desk) -> None:
    await trusting(desk)
    desk.publish()
    await desk.hub.publish(desk.topic)
    assert await desk.round() == 0
    assert await desk.round(PING_SPACING) == 1
    assert desk.new == [1, 1, 1]


async def test_a_ping_during_a_poll_is_not_lost(desk: Desk) -> None:
    await desk.begin()
    desk.site.gate.clear()
    desk.clock.now += EVERY
    assert await desk.poll.start_due() == 1
    async with asyncio.timeout(10):
        while len(desk.site.asked) < 2:  # noqa: ASYNC110 - the site is no part of the service
            await asyncio.sleep(0.01)
    desk.clock.now += timedelta(seconds=1)
    desk.publish()
    assert await desk.hub.publish(desk.topic) == [202]
    desk.site.gate.set()
    await desk.poll.settled()
    assert desk.new == [1, 0], "it had asked too soon"
    assert await desk.round(PING_SPACING) == 1
    assert desk.new == [1, 0, 1]


# --- the safety net --------------------------------------------------------------------------------


async def test_while_a_hub_is_trusted_polls_are_a_slow_safety_net(desk: Desk) -> None:
    await desk.begin()
    assert desk.due_in == EVERY, "a promise alone earns nothing"
    desk.clock.now += MINUTE
    desk.publish()
    await desk.hub.publish(desk.topic)
    await desk.round()
    assert desk.due_in == SLOW
    assert await desk.round(SLOW) == 1
    assert desk.due_in == SLOW


async def test_news_that_no_ping_announced_ends_trust_until_the_next_good_ping(desk: Desk) -> None:
    await trusting(desk)
    desk.publish(ago=-3 * HOUR)
    await desk.round(SLOW)
    assert desk.new == [1, 1, 1]
    assert not desk.trusts()
    assert desk.due_in < USUAL
    desk.clock.now += MINUTE
    desk.publish()
    await desk.hub.publish(desk.topic)
    await desk.round()
    assert desk.trusts()
    assert desk.due_in == SLOW


async def test_a_feeds_own_interval_is_kept_to(desk: Desk) -> None:
    desk.storage.polls.sync_feeds([replace(desk.spec, paced=True)], NOW)
    desk.publish()
    await desk.round()
    desk.clock.now += MINUTE
    desk.publish()
    await desk.hub.publish(desk.topic)
    await desk.round()
    assert desk.trusts()
    assert desk.due_in == EVERY


async def test_no_poll_is_put_off_past_the_end_of_a_lease(desk: Desk) -> None:
    desk.hub.lease = "10800"
    await trusting(desk)
    lease_until = desk.subscription.push.lease_until
    assert lease_until is not None
    assert desk.due_in == lease_until - desk.clock.now < SLOW


# --- secrets ---------------------------------------------------------------------------------------


async def test_nothing_secret_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        await trusting(desk)
        await desk.hub.send(desk.hub.callback, b"", "sha256=0")
        desk.hub.status = 400
        await desk.round(8 * DAY)
    assert {"hub_asked", "subscribed", "pinged", "ping_ignored", "hub_refused"} <= set(caplog.messages)
    token = desk.hub.callback.rpartition("/")[2]
    for record in caplog.records:
        if record.name.startswith("monitor"):
            assert token not in str(vars(record))
            assert desk.hub.forms[0]["hub.secret"] not in str(vars(record))


async def answer(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()
