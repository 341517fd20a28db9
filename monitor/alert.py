"""The third stage: matches become stories, and stories messages; or they stay quiet, with a reason.

take matches in order ──► its story ──► gate ──► a step for each channel ──► record it all at once
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from monitor.dispatch import Dispatch, Told, reminder_for
from monitor.grouping import Placement, Telling
from monitor.policy import Facts, Rules, Step, gate, step, verdict
from monitor.quiethours import held_until
from monitor.records import (
    ChannelPlan,
    Destination,
    DueReminder,
    Level,
    Match,
    Membership,
    Message,
    Outcome,
    Post,
    Recorded,
    Route,
    ScoredItem,
    Silence,
    Topic,
    Verdict,
)
from monitor.routing import Facts as RoutedFacts
from monitor.routing import Timing, destinations
from monitor.settings import AlertSettings
from monitor.silencing import silenced_by
from monitor.sources import origins
from monitor.storage import AlertStore
from monitor.storybook import Storybook
from monitor.threads import OwnThread
from monitor.tolls import toll

__all__ = ["Alert", "AlertReport", "Orders", "orders_for"]

logger = logging.getLogger(__name__)

_BATCH = 100
_COPIES = ("known", "same_address", "same_headline", "copy")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertReport:
    """One decision, for whoever watches."""

    match: Match
    topic_name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What people asked for: topics by id, where their stories go, and how much is too much.

    ``named`` are the channels that a topic or route names.
    """

    topics: Mapping[str, Topic]
    routes: Sequence[Route]
    channels: Mapping[str, ChannelPlan]
    named: frozenset[str]
    timing: Timing
    rules: Rules
    burst_window: timedelta


def orders_for(
    topics: Sequence[Topic],
    alerts: AlertSettings,
    routes: Sequence[Route] = (),
    channels: Mapping[str, ChannelPlan] = MappingProxyType({}),
) -> Orders:
    """Return what the configuration asks for."""
    return Orders(
        topics={topic.id: topic for topic in topics},
        routes=routes,
        channels=channels,
        named=frozenset(
            (*(topic.channel for topic in topics), *(to for route in routes for to in route.channels))
        ),
        timing=Timing(
            wait_before_first=alerts.wait_before_first,
            update_every=alerts.update_every,
            remind_after=alerts.remind_after,
        ),
        rules=Rules(
            max_age=alerts.max_age,
            cooldown=alerts.cooldown,
            late_after=alerts.late_after,
            most_per_topic=alerts.most_per_topic,
            most_per_channel=alerts.most_per_channel,
        ),
        burst_window=alerts.burst_window,
    )


