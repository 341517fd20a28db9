"""Pings over real sockets, and what polls make of them."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import pytest
from builders import HOUR, NOW
from desks import DAY, EVERY, LIMITS, MINUTE, SLOW, USUAL, Desk, trusting

from monitor.websub import PING_SPACING, SECOND_LOOK

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
