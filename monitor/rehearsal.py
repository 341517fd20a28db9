"""Rehearses a captured stream: the service's own stages over a database that is thrown away.

items of one moment ──► record poll ──► Scoring.work ──► Alert.work ──► judgements ──► the next moment
"""

import tempfile
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

from monitor.alert import Alert, orders_for
from monitor.background import BLOCK
from monitor.grouping import Lexicon
from monitor.identity import headline
from monitor.labelled import StreamItem
from monitor.learning import Learning
from monitor.passages import item_text
from monitor.poll import recognised
from monitor.records import Feed, FeedHealth, FeedSpec, Fetched, Item, Judgement, KeyedItem, PollPlan, Topic
from monitor.score import Scoring, open_scoring
from monitor.scoring import Encoder, open_reference
from monitor.settings import AlertSettings
from monitor.storage import Storage, open_storage
from monitor.storybook import Storybook
from monitor.threads import OwnThread
from monitor.vectorcache import remembering
from monitor.vectorise import Vectoriser, topic_vectors

__all__ = ["Rehearsal", "Scratch", "as_stored", "moments", "open_rehearsal", "open_scratch"]

MOMENT = timedelta(hours=1)
"""Items seen within it come together, as a poll now and then would bring them; ages are limited in days."""
MOST = 1000
"""Items of one moment, so that there is progress to see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A database that is thrown away, an encoder that remembers, and a thread for each."""

    storage: Storage
    database: OwnThread
    encoder: Encoder
    encoding: OwnThread

    @property
    def vectoriser(self) -> Vectoriser:
        """Texts to vectors, by way of this database."""
        return Vectoriser(
            store=self.storage.scores, database=self.database, encoder=self.encoder, encoding=self.encoding
        )

    async def lexicon(self) -> Lexicon:
        """Return what the model knows of ordinary news, and of words."""
        reference = await self.encoding(open_reference, self.encoder)
        return Lexicon(reference=reference, vectors=self.encoder.piece_vectors)

    def storybook(self, lexicon: Lexicon) -> Storybook:
        """Return a memory of stories, of which it knows those in this database."""
        return Storybook(
            store=self.storage.alerts, database=self.database, vectors=self.vectoriser, lexicon=lexicon
        )

    async def learning(self, topics: Sequence[Topic]) -> Learning:
        """Return what judges items by these topics, of which there is at least one."""
        return await Learning.open(
            await topic_vectors(topics, self.vectoriser),
            store=self.storage.learned,
            votes=self.storage.votes,
            database=self.database,
            vectors=self.vectoriser,
            reference=await self.encoding(open_reference, self.encoder),
        )


@asynccontextmanager
async def open_scratch(load: Callable[[], Encoder]) -> AsyncIterator[Scratch]:
    """Open a database that is thrown away, and an encoder with its memory; ModelError, StorageError."""
    database, encoding = OwnThread("database"), OwnThread("encoder")
    memory = ExitStack()
    try:
        encoder = await encoding(lambda: memory.enter_context(remembering(load())))
        with tempfile.TemporaryDirectory(prefix="monitor-") as folder:
            storage = await database(open_storage, f"sqlite:///{folder}/scratch.db", durable=False)
            try:
                yield Scratch(storage=storage, database=database, encoder=encoder, encoding=encoding)
            finally:
                await database(storage.close)
    finally:
        await encoding(memory.close)
        encoding.close()
        database.close()


