"""What each stage may ask of the database, one narrow protocol each.

Every ``record_…`` is one transaction that holds a stage's result and the next stage's work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from monitor.background import Learned
from monitor.policy import Traffic
from monitor.records import (
    Article,
    Changes,
    ChannelStory,
    Delivery,
    DeliveryKind,
    DeliveryState,
    DueReminder,
    Feed,
    Feedback,
    FeedbackOutcome,
    FeedSpec,
    FetchOutcome,
    Item,
    KeyedItem,
    KnownTrouble,
    Lesson,
    ListingWhy,
    Match,
    NewDelivery,
    NoArticle,
    Outcome,
    Period,
    PollPlan,
    Post,
    Pull,
    Receipt,
    Recorded,
    Removal,
    Resent,
    Rhythm,
    Score,
    ScoredItem,
    Subscription,
    Vote,
    Waiting,
)
from monitor.relevance import Profile
from monitor.vectors import Vectors
from monitor.votes import Residual


class PollStore(Protocol):
    """What poll asks."""

    def sync_feeds(self, specs: Sequence[FeedSpec], now: datetime) -> None:
        """Make the feeds table say what ``feeds.yaml`` says; new feeds are due at once."""

    def claim_due(self, now: datetime, until: datetime, limit: int) -> list[Feed]:
        """Take up to ``limit`` due feeds, longest waiting first; nobody else gets them before ``until``."""

    def release_claims(self) -> None:
        """Give back what a process that died had claimed."""

    def record_poll(
        self,
        feed: Feed,
        outcome: FetchOutcome,
        items: Sequence[KeyedItem],
        now: datetime,
        plan: Callable[[Changes], PollPlan],
    ) -> Changes:
        """Store a poll's items, the feed's validators and the plan; return what the items changed.

        ``plan`` is given these changes, and says what follows from them.
        """
        ...

    def rhythms(self) -> list[Rhythm]:
        """Return what has been learned of the feeds that follow their rhythm."""


class ReadStore(Protocol):
    """What read asks."""

    def unread(self, limit: int) -> list[Item]:
        """Return items whose article is waited for, oldest first."""

    def record_article(self, item: Item, article: Article | NoArticle) -> None:
        """Store an article, or why there is none; from then on the item waits for its score.

        One that has been edited or has moved since it was taken waits on, for its article as it is now.
        """


class ScoreStore(Protocol):
    """What score asks."""

    def unscored(self, limit: int) -> list[Item]:
        """Return items to score, news before backlog, then the oldest; none whose article is awaited."""

    def vectors(self, model: str, text_hashes: Iterable[str]) -> dict[str, Vectors]:
        """Return the stored vectors (float32, unit length) among those asked for."""

    def record_vectors(self, model: str, vectors: Mapping[str, Vectors]) -> None:
        """Store vectors by the hash of their text; known ones are left alone."""

    def record_scores(self, scored: Sequence[Item], scores: Sequence[Score], now: datetime) -> None:
        """Mark items as scored, in their order, and store the scores worth keeping; decisions made before
        stay.

        An item that has been edited since it was taken waits on, and its scores are dropped.
        """


class EmbeddedStore(Protocol):
    """What reembed asks."""

    def models(self) -> list[str]:
        """Return the models that vectors are stored of."""

    def count_scored(self, since: datetime) -> int:
        """Return how many items first seen since then have a score."""
        ...

    def scored(self, since: datetime, before: int | None, limit: int) -> list[Item]:
        """Return such items, the newest first, from below the id ``before``."""

    def drop_others(self, model: str) -> int:
        """Remove the vectors of all other models; return how many that were."""
        ...


class LearnedStore(Protocol):
    """What scoring has learned from what it has scored, block by block."""

    def last_order(self) -> int:
        """Return how many items have been scored."""
        ...

    def lessons(self, after: int, through: int) -> list[Lesson]:
        """Return the items that were scored after so many, in order; those that were removed are missing."""

    def learned(self, model: str) -> Learned | None:
        """Return what has been learned with a model, if that is the one in use."""
        ...

    def profiles(self) -> dict[str, Profile]:
        """Return what the topics have learned from their own items, by topic."""

    def record_learned(self, model: str, learned: Learned, changed: Mapping[str, Profile]) -> None:
        """Store what is known after a block, and the profiles that it changed; other models' goes."""


