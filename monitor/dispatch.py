"""What a decision writes into the outbox: posts, lists, replies and edits, gathered where they can be.

A delivery that nobody has tried yet says what is known when it goes: instead of a second one beside it, it
is rewritten.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from monitor.compose import counted, entry_for, grown, joined, listed, message_for, update_for
from monitor.identity import delivery_id
from monitor.policy import LISTED, LOUD, Facts, Step
from monitor.records import (
    Content,
    DeliveryKind,
    Destination,
    DueReminder,
    Entry,
    Listing,
    ListingWhy,
    Match,
    Message,
    NewDelivery,
    Post,
    Reminder,
    Rewrite,
    ScoredItem,
    Topic,
    Update,
    Waiting,
    as_sent,
)
from monitor.records.sent import STORIES_PER_PAGE
from monitor.storage import AlertStore

__all__ = ["Dispatch", "Told", "reminder_for"]

GATHER = timedelta(seconds=60)
"""For how long a list of stories waits for more, so that a burst is one message."""
_LONGEST_HOLD = timedelta(days=7)
REMINDERS = 3
"""How many times readers are reminded of a story that nobody acknowledges."""


Awake = Callable[[datetime], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A match with its story as it is now: the items looked at, the number of all, independent sources.

    ``story_id`` is None while the story has no other item.
    """

    match: Match
    topic: Topic
    story_id: int | None
    items: tuple[ScoredItem, ...]
    count: int
    sources: tuple[str, ...]
    facts: Facts
    now: datetime