class StreamClock:
    """The time of the stream; it stands still while a moment is played."""

    def __init__(self) -> None:
        self.now = datetime.min.replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the moment that is being played."""
        return self.now


class Rehearsal:
    """The stages score and alert, given a stream moment by moment instead of by polls."""

    def __init__(
        self,
        scratch: Scratch,
        scoring: Scoring,
        clock: "StreamClock",
        topics: Sequence[Topic],
        alerts: AlertSettings,
        storybook: Storybook,
    ) -> None:
        self._scratch = scratch
        self._feeds: dict[str, Feed] = {}
        self._shown = defaultdict[tuple[str, str], list[KeyedItem]](list)
        self._last = 0
        self._scoring = scoring
        self._clock = clock
        self._alert = Alert(
            store=scratch.storage.alerts,
            silences=lambda _now: (),
            database=scratch.database,
            storybook=storybook,
            orders=orders_for(topics, alerts),
            now=clock,
            on_report=lambda _report: None,
        )

    async def begin(self, feeds: Iterable[str], now: datetime) -> None:
        """Make the stream's feeds known, each polled once and found empty: what comes is news, no backlog."""
        await self._scratch.database(self._make_feeds, sorted(set(feeds)), now)

    async def play(self, moment: Sequence[StreamItem]) -> list[Judgement]:
        """Bring the items of one moment through the stages; return what was made of them, in their order."""
        self._clock.now = moment[-1].first_seen
        await self._scratch.database(self._show, moment)
        await self._scoring.work()
        await self._alert.work()
        judged = await self._scratch.database(self._scratch.storage.review.judged, self._last)
        self._last = max((row.score.item_id for row in judged), default=self._last)
        return judged

    async def vote(self, topic_id: str, on: StreamItem, *, up: bool) -> None:
        """Cast a vote on an item that has been shown."""
        text = item_text(on.item.title, on.item.summary)
        add = partial(
            self._scratch.storage.votes.add, up=up, by="simulated", now=self._clock.now, url=on.item.url
        )
        await self._scratch.database(add, topic_id, text)

    def _make_feeds(self, names: Sequence[str], now: datetime) -> None:
        polls, ledger = self._scratch.storage.polls, self._scratch.storage.ledger
        polls.sync_feeds([_feed_spec(name) for name in names], now)
        for feed in ledger.feeds():
            polls.record_poll(feed, _EMPTY, [], now, lambda _changes: _plan(now))
        self._feeds = {feed.spec.name: feed for feed in ledger.feeds()}

    def _show(self, moment: Sequence[StreamItem]) -> None:
        polls = self._scratch.storage.polls
        for name, run in groupby(moment, key=lambda item: item.feed):
            document = [keyed for item in run for keyed in self._document(item)]
            # Feeds list the newest first.
            polls.record_poll(
                self._feeds[name],
                _EMPTY,
                document[::-1],
                self._clock.now,
                lambda _changes: _plan(self._clock.now),
            )

    def _document(self, item: StreamItem) -> list[KeyedItem]:
        """Return an item together with those alike that its feed has shown before.

        A stream's items have been told apart already; without the others beside it, the item would be taken
        for one of them under another key.
        """
        keyed = recognised(item.item, item.id)
        alike = self._shown[item.feed, headline(keyed)]
        alike.append(keyed)
        return list(alike)


@asynccontextmanager
async def open_rehearsal(
    topics: Sequence[Topic], load: Callable[[], Encoder], alerts: AlertSettings
) -> AsyncIterator[Rehearsal]:
    """Yield the stages, ready for a stream, on a database of their own; ModelError, StorageError."""
    async with open_scratch(load) as scratch:
        clock = StreamClock()
        lexicon = await scratch.lexicon()
        scoring = await open_scoring(
            topics,
            storage=scratch.storage,
            database=scratch.database,
            encoder=scratch.encoder,
            encoding=scratch.encoding,
            reference=lexicon.reference,
            now=clock,
            on_report=lambda _report: None,
            batch=BLOCK,
        )
        yield Rehearsal(scratch, scoring, clock, topics, alerts, scratch.storybook(lexicon))


def moments(stream: Sequence[StreamItem]) -> Iterator[list[StreamItem]]:
    """Yield a stream, in time order, in the portions that come together."""
    moment = list[StreamItem]()
    for item in stream:
        if moment and (len(moment) == MOST or item.first_seen - moment[0].first_seen >= MOMENT):
            yield moment
            moment = []
        moment.append(item)
    if moment:
        yield moment


_EMPTY = Fetched(items=(), format="stream", etag=None, last_modified=None, body_hash="")


def _feed_spec(name: str) -> FeedSpec:
    return FeedSpec(
        url=f"stream:{name}", name=name, tags=frozenset(), every=MOMENT, alert_backlog=timedelta(0)
    )


def _plan(now: datetime) -> PollPlan:
    return PollPlan(next_poll_at=now, rhythm=None, health=FeedHealth())


def as_stored(keyed: KeyedItem, *, number: int, feed: str, first_seen: datetime) -> Item:
    """Return an item as the service would have stored it: news of a feed, its full text not read."""
    item = keyed.item
    return Item(
        id=number,
        feed_id=zlib.crc32(feed.encode()),
        feed_url=f"stream:{feed}",
        feed_name=feed,
        feed_tags=frozenset(),
        key=keyed.key,
        guid=item.guid,
        url=item.url,
        canonical_url=keyed.canonical_url,
        headline_key=keyed.headline_key,
        title=item.title,
        summary=item.summary,
        author=item.author,
        published=item.published,
        first_seen=first_seen,
        backlog=False,
        alert_backlog=timedelta(0),
    )
