"""What a WebSub subscriber says to a hub, and how far it takes a hub's word. Pure.

asked ──hub verifies──► leased ──two thirds of the lease──► asked again
a ping ──► the feed is polled ──► news? ──► the hub is trusted, until a poll finds news that no ping announced

W3C WebSub, and hubs that still speak PubSubHubbub 0.3 or 0.4.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.records import Push, Subscription

LEASE = timedelta(days=10)
"""What hubs are asked for, and what is taken where one does not say."""
SHORTEST_LEASE, LONGEST_LEASE = timedelta(hours=1), timedelta(days=30)
RENEWED_AFTER = 2 / 3
"""The share of a lease after which it is renewed; the rest is for a hub that is out of order."""
SHORTEST_BACK_OFF, LONGEST_BACK_OFF = timedelta(minutes=5), timedelta(days=1)
DENIED_FOR = timedelta(days=7)
"""After a denial the hub is left alone for so long: publishers change their minds slowly."""
PING_SPACING = timedelta(seconds=5)
"""However often a hub pings, its feed's polls are at least this far apart."""
SECOND_LOOK = timedelta(seconds=30)
"""A poll that finds nothing after a ping may have met a cache; so long after the ping it looks again."""
GRACE = timedelta(minutes=5)
"""For how long news may be out before its ping."""
ALGORITHMS = frozenset({"sha1", "sha256", "sha384", "sha512"})


def request_form(subscription: Subscription) -> dict[str, str]:
    """Return the form that asks a hub to begin, renew or end a subscription."""
    form = {
        "hub.mode": "subscribe" if subscription.wanted else "unsubscribe",
        "hub.topic": subscription.topic,
        "hub.callback": subscription.callback,
        "hub.verify": "async",  # hubs of PubSubHubbub 0.3 insist on it, all others ignore it
    }
    if subscription.wanted:
        form |= {"hub.secret": subscription.secret, "hub.lease_seconds": f"{LEASE.total_seconds():.0f}"}
    return form


def next_ask(asks: int, now: datetime, retry_after: timedelta | None = None) -> datetime:
    """Return when a hub is asked again that has been asked ``asks`` times before without verifying."""
    wait = min(SHORTEST_BACK_OFF * (1 << min(asks, 10)), LONGEST_BACK_OFF)
    return now + max(wait, min(retry_after or timedelta(), LONGEST_BACK_OFF))


def granted_lease(written: str | None) -> timedelta:
    """Read a hub's ``hub.lease_seconds``, within an hour and thirty days."""
    if written is None or not re.fullmatch(r"[0-9]{1,12}", written):
        return LEASE
    seconds = min(int(written), LONGEST_LEASE.total_seconds())
    return max(timedelta(seconds=seconds), SHORTEST_LEASE)


def signature(secret: str, header: str | None) -> tuple[hmac.HMAC, bytes] | None:
    """Read ``X-Hub-Signature``: what computes it, once fed the body, and the digest it must come to."""
    algorithm, _, digest = (header or "").strip().partition("=")
    if algorithm.lower() not in ALGORITHMS:
        return None
    claimed = digest.strip().lower().encode("utf-8", "surrogateescape")
    return hmac.new(secret.encode(), digestmod=algorithm.lower()), claimed


def signed(computed: hmac.HMAC, claimed: bytes) -> bool:
    """Say whether a body has the signature that was claimed."""
    return hmac.compare_digest(computed.hexdigest().encode(), claimed)


def after_poll(
    push: Push, new: Iterable[datetime | None], *, began: datetime, now: datetime
) -> tuple[Push, datetime | None]:
    """Return what is thought of a hub after a good poll that brought items published at ``new``.

    With it, when the feed is to be polled again on account of a ping, if it is.
    """
    dates = list(new)
    if push.pinged_at is None:
        unannounced = any(date is None or not now - GRACE <= date <= now for date in dates)
        return replace(push, trusted=push.trusted and not unannounced), None
    if push.pinged_at > began:
        return push, now + PING_SPACING
    if dates:
        return replace(push, pinged_at=None, trusted=True), None
    again = push.pinged_at + SECOND_LOOK
    if now < again:
        return push, again
    return replace(push, pinged_at=None), None


def relied_on_for(push: Push | None, now: datetime) -> timedelta:
    """Return for how long from ``now`` a hub is relied on to announce news; nothing, for most."""
    if push is None or not push.trusted or push.lease_until is None:
        return timedelta()
    return max(push.lease_until - now, timedelta())