class Dispatch:
    """Collects what one match puts into the outbox; runs in storage's thread, and writes nothing itself."""

    def __init__(self, store: AlertStore, told: Told, burst_window: timedelta) -> None:
        self._store = store
        self._told = told
        self._burst_window = burst_window
        self.deliveries: list[NewDelivery] = []
        self.rewrites: list[Rewrite] = []
        self.posts: list[Post] = []

    def take(self, step: Step, destination: Destination, post: Post | None, awake: Awake) -> None:
        """Write down one step; ``awake`` says when, from a moment on, the channel is not left alone."""
        if post is None and step.action == "list":
            self._list(LISTED[step.reason], destination, awake)
        elif post is None:
            self._post(destination, awake)
        else:
            self._follow(step, destination, post)

    # --- a story that the channel does not know -----------------------------------------------------------

    def _post(self, destination: Destination, awake: Awake) -> None:
        told = self._told
        wait = destination.wait_before_first
        message = self._grown(message_for(told.match, told.topic, destination), None)
        new = self._new(destination.channel, "post", message)
        new = replace(new, not_before=awake(told.now + wait) if wait else None)
        self.deliveries.append(new)
        self._know(destination, new.id)

    def _list(self, why: ListingWhy, destination: Destination, awake: Awake) -> None:
        """Add the story to the channel's list, or begin one."""
        told, channel = self._told, destination.channel
        own = ScoredItem(item=told.match.item, score=told.match.score.score)
        entry = entry_for(own, told.topic.name, told.facts.sources)
        since = told.now - (self._burst_window if why == "burst" else _LONGEST_HOLD)
        known = self._store.last_listing(channel, why, since)
        # What is late or was held comes in one go; a burst may go on after its list has been sent.
        if known is not None and (known.untried or _goes_on(known.message)):
            self._append(known, entry, channel)
            self._know(destination, known.id)
            return
        alone = None
        # A burst's list that was sent as its one story takes no more: the next one is a list in any case.
        if why != "burst" or known is None:
            alone = self._grown(message_for(told.match, told.topic, destination), None)
        new = self._new(channel, "post", listed(why, entry, told.now, alone=alone))
        self.deliveries.append(replace(new, not_before=awake(told.now + GATHER)))
        self._know(destination, new.id)

    def _append(self, listing: Waiting, entry: Entry, channel: str) -> None:
        """Put a story at the end of a list: on its last page, or on a new one in its thread."""
        edit, page = self._store.last_child(listing.id, "edit"), self._store.last_page(listing.id)
        first = edit.message if edit else listing.message
        assert isinstance(first, Listing)
        assert page is not None
        assert isinstance(page.message, Listing)
        now, head = self._told.now, counted(first, entry, self._told.now)
        fits = page.untried and len(page.message.stories) < STORIES_PER_PAGE
        if fits:
            on_page = head if page.id == listing.id else page.message
            self._rewrite(page, replace(on_page, stories=(*on_page.stories, entry), total=head.total))
        else:
            new = listed(first.why, entry, now, page=page.message.page + 1, total=head.total)
            due = listing.not_before if listing.untried else now + GATHER
            self.deliveries.append(replace(self._under(listing, channel, "reply", new), not_before=due))
        if not (fits and page.id == listing.id):
            self._say(listing, head, channel, GATHER)

    def _know(self, destination: Destination, id_: str) -> None:
        told = self._told
        self.posts.append(
            Post(
                channel=destination.channel,
                delivery_id=id_,
                level=destination.level,
                told_at=told.now,
                loud_at=told.now,
                loud_sources=told.facts.sources,
                loud_score=told.facts.score,
                loud_toll=told.facts.toll,
                remind_at=told.now + destination.remind_after if destination.remind_after else None,
                remind_after=destination.remind_after,
            )
        )

    # --- a story that it knows ----------------------------------------------------------------------------

    def _follow(self, step: Step, destination: Destination, post: Post) -> None:
        parent = self._store.delivery(post.delivery_id)
        if parent is None:
            return
        if parent.untried and step.reason == "escalated":
            self._hasten(step, destination, post, parent)
            return
        message = parent.message if parent.untried else as_sent(parent.message)
        own = message if isinstance(message, Message) else None
        if own is not None and parent.untried:
            self._rewrite(parent, self._grown(own, post.acked_by))
            self._remember(step, destination, post)
            return
        if step.action == "reply":
            self._reply(step, destination, parent, own)
        if own is not None:
            level = destination.level if step.reason == "escalated" else post.level
            new = self._grown(replace(own, level=level), post.acked_by)
            last = self._store.last_child(parent.id, "edit")
            said = last.message if last else own
            if step.action == "reply" or new.sources != getattr(said, "sources", ()):
                self._say(parent, new, destination.channel, destination.update_every)
        if step.reason in LOUD:
            self._remember(step, destination, post)

    def _hasten(self, step: Step, destination: Destination, post: Post, parent: Waiting) -> None:
        """Tell a story that has become urgent by itself, without waiting for what its message waits for."""
        alone = as_sent(parent.message)
        own = (
            alone
            if isinstance(alone, Message)
            else message_for(self._told.match, self._told.topic, destination)
        )
        own = replace(own, level=destination.level, mention=destination.mention)
        message = self._grown(own, post.acked_by)
        if isinstance(alone, Message):
            self.rewrites.append(
                Rewrite(delivery_id=parent.id, message=message, broadcast=False, not_before=step.loud_at)
            )
        else:
            new = self._new(destination.channel, "post", message)
            self.deliveries.append(replace(new, not_before=step.loud_at))
            post = replace(post, delivery_id=new.id)
        self._remember(step, destination, post)

    def _reply(self, step: Step, destination: Destination, parent: Waiting, own: Message | None) -> None:
        """Put the item into the thread, together with what waits to go there."""
        told, loud = self._told, step.reason in LOUD
        title = own.title if own else told.items[0].item.title
        new = update_for(told.match, told.topic, title, step.reason, told.facts.sources, destination)
        # Several stories of a list share its thread.
        last = self._store.last_child(parent.id, "reply", told.story_id)
        both = joined(last.message, new) if last and isinstance(last.message, Update) else None
        if last and last.untried and both:
            due = step.loud_at if loud else last.not_before
            if loud and last.broadcast:
                # What is to be shown already is not put off by what comes in the meantime.
                due = min(step.loud_at or told.now, last.not_before or told.now)
            self.rewrites.append(
                Rewrite(delivery_id=last.id, message=both, broadcast=last.broadcast or loud, not_before=due)
            )
            return
        due = step.loud_at if loud else self._after(last, destination.update_every)
        reply = self._under(parent, destination.channel, "reply", new)
        self.deliveries.append(replace(reply, broadcast=loud, not_before=due))

    def _say(self, parent: Waiting, message: Content, channel: str, every: timedelta) -> None:
        """Have a post say this: now if nobody has tried it yet, else by an edit."""
        if parent.untried:
            self._rewrite(parent, message)
            return
        last = self._store.last_child(parent.id, "edit")
        if last is not None and last.untried:
            self._rewrite(last, message)
            return
        edit = self._under(parent, channel, "edit", message)
        self.deliveries.append(replace(edit, not_before=self._after(last, every)))

    def _remember(self, step: Step, destination: Destination, post: Post) -> None:
        """Keep what the channel's readers know from now on."""
        facts, now = self._told.facts, self._told.now
        known = replace(post, loud_sources=facts.sources, loud_score=facts.score, loud_toll=facts.toll)
        if step.reason in LOUD:
            known = replace(known, loud_at=step.loud_at or now)
        if step.reason == "escalated":
            known = replace(known, level=destination.level)
            if destination.remind_after and not post.acked_by:
                due = now + destination.remind_after
                known = replace(known, remind_at=due, remind_after=destination.remind_after)
        self.posts.append(known)

    # --- deliveries ---------------------------------------------------------------------------------------

    def _grown(self, message: Message, acked_by: str | None) -> Message:
        return grown(message, self._told.items, self._told.count, self._told.sources, acked_by)

    def _after(self, last: Waiting | None, every: timedelta) -> datetime | None:
        """Return when the next one may go, so long after the last."""
        if last is None:
            return None
        due = (last.not_before or last.created_at) + every
        return due if due > self._told.now else None

    def _rewrite(self, waiting: Waiting, message: Content) -> None:
        self.rewrites.append(
            Rewrite(
                delivery_id=waiting.id,
                message=message,
                broadcast=waiting.broadcast,
                not_before=waiting.not_before,
            )
        )

    def _under(self, parent: Waiting, channel: str, kind: DeliveryKind, message: Content) -> NewDelivery:
        return replace(self._new(channel, kind, message), parent_id=parent.id)

    def _new(self, channel: str, kind: DeliveryKind, message: Content) -> NewDelivery:
        """Return a delivery; the same item, topic, channel and kind always give the same id.

        A key may pass from one item to another, when guids are used again; a row and its first moment do not.
        """
        item, topic = self._told.match.item, self._told.topic
        told = (topic.id, item.feed_url, str(item.id), item.first_seen.isoformat(), channel)
        id_ = delivery_id(*told) if kind == "post" else delivery_id(*told, kind)
        return NewDelivery(id=id_, channel=channel, message=message, kind=kind)


def _goes_on(message: Content) -> bool:
    """Say whether a list that has been sent takes further stories: that of a burst, if it is one."""
    sent = as_sent(message)
    return isinstance(sent, Listing) and sent.why == "burst"


def reminder_for(
    due: DueReminder, topic_name: str, title: str, mention: str | None, now: datetime
) -> tuple[Post, NewDelivery]:
    """Return a reminder for a story's thread, to be shown in the channel too, and the post after it."""
    post, count = due.post, due.post.reminders + 1
    known = replace(post, reminders=count, remind_at=None)
    if post.remind_after and count < REMINDERS:
        known = replace(known, remind_at=now + post.remind_after)
    message = Reminder(topic_name=topic_name, title=title, told_at=post.told_at, count=count, mention=mention)
    id_ = delivery_id("reminder", str(due.story_id), post.delivery_id, post.channel, str(count))
    reminder = NewDelivery(
        id=id_,
        channel=post.channel,
        message=message,
        kind="reply",
        parent_id=post.delivery_id,
        broadcast=True,
    )
    return known, reminder
