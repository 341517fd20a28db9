"""What people may ask of the database, by the command line and by what is served to them."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from monitor.records import (
    Feed,
    History,
    Item,
    Judgement,
    KnownTrouble,
    Match,
    Silence,
    StoryHistory,
    Subscription,
    ToldStory,
    UnsentDelivery,
)


class Ledger(Protocol):
    """What people ask: reading only."""

    def feeds(self) -> list[Feed]:
        """Return the feeds in use, by name."""

    def history(self, urls: frozenset[str]) -> list[History]:
        """Return what happened to every item with one of these addresses, as shown or canonical."""

    def waiting_since(self, now: datetime) -> tuple[datetime | None, datetime | None]:
        """Return since when the oldest item waits for a score, and the oldest message for its channel.

        A message waits from when it may go.
        """
        ...

    def troubles(self) -> list[KnownTrouble]:
        """Return the troubles that have not ended, the oldest first."""

    def subscriptions(self) -> list[Subscription]:
        """Return every subscription to a hub, by name of the feed."""

    def waiting(self, now: datetime) -> dict[str, int]:
        """Return how many feeds and troubles there are, and how much work is waiting; by indexes alone.

        ``undelivered`` leaves out what has to wait for its time.
        """

    def counts(self) -> dict[str, int]:
        """Return the same, whatever its time, and how many rows of each kind there are: whole tables."""


class ReviewStore(Protocol):
    """What those ask who look back at many items: reading only."""

    def judged(self, after: int) -> list[Judgement]:
        """Return what was made of the items with a higher id, in the order in which they were stored."""

    def near_misses(self, topic_id: str, since: datetime) -> Iterator[Match]:
        """Yield what scored too low for a topic since then, highest first, one of each story.

        Left out is what tells a story that matched the topic.
        """
        ...

    def matches(self, since: datetime) -> Iterator[Match]:
        """Yield what matched any topic of the items first seen since then, in the order of their storage."""
        ...

    def items(self, since: datetime) -> Iterator[Item]:
        """Yield every item first seen since then, in the order in which they were stored."""
        ...


class SilenceStore(Protocol):
    """What people muted, and until when."""

    def add(
        self,
        *,
        topic_id: str | None,
        feed: str | None,
        term: str | None,
        until: datetime,
        author: str,
        reason: str,
        now: datetime,
    ) -> Silence:
        """Store a silence and return it."""
        ...

    def end(self, silence_id: int, now: datetime) -> Silence | None:
        """End a silence and return it; None if there is none that is active."""
        ...

    def silences(self) -> list[Silence]:
        """Return every silence there has been, the oldest first."""

    def active(self, now: datetime) -> list[Silence]:
        """Return the silences that hold, the oldest first."""


class StoryStore(Protocol):
    """Stories as people look at them and put them right; each change is on record, and one transaction."""

    def stories(self, topic_id: str, since: datetime) -> list[StoryHistory]:
        """Return a topic's stories that have got an item since then, the latest first."""

    def story(self, story_id: int) -> StoryHistory | None:
        """Return one story."""
        ...

    def split(self, story_id: int, item_ids: frozenset[int], *, by: str, now: datetime) -> int | None:
        """Move items of a story into a new one, and return its id.

        None, and no change, unless all of them are the story's and others stay in it. What has been posted
        stays the old story's.
        """
        ...

    def merge(self, into: int, other: int, *, by: str, now: datetime) -> bool:
        """Move all items of a story into another, and remove the one that is empty then.

        False, and no change, unless both are stories of one topic. Where ``into`` has not been posted, the
        other's post becomes its own.
        """
        ...


class OutboxStore(Protocol):
    """The outbox as people look at it."""

    def unsent(self) -> list[UnsentDelivery]:
        """Return the deliveries that are not known to be in their channel, in order of their making."""

    def retry(self, delivery_id: str | None) -> int:
        """Make a delivery that was refused wait for its channel again, all of them for None; return how many.

        Edits of a post wait with it. What has failed untried was given up for a reason that stands, and an
        edit is not made again once a later one has been.
        """
        ...


class AlertFeedStore(Protocol):
    """What other tools are told of alerts: reading only."""

    def told(self, topic_ids: frozenset[str], limit: int) -> list[ToldStory]:
        """Return the stories that these topics were last told of, the last one first."""

    def regrouped_at(self) -> datetime | None:
        """Return when stories last changed other than by growing."""
        ...