class VoteStore(Protocol):
    """What people said of texts, for each topic, and the corrections that follow."""

    def add(self, topic_id: str, text: str, *, up: bool, by: str, now: datetime, url: str | None) -> int:
        """Store a vote and return its id; one that stands on the same text and topic is undone."""
        ...

    def undo(self, vote_id: int, now: datetime) -> bool:
        """Take back a vote; False if there is none that stands."""
        ...

    def votes(self, topic_id: str | None = None) -> list[Vote]:
        """Return the votes that stand, the oldest first; of one topic, or of all."""

    def changes(self) -> int:
        """Return how often the votes have changed."""
        ...

    def anchors(self, topic_id: str, low: float, high: float, limit: int) -> list[tuple[str, float]]:
        """Return texts and zero-label scores, from ``low`` up to ``high``, of the items scored last."""

    def residuals(self) -> dict[str, tuple[str, Residual]]:
        """Return by topic the corrections in use, each with the key of the votes that it was fitted to."""

    def pulls(self, topic_id: str) -> tuple[float, list[Pull]] | None:
        """Return a topic's shift in logits, and what each example and vote pulls; None without any."""
        ...

    def record_residual(self, topic_id: str, key: str, residual: Residual, pulls: Sequence[Pull]) -> None:
        """Store a topic's correction in the place of the one before."""


class AlertStore(Protocol):
    """What alert asks."""

    def undecided(self, limit: int) -> list[Match]:
        """Return matches without a decision, in the order in which their items were stored."""

    def grouped(self, topic_id: str, since: datetime, last: int) -> list[tuple[int, Item]]:
        """Return the items of a topic's stories touched since then, and of the last ones, with story ids."""

    def regroupings(self) -> int:
        """Return how often stories have been split or merged by hand."""
        ...

    def edited(self, after: int) -> tuple[int, list[str]]:
        """Return the last edit's number, and the topics of stories whose items were edited after one."""
        ...

    def story(self, story_id: int) -> tuple[list[ScoredItem], int]:
        """Return a story's first and last items, the earliest first, and the number of all."""
        ...

    def posts(self, story_id: int) -> dict[str, Post]:
        """Return how each channel knows a story."""

    def traffic(self, channel: str, topic_id: str, since: datetime) -> Traffic:
        """Return how many top-level messages a channel has been given since then."""

    def delivery(self, delivery_id: str) -> Waiting | None:
        """Return a delivery as it stands."""

    def last_child(self, parent_id: str, kind: DeliveryKind, story_id: int | None = None) -> Waiting | None:
        """Return the last reply or edit of a post; that of one story, where a post tells several."""

    def last_listing(self, channel: str, why: ListingWhy, since: datetime) -> Waiting | None:
        """Return the last list of stories that was begun for a channel since then, for this reason."""

    def last_page(self, listing_id: str) -> Waiting | None:
        """Return the last page of a list, which is the list itself while there is no other."""

    def record_decision(self, match: Match, outcome: Outcome, now: datetime) -> Recorded | None:
        """Store a decision with all that follows; None if the match waits no more."""
        ...

    def due_reminders(self, now: datetime) -> list[DueReminder]:
        """Return the posts whose readers are to be reminded, and have had them for long enough."""

    def record_reminder(self, due: DueReminder, post: Post, reminder: NewDelivery, now: datetime) -> None:
        """Store a reminder, and when the next one is due; nothing if it was acknowledged in the meantime."""


class TroubleStore(Protocol):
    """What tell asks; and poll, of a blackout."""

    def untold(self, limit: int) -> list[KnownTrouble]:
        """Return troubles whose beginning or end nobody has been told, the oldest first."""

    def record_told(
        self, troubles: Sequence[KnownTrouble], deliveries: Sequence[NewDelivery], now: datetime
    ) -> None:
        """Mark what these troubles have come to as told, and store the deliveries that tell it."""

    def blackout_since(self) -> datetime | None:
        """Return since when the blackout lasts that has not ended, if there is one."""

    def begin_blackout(self, cause: str, since: datetime) -> None:
        """Record that all feeds are out of reach."""

    def end_blackout(self, now: datetime) -> None:
        """Record that they are within reach again, and make due whatever could not be polled since."""


class DigestStore(Protocol):
    """What digest asks."""

    def made(self, channel: str, period: Period, until: datetime) -> bool:
        """Say whether a channel's digest up to then has been made."""
        ...

    def told(self, channel: str, since: datetime, until: datetime) -> list[ChannelStory]:
        """Return the stories that the channel was told from ``since`` up to ``until``."""

    def items(self, story_ids: Sequence[int]) -> dict[int, list[Item]]:
        """Return the items of each of these stories, the oldest first."""

    def scored_by(self, moment: datetime) -> int:
        """Return how many items had been scored before a moment: where it lies in the order of scoring."""
        ...

    def near_misses(self, topic_id: str, after: int, through: int, least: float, limit: int) -> list[Match]:
        """Return up to ``limit`` news that scored too low for a topic, but over ``least``, highest first.

        ``after`` and ``through`` bound them in the order of scoring; one is returned of each story.
        """

    def record_digest(
        self, channel: str, period: Period, until: datetime, delivery: NewDelivery | None, now: datetime
    ) -> bool:
        """Store that a digest has been made, and its delivery if there is one; False if it had been."""
        ...