class Alert:
    """Decides on matches one after the other, so that each decision knows those before it."""

    def __init__(
        self,
        *,
        store: AlertStore,
        silences: Callable[[datetime], Sequence[Silence]],
        database: OwnThread,
        storybook: Storybook,
        orders: Orders,
        now: Callable[[], datetime],
        on_report: Callable[[AlertReport], None],
    ) -> None:
        self._store = store
        self._silences = silences
        self._database = database
        self._storybook = storybook
        self._orders = orders
        self._now = now
        self._on_report = on_report

    async def work(self) -> int:
        """Decide on every match that waits, and remind where it is time; return how many were decided on."""
        await self._storybook.refresh()
        decided = 0
        stuck: Exception | None = None
        while stuck is None and (matches := await self._database(self._store.undecided, _BATCH)):
            now_decided, failure = await self._decide_each(matches)
            decided += now_decided
            stuck = None if now_decided else failure
        await self._database(self._remind)
        if stuck is not None:
            raise stuck
        return decided

    async def _decide_each(self, matches: Sequence[Match]) -> tuple[int, Exception | None]:
        """Return how many were decided on, and the last of the failures, if there was one."""
        decided = 0
        failure: Exception | None = None
        for match in matches:
            try:
                report = await self._decide(match)
            except Exception as error:
                # One match's surprise must not cost those behind it.
                logger.exception("decision_failed", extra={"item": match.item.id})
                failure = error
                continue
            if report:
                self._on_report(report)
                decided += 1
        return decided, failure

    async def _decide(self, match: Match) -> AlertReport | None:
        topic = self._orders.topics.get(match.score.topic_id)
        if topic is None:
            outcome = Outcome(verdict=Verdict(decision="quiet", reason="topic_gone"))
            recorded = await self._database(self._store.record_decision, match, outcome, self._now())
        else:
            told, placement = await self._storybook.place(match, topic)
            outcome, recorded = await self._database(self._record, match, topic, told, placement)
        if recorded is None:
            return None
        name = topic.name if topic else match.score.topic_id
        extra = {"topic": match.score.topic_id, "item": match.item.id, "score": round(match.score.score)}
        logger.info(outcome.verdict.decision, extra=extra | {"reason": outcome.verdict.reason})
        return AlertReport(match=match, topic_name=name, verdict=outcome.verdict)

    def _record(
        self, match: Match, topic: Topic, told: Telling, placement: Placement
    ) -> tuple[Outcome, Recorded | None]:
        """Decide, record and remember, in storage's thread: nothing changes in between, nor cuts it off."""
        now = self._now()
        outcome = self._outcome(match, topic, placement, now)
        recorded = self._store.record_decision(match, outcome, now)
        if recorded is not None and recorded.story_id is not None:
            self._storybook.grow(topic.id, told, recorded.story_id)
        return outcome, recorded

    def _outcome(self, match: Match, topic: Topic, placement: Placement, now: datetime) -> Outcome:
        membership = Membership(
            story_id=placement.story_id,
            reason=placement.reason,
            score=placement.score,
            like_id=placement.like,
        )
        silenced = silenced_by(match.item, topic.id, self._silences(now), now) is not None
        max_age = self._orders.rules.max_age
        reason = gate(match.item, topic, silenced=silenced, max_age=max_age, now=now)
        if reason is not None:
            return Outcome(verdict=Verdict(decision="quiet", reason=reason), membership=membership)
        posts = {} if placement.story_id is None else self._store.posts(placement.story_id)
        told = self._told(match, topic, placement, told_before=bool(posts), now=now)
        dispatch = Dispatch(self._store, told, self._orders.burst_window)
        steps = [
            self._step(told, destination, posts.get(destination.channel), dispatch)
            for destination in self._destinations(told, posts)
        ]
        return Outcome(
            verdict=verdict(steps),
            membership=membership,
            deliveries=tuple(dispatch.deliveries),
            rewrites=tuple(dispatch.rewrites),
            posts=tuple(dispatch.posts),
        )

    def _step(self, told: Told, destination: Destination, post: Post | None, dispatch: Dispatch) -> Step:
        """Decide what one channel is told, and have it written down."""
        channel, level, now = destination.channel, destination.level, told.now
        traffic = self._store.traffic(channel, told.topic.id, now - self._orders.burst_window)
        until, rules = self._held_until(channel, level, now), self._orders.rules
        one = step(told.match.item, told.facts, destination, post, traffic, until, rules, now)

        def awake(moment: datetime) -> datetime:
            return self._held_until(channel, level, moment) or moment

        if one.loud_at is not None:
            one = replace(one, loud_at=awake(one.loud_at))
        dispatch.take(one, destination, post, awake)
        return one

    def _held_until(self, channel: str, level: Level, moment: datetime) -> datetime | None:
        plan = self._orders.channels.get(channel)
        return held_until(plan.quiet_hours if plan else None, level, moment)

    def _told(
        self, match: Match, topic: Topic, placement: Placement, *, told_before: bool, now: datetime
    ) -> Told:
        """Return the match together with what its story has become by it."""
        before, count = ([], 0) if placement.story_id is None else self._store.story(placement.story_id)
        own = ScoredItem(item=match.item, score=match.score.score)
        items = sorted([*before, own], key=lambda one: (one.item.first_seen, one.item.id))
        names = tuple(dict.fromkeys(origin.name for origin in origins([one.item for one in items])))
        facts = Facts(
            sources=len(names),
            score=max(one.score for one in items),
            toll=max(toll(f"{one.item.title}. {one.item.summary}") for one in items),
            copied=placement.reason in _COPIES,
            told=told_before,
        )
        return Told(
            match=match,
            topic=topic,
            story_id=placement.story_id,
            items=tuple(items),
            count=count + 1,
            sources=names,
            facts=facts,
            now=now,
        )

    def _destinations(self, told: Told, posts: Mapping[str, Post]) -> tuple[Destination, ...]:
        """Return where the story goes: also to channels that know it and whose routes it has left."""
        tags = frozenset[str]().union(*(one.item.feed_tags for one in told.items))
        timing = self._orders.timing
        facts = RoutedFacts(topic=told.topic, tags=tags, score=told.facts.score, sources=told.facts.sources)
        wanted = destinations(facts, self._orders.routes, timing)
        left = posts.keys() & self._orders.named - {destination.channel for destination in wanted}
        return (*wanted, *(_as_before(posts[channel], timing) for channel in sorted(left)))

    def _remind(self) -> None:
        now = self._now()
        for due in self._store.due_reminders(now):
            channel, level = due.post.channel, due.post.level
            if channel in self._orders.named and self._held_until(channel, level, now) is None:
                self._remind_of(due, now)

    def _remind_of(self, due: DueReminder, now: datetime) -> None:
        topic = self._orders.topics.get(due.topic_id)
        name = topic.name if topic else due.topic_id
        items, _ = self._store.story(due.story_id)
        parent = self._store.delivery(due.post.delivery_id)
        known = parent.message if parent and isinstance(parent.message, Message) else None
        title = known.title if known else items[0].item.title if items else due.topic_id
        post, reminder = reminder_for(due, name, title, known.mention if known else None, now)
        self._store.record_reminder(due, post, reminder, now)
        logger.info("reminded", extra={"story": due.story_id, "channel": due.post.channel})


def _as_before(post: Post, timing: Timing) -> Destination:
    """Return a destination that asks for no more than what the channel has been told."""
    return Destination(
        channel=post.channel,
        level=post.level,
        mention=None,
        wait_before_first=timing.wait_before_first,
        update_every=timing.update_every,
        remind_after=None,
    )
