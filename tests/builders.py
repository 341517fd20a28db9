"""Nouns with everything filled in, for tests that care about one field of them; and how to store them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitor.feedhealth import assess
from monitor.headlines import headline_key
from monitor.identity import canonical_url
from monitor.records import (
    Changes,
    Delivery,
    Evidence,
    Feed,
    FeedHealth,
    FeedSpec,
    Fetched,
    FetchOutcome,
    Item,
    KeyedItem,
    Membership,
    Message,
    NewDelivery,
    Outcome,
    ParsedItem,
    PollPlan,
    Post,
    Score,
    Topic,
    Verdict,
)
from monitor.storage import Storage, open_storage

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHANNELS = ("news-alerts", "isis-watch")
TOKEN = "xoxb-1-canary"
HEALTH = {field.name for field in fields(FeedHealth)}
ALERT = Verdict(decision="alert", reason="new")


def spec(**changes: Any) -> FeedSpec:
    plain = FeedSpec(
        url="https://wire.example/rss",
        name="Wire",
        tags=frozenset({"world"}),
        every=timedelta(minutes=10),
        alert_backlog=timedelta(0),
    )
    return replace(plain, **changes)


def feed(**changes: Any) -> Feed:
    asked = {name: changes.pop(name) for name in ("every", "alert_backlog", "url", "name") if name in changes}
    known = {name: changes.pop(name) for name in HEALTH & changes.keys()}
    plain = Feed(id=1, spec=spec(**asked), next_poll_at=NOW, health=FeedHealth(**known))
    return replace(plain, **changes)


def parsed(n: int = 1, **changes: Any) -> ParsedItem:
    plain = ParsedItem(
        guid=f"guid-{n}",
        url=f"https://wire.example/{n}",
        title=f"Report number {n} of the patrol",
        summary="Soldiers found a hidden camp.",
        published=NOW - HOUR,
    )
    return replace(plain, **changes)


def keyed(n: int = 1, **changes: Any) -> KeyedItem:
    item = parsed(n, **changes)
    return KeyedItem(
        item=item,
        key=f"key-{n}",
        canonical_url=canonical_url(item.url) if item.url else None,
        headline_key=headline_key(item.title),
    )


def fetched(*items: ParsedItem, **changes: Any) -> Fetched:
    plain = Fetched(items=items, format="rss20", etag=None, last_modified=None, body_hash="0" * 64)
    return replace(plain, **changes)


def item(**changes: Any) -> Item:
    plain = Item(
        id=1,
        feed_id=1,
        feed_url="https://wire.example/rss",
        feed_name="Wire",
        feed_tags=frozenset({"world"}),
        key="key-1",
        guid="guid-1",
        url="https://wire.example/1",
        canonical_url="https://wire.example/1",
        headline_key=None,
        title="Report number 1 of the patrol",
        summary="Soldiers found a hidden camp.",
        author=None,
        published=NOW - HOUR,
        first_seen=NOW,
        backlog=False,
        alert_backlog=timedelta(0),
    )
    return replace(plain, **changes)


def article(*paragraphs: int, title: str = "Jolokia harvest") -> Item:
    """An item whose article has paragraphs of so many words, each its own number in front of them."""
    lines = [" ".join([f"p{n}", *["word"] * (words - 1)]) for n, words in enumerate(paragraphs)]
    return item(title=title, full_text="\n".join(lines))


def topic(**changes: Any) -> Topic:
    plain = Topic(
        id="patrols",
        name="Patrols",
        watchlist="Desk",
        about=("Soldiers on patrol find a hidden camp",),
        cut=50.0,
        channel="#news-alerts",
    )
    return replace(plain, **changes)


def score(item_id: int = 1, **changes: Any) -> Score:
    evidence = Evidence(sentence="Soldiers on patrol find a hidden camp", text="Report", parts={})
    plain = Score(item_id=item_id, topic_id="patrols", score=80.0, matched=True, evidence=evidence)
    return replace(plain, **changes)


def message(**changes: Any) -> Message:
    plain = Message(
        topic_name="Patrols",
        watchlist="Desk",
        title="Report number 1 of the patrol",
        url="https://wire.example/1",
        source="Wire",
        published=NOW - HOUR,
        first_seen=NOW,
        score=80.0,
        cut=50.0,
        summary="Soldiers found a hidden camp.",
        sentence="Soldiers on patrol find a hidden camp",
    )
    return replace(plain, **changes)


def delivery(**changes: Any) -> Delivery:
    plain = Delivery(
        id="d1",
        channel="#news-alerts",
        message=message(),
        attempt=1,
        first_try_at=NOW,
    )
    return replace(plain, **changes)


def new_delivery(n: int = 1, channel: str = "#news-alerts") -> NewDelivery:
    return NewDelivery(id=f"d{n}", channel=channel, message=message(title=f"Report number {n} of the patrol"))


def post(**changes: Any) -> Post:
    plain = Post(
        channel="#news-alerts",
        delivery_id="d1",
        level="routine",
        told_at=NOW,
        loud_at=NOW,
        loud_sources=1,
        loud_score=60.0,
        loud_toll=0,
    )
    return replace(plain, **changes)


def joining(story_id: int | None = None, **changes: Any) -> Membership:
    """An item's place in a new story, or in this one."""
    reason = "first" if story_id is None else "same_event"
    return replace(Membership(story_id=story_id, reason=reason, score=90.0, like_id=None), **changes)