class SubscriptionStore(Protocol):
    """What subscribe asks."""

    def keep_under(self, base: str | None) -> None:
        """Forget subscriptions whose callback does not begin with ``base``, or all: no ping comes there."""

    def reconcile(self, issue: Callable[[], tuple[str, str]], now: datetime) -> None:
        """Want a subscription for every feed whose document names a hub and a topic, and no other.

        ``issue`` makes a new subscription's callback and secret. An unwanted one is kept until its hub has
        ended it, or its lease has run out.
        """
        ...

    def due(self, now: datetime) -> list[Subscription]:
        """Return subscriptions whose hub is to be asked, longest waiting first."""

    def find(self, callback: str) -> Subscription | None:
        """Return the subscription with this callback."""
        ...

    def record_ask(self, subscription_id: int, ask_at: datetime) -> None:
        """Write ahead: the hub is being asked, and asked again then unless it verifies."""

    def record_refusal(
        self, subscription_id: int, reason: str, ask_at: datetime, *, ended: bool = False
    ) -> None:
        """Store why a hub did not take a request and when it is asked again; ``ended``: its lease is over."""

    def record_verified(self, subscription_id: int, lease_until: datetime, ask_at: datetime) -> None:
        """Store until when the hub has promised to ping, and when that is to be renewed."""

    def remove(self, subscription_id: int) -> None:
        """Forget a subscription that its hub has ended."""

    def record_ping(self, subscription_id: int, now: datetime, spacing: timedelta) -> None:
        """Make the subscription's feed due, but not sooner than ``spacing`` after its last poll.

        Nothing changes while an earlier ping waits for its answer; but one that arrives during a poll is
        remembered, since that poll may have asked too soon.
        """

    def record_forged(self, subscription_id: int) -> None:
        """Count a ping that was not signed by the hub."""


class DeliverStore(Protocol):
    """What deliver asks."""

    def open_channels(self, now: datetime) -> list[str]:
        """Return the channels with deliveries that are not settled and may go."""

    def next_delivery(self, channel: str, now: datetime) -> tuple[Delivery, DeliveryState] | None:
        """Return the channel's oldest open delivery that may go; none goes before its parent is settled."""

    def interrupted(self) -> int:
        """Call in doubt what a process that died was sending; return how many."""

    def readdress(self, channels: Mapping[str | None, str], named: frozenset[str], default: str) -> int:
        """Send on what waits for a channel that is not ``named`` any more; return how many messages that are.

        ``channels`` are the topics' by topic id, and under None that of notices. What is in doubt must be
        looked for where it was sent. Replies to what has landed elsewhere stand by themselves, edits of it
        are given up; so is a post of a story that the other channel knows.
        """
        ...

    def count_open(self, now: datetime) -> int:
        """Return how many deliveries are not settled and may go."""

    def record_attempt(self, delivery: Delivery, now: datetime) -> Delivery:
        """Write ahead: from here on the message may have reached the channel; return it with its attempt."""

    def record_state(self, delivery_id: str, state: DeliveryState, reason: str) -> None:
        """Store what became of an attempt that brought no receipt."""

    def record_closed(self, channel: str, cause: str, now: datetime) -> None:
        """Store that a channel takes no messages until somebody does something, and why."""

    def forget_closed(self, now: datetime) -> None:
        """Store that nobody asks any more whether a channel is closed that nothing waits for."""

    def record_receipt(self, delivery_id: str, receipt: Receipt, now: datetime) -> None:
        """Store where the message landed; the delivery is settled, and its channel takes messages."""


class HealStore(Protocol):
    """What heal asks."""

    def due(self, now: datetime) -> list[Resent]:
        """Return the deliveries that are to be looked at again, those first that have waited longest."""

    def record_look(self, delivery_id: str, receipt: Receipt, again: datetime | None) -> None:
        """Store which copy is kept, and when to look again; None for never."""


class FeedbackStore(Protocol):
    """What listen asks."""

    def record(self, feedback: Feedback, now: datetime) -> FeedbackOutcome:
        """Store what a person says of a message; the same said again is ``known``, and changes nothing.

        An acknowledgement holds for the message's stories in every channel: nobody is reminded of them any
        more, also not by what waits for delivery, and edits that tell who it was wait instead. A vote is on
        the first item of the message's story. What is no message of ours, or not of a story, is ``unknown``.
        """
        ...


class RetentionStore(Protocol):
    """What prune asks."""

    def removable(self, before: datetime) -> Removal:
        """Count what is removed in the end of what was first seen ``before``.

        Items stay that their feeds still show, and those that wait for a score, a decision or a delivery.
        """
        ...

    def remove(self, before: datetime, limit: int, now: datetime) -> int:
        """Remove up to ``limit`` of them, oldest first, with all that belongs to them; return how many."""
        ...
