"""Subscribing over real sockets: a hub, a feed that names it, and the service between them."""

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from builders import HOUR, NOW, opened
from desks import DAY, LIMITS, MINUTE, SLOW, USUAL, Clock, Desk, answer, running_desk, trusting
from hubs import Hub, running_hub
from sites import Site

from monitor.storage import Storage
from monitor.websub import DENIED_FOR, LEASE, LONGEST_LEASE

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