def outcome(verdict: Verdict = ALERT, *deliveries: NewDelivery, **changes: Any) -> Outcome:
    return Outcome(verdict=verdict, deliveries=deliveries, **changes)


@contextmanager
def opened(path: Path, *, read_only: bool = False) -> Iterator[Storage]:
    """The database at ``path``, closed again at the end."""
    storage = open_storage(f"sqlite:///{path}", read_only=read_only)
    try:
        yield storage
    finally:
        storage.close()


def stored_items(storage: Storage, *shown: KeyedItem, **of_feed: Any) -> list[Item]:
    """Bring items into the database as a second poll of a feed would, and return those that wait."""
    now = of_feed.pop("now", NOW)
    feeds = {known.spec.url: known.spec for known in storage.ledger.feeds()}
    asked = spec(**of_feed)
    storage.polls.sync_feeds([*(feeds | {asked.url: asked}).values()], now)
    known = next(known for known in storage.ledger.feeds() if known.spec.url == asked.url)
    if known.first_polled_at is None:
        storage.polls.record_poll(known, fetched(), [], now, next_at(now + HOUR))
        known = replace(known, first_polled_at=now)
    storage.polls.record_poll(known, fetched(), shown, now, next_at(now + HOUR))
    return storage.scores.unscored(10_000)


def stored_matches(storage: Storage, count: int, topic_id: str = "patrols") -> None:
    """Leave ``count`` matches of one topic waiting for a decision."""
    items = stored_items(storage, *(keyed(n) for n in range(count, 0, -1)))
    scores = [score(known.id, topic_id=topic_id) for known in items]
    storage.scores.record_scores(items, scores, NOW)


def stored_deliveries(storage: Storage, *deliveries: NewDelivery) -> None:
    """Leave these deliveries in the outbox, in this order, each of an item of its own."""
    stored_matches(storage, len(deliveries))
    for match, new in zip(storage.alerts.undecided(len(deliveries)), deliveries, strict=True):
        storage.alerts.record_decision(match, outcome(ALERT, new), NOW)


def judged(feed: Feed, outcome: FetchOutcome, now: datetime) -> Callable[[Changes], PollPlan]:
    """Return the plan of a poll after which the feed is due at once, its health as the rules see it."""

    def plan(changes: Changes) -> PollPlan:
        found = assess(feed, outcome, changes, now)
        return PollPlan(
            next_poll_at=now, rhythm=None, health=found.health, begun=found.begun, ended=found.ended
        )

    return plan


def next_at(due: datetime) -> Callable[[Changes], PollPlan]:
    """A plan that makes a feed due at a moment, whatever is new, and learns nothing."""
    return lambda _changes: PollPlan(next_poll_at=due, rhythm=None, health=FeedHealth())
