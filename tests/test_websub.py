import hmac
from datetime import datetime, timedelta

import pytest
from builders import HOUR, NOW
from hypothesis import given
from hypothesis import strategies as st

from monitor.records import Push, Subscription
from monitor.websub import (
    ALGORITHMS,
    GRACE,
    LEASE,
    LONGEST_LEASE,
    PING_SPACING,
    SECOND_LOOK,
    SHORTEST_LEASE,
    after_poll,
    granted_lease,
    next_ask,
    relied_on_for,
    request_form,
    signature,
    signed,
)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
LEASED = Push(lease_until=NOW + DAY)
TRUSTED = Push(lease_until=NOW + DAY, trusted=True)


def subscription(*, wanted: bool) -> Subscription:
    return Subscription(
        id=1,
        feed_name="Wire",
        feed_url="https://wire.example/rss",
        hub="https://hub.example/",
        topic="https://wire.example/rss",
        callback="https://monitor.example/websub/token-canary",
        secret="secret-canary",
        wanted=wanted,
        asks=0,
        forged=0,
        last_error=None,
        push=Push(),
    )


def pinged(before: timedelta, **changes: bool) -> Push:
    return Push(lease_until=NOW + DAY, pinged_at=NOW - before, **changes)


def test_what_a_hub_is_asked() -> None:
    assert request_form(subscription(wanted=True)) == {
        "hub.mode": "subscribe",
        "hub.topic": "https://wire.example/rss",
        "hub.callback": "https://monitor.example/websub/token-canary",
        "hub.verify": "async",
        "hub.secret": "secret-canary",
        "hub.lease_seconds": "864000",
    }
    ending = request_form(subscription(wanted=False))
    assert ending["hub.mode"] == "unsubscribe"
    assert "hub.secret" not in ending


def test_a_subscription_can_be_logged_without_telling_its_secrets() -> None:
    assert "canary" not in repr(subscription(wanted=True))


@pytest.mark.parametrize(
    ("written", "lease"),
    [
        ("864000", LEASE),
        ("7200", 2 * HOUR),
        ("60", SHORTEST_LEASE),
        ("0", SHORTEST_LEASE),
        ("31536000", LONGEST_LEASE),
        ("9" * 12, LONGEST_LEASE),
        ("9" * 4000, LEASE),
        ("-1", LEASE),
        ("1e3", LEASE),
        ("", LEASE),
        (None, LEASE),
    ],
)
def test_a_lease_is_the_hubs_word_within_bounds(written: str | None, lease: timedelta) -> None:
    assert granted_lease(written) == lease


def test_a_hub_that_does_not_verify_is_asked_less_and_less_often_and_never_given_up() -> None:
    minutes = [(next_ask(asks, NOW) - NOW) / timedelta(minutes=1) for asks in (0, 1, 2, 8, 9, 10**9)]
    assert minutes == [5, 10, 20, 1280, 1440, 1440]


def test_a_hub_that_asks_for_time_gets_it_within_a_day() -> None:
    assert next_ask(0, NOW, SECOND) == NOW + timedelta(minutes=5)
    assert next_ask(0, NOW, 2 * HOUR) == NOW + 2 * HOUR
    assert next_ask(0, NOW, timedelta(days=7)) == NOW + DAY


@given(st.binary(max_size=200), st.sampled_from(sorted(ALGORITHMS)), st.text(max_size=40))
def test_only_the_secrets_signature_of_the_very_body_counts(body: bytes, algorithm: str, other: str) -> None:
    right = hmac.new(b"secret", body, algorithm).hexdigest()

    def accepted(header: str, received: bytes) -> bool:
        claim = signature("secret", header)
        if claim is None:
            return False
        claim[0].update(received)
        return signed(*claim)

    assert accepted(f"{algorithm}={right}", body)
    assert accepted(f" {algorithm.upper()}={right.upper()} ", body)
    assert not accepted(f"{algorithm}={right}", body + b"x")
    assert not accepted(f"{algorithm}={hmac.new(b'guess', body, algorithm).hexdigest()}", body)
    assert not accepted(f"{algorithm}={other}", body)
    assert not accepted(right, body)


@pytest.mark.parametrize("header", [None, "", "=", "md5=00", "sha224=00", "\udcff=\udcff"])
def test_what_is_no_signature_is_none(header: str | None) -> None:
    assert signature("secret", header) is None


def test_a_ping_that_leads_to_news_earns_trust() -> None:
    assert after_poll(pinged(SECOND), [NOW], began=NOW, now=NOW) == (TRUSTED, None)


def test_a_ping_whose_poll_finds_nothing_is_looked_at_once_more() -> None:
    push = pinged(SECOND)
    assert after_poll(push, [], began=NOW, now=NOW) == (push, NOW - SECOND + SECOND_LOOK)
    late = pinged(SECOND_LOOK)
    assert after_poll(late, [], began=NOW, now=NOW) == (LEASED, None)


def test_a_ping_during_a_poll_is_polled_for_again_whatever_that_poll_brought() -> None:
    during = Push(pinged_at=NOW + SECOND)
    for new in ([], [NOW]):
        found = after_poll(during, new, began=NOW, now=NOW + 2 * SECOND)
        assert found == (during, NOW + 2 * SECOND + PING_SPACING)


@pytest.mark.parametrize(
    ("new", "trusted"),
    [
        ([], True),
        ([NOW], True),
        ([NOW - GRACE, NOW], True),
        ([NOW - GRACE - SECOND], False),
        ([NOW - HOUR, NOW], False),
        ([None], False),
    ],
)
def test_news_that_no_ping_announced_costs_trust_after_a_moment_of_grace(
    new: list[datetime | None], trusted: bool
) -> None:
    push, again = after_poll(TRUSTED, new, began=NOW, now=NOW)
    assert (push.trusted, again) == (trusted, None)
    assert not after_poll(LEASED, new, began=NOW, now=NOW)[0].trusted


def test_a_hub_is_relied_on_while_trusted_and_until_its_lease_ends() -> None:
    assert relied_on_for(TRUSTED, NOW) == DAY
    assert relied_on_for(TRUSTED, NOW + 2 * DAY) == timedelta()
    assert relied_on_for(LEASED, NOW) == timedelta()
    assert relied_on_for(Push(trusted=True), NOW) == timedelta()
    assert relied_on_for(None, NOW) == timedelta()
