"""The feeds and their health, as `monitor feeds list` shows them."""

import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from monitor.cadence import hourly
from monitor.configuration import Configuration
from monitor.errors import NoDatabaseError
from monitor.feedhealth import REMEDIES
from monitor.records import Feed, FeedHealth, KnownTrouble, Subscription
from monitor.storage import Storage, open_storage


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedTable:
    """The configured feeds, and what is the matter with all of them at once, if anything is."""

    rows: list[dict[str, Any]]
    blackout: str | None


def feed_table(config: Configuration) -> FeedTable:
    """Return one row per configured feed: what was asked for, and its health once it has been polled."""
    known = _known(config)
    rows = []
    for spec in config.feeds:
        feed = known.feeds.get(spec.url)
        rows.append(
            {
                "name": spec.name,
                "url": spec.url,
                "tags": sorted(spec.tags),
                "every_seconds": spec.every.total_seconds(),
                "health": _health(feed),
                "last_success_at": _iso(feed.last_success_at) if feed else None,
                "next_poll_at": _iso(feed.next_poll_at) if feed else None,
                "items_per_day": _per_day(feed),
                **_health_columns(feed.health if feed else FeedHealth()),
                "troubles": [_trouble_columns(trouble) for trouble in known.troubles[spec.url]],
                "hub": _hub_columns(known.hubs.get(spec.url)),
            }
        )
    return FeedTable(rows=rows, blackout=next(map(_blackout, known.troubles[None]), None))


def _hub_columns(subscription: Subscription | None) -> dict[str, Any] | None:
    if subscription is None:
        return None
    return {
        "url": subscription.hub,
        "lease_until": _iso(subscription.push.lease_until),
        "trusted": subscription.push.trusted,
        "forged": subscription.forged,
        "last_error": subscription.last_error,
    }


def _health_columns(health: FeedHealth) -> dict[str, Any]:
    return {
        "failures": health.failures,
        "failure": health.failure,
        "last_error": health.last_error,
        "asked_at": health.address,
        "last_item_at": _iso(health.last_item_at),
        "expected_by": _iso(health.expected_by),
        "mistrusted_at": _iso(health.mistrusted_at),
    }


def _trouble_columns(known: KnownTrouble) -> dict[str, Any]:
    kind = known.trouble.kind
    remedy = REMEDIES.get(kind)
    return {"kind": kind, "cause": known.trouble.cause, "remedy": remedy, "since": _iso(known.began_at)}


def _blackout(known: KnownTrouble) -> str:
    return f"All feeds: {known.trouble.cause} Since {known.began_at:%Y-%m-%d %H:%M} UTC."


def print_feeds(feeds: FeedTable) -> None:
    """Print the feeds as a table, troubled ones first, below what is the matter with all of them."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("feed", "health", "last success", "last item"):
        table.add_column(column, no_wrap=True)
    table.add_column("a day", justify="right")
    for column in ("tags", "trouble"):
        table.add_column(column, overflow="fold")
    for row in sorted(feeds.rows, key=lambda row: (row["health"] == "ok", -row["failures"], row["name"])):
        success, item = (
            (row[name] or "")[:16].replace("T", " ") for name in ("last_success_at", "last_item_at")
        )
        per_day = "" if row["items_per_day"] is None else f"{row['items_per_day']:.1f}"
        causes = [trouble["cause"] for trouble in row["troubles"] if trouble["cause"] != row["last_error"]]
        trouble = " ".join(filter(None, (row["last_error"], *causes)))
        table.add_row(row["name"], row["health"], success, item, per_day, " ".join(row["tags"]), trouble)
    # Into a file or a pipe there is no width to keep to.
    width = None if sys.stdout.isatty() else 200
    console = Console(markup=False, highlight=False, width=width)
    if feeds.blackout:
        console.print(feeds.blackout)
    console.print(table)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the database knows, by the feeds' addresses; troubles of all feeds at once under None."""

    feeds: dict[str, Feed]
    hubs: dict[str, Subscription]
    troubles: defaultdict[str | None, list[KnownTrouble]]


def _known(config: Configuration) -> _Known:
    known = _Known(feeds={}, hubs={}, troubles=defaultdict(list))
    try:
        storage: Storage = open_storage(config.settings.storage.url, read_only=True)
    except NoDatabaseError:
        return known
    try:
        known.feeds.update({feed.spec.url: feed for feed in storage.ledger.feeds()})
        wanted = [found for found in storage.ledger.subscriptions() if found.wanted]
        known.hubs.update({found.feed_url: found for found in wanted})
        for trouble in storage.ledger.troubles():
            if trouble.channel is None:
                known.troubles[trouble.feed_url].append(trouble)
    finally:
        storage.close()
    return known


def _health(feed: Feed | None) -> str:
    if feed is None or feed.last_polled_at is None:
        return "not polled yet"
    if feed.health.failures:
        return f"failing ({feed.health.failures}x {feed.health.failure})"
    return ", ".join(sorted(feed.troubles)) or "ok"


def _per_day(feed: Feed | None) -> float | None:
    """Return how many items a day the feed is known to bring, if that is known yet."""
    if feed is None or feed.rhythm is None:
        return None
    return round(sum(hourly(feed.rhythm)), 1)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
