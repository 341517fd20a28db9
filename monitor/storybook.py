"""What the alert stage remembers of the topics' stories, so that it need not read them for every match.

All of it can be forgotten at any time: it is read again from the tables, with the same result.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from monitor.grouping import (
    STORIES,
    WINDOW,
    Lexicon,
    Placement,
    Story,
    Subject,
    Telling,
    grown,
    place,
    story,
    subject,
    telling,
)
from monitor.passages import item_text
from monitor.records import Item, Match, Topic
from monitor.sources import outlet
from monitor.storage import AlertStore
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser

__all__ = ["Storybook"]


class Storybook:
    """The stories of each topic that is being decided on."""

    def __init__(
        self, *, store: AlertStore, database: OwnThread, vectors: Vectoriser, lexicon: Lexicon
    ) -> None:
        self._store = store
        self._database = database
        self._vectors = vectors
        self._lexicon = lexicon
        self._stories = dict[str, tuple[Story, ...]]()
        self._subjects = dict[str, Subject]()
        self._regroupings = 0
        self._edits = 0

    async def refresh(self) -> None:
        """Forget stories that have been split or merged by hand, or whose items have been edited."""
        regroupings = await self._database(self._store.regroupings)
        if regroupings != self._regroupings:
            self._stories.clear()
            self._regroupings = regroupings
        self._edits, edited = await self._database(self._store.edited, self._edits)
        for topic_id in edited:
            self._stories.pop(topic_id, None)

    async def place(self, match: Match, topic: Topic) -> tuple[Telling, Placement]:
        """Return which of its topic's stories a match belongs to, and the match as grouping sees it."""
        if topic.id not in self._stories:
            self._stories[topic.id] = await self._read(topic.id, match.item.first_seen)
        if topic.id not in self._subjects:
            self._subjects[topic.id] = await self._subject(topic)
        (told,) = await self._tellings([match.item])
        stories, about = self._stories[topic.id], self._subjects[topic.id]
        return told, place(told, stories, self._lexicon, about)

    def grow(self, topic_id: str, told: Telling, story_id: int) -> None:
        """Remember that a match has joined a story, or opened it."""
        self._stories[topic_id] = grown(self._stories[topic_id], told, story_id)

    async def _subject(self, topic: Topic) -> Subject:
        sentences = [*topic.about, topic.name]
        vectors = await self._vectors.queries(sentences)
        return subject(vectors, await self._vectors.pieces(sentences), self._lexicon.reference)

    async def _read(self, topic_id: str, now: datetime) -> tuple[Story, ...]:
        rows = await self._database(self._store.grouped, topic_id, now - 2 * WINDOW, STORIES)
        tellings = await self._tellings([item for _, item in rows])
        of_story = defaultdict[int, list[Telling]](list)
        for (story_id, _), told in zip(rows, tellings, strict=True):
            of_story[story_id].append(told)
        return tuple(story(story_id, told) for story_id, told in of_story.items())

    async def _tellings(self, items: Sequence[Item]) -> list[Telling]:
        texts = [item_text(item.title, item.summary) for item in items]
        vectors = await self._vectors.vectors(texts)
        pieces = await self._vectors.pieces([*texts, *(item.title for item in items)])
        return [
            telling(item, outlet(item), vector, of_text, len(of_title), self._lexicon.reference)
            for item, vector, of_text, of_title in zip(
                items, vectors, pieces[: len(items)], pieces[len(items) :], strict=True
            )
        ]
