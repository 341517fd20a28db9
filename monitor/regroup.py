"""Stories by hand: looked at, split and merged beside a running service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from monitor.configuration import Configuration
from monitor.errors import MonitorError
from monitor.grouping import REASONS
from monitor.records import StoryHistory, StoryItem
from monitor.sources import names, origins
from monitor.storage import Storage, open_storage

__all__ = [
    "detail_lines",
    "found_story",
    "merge_stories",
    "split_story",
    "stories_of",
    "story_row",
    "summary_lines",
]


def stories_of(config: Configuration, topic_id: str, since: datetime) -> list[StoryHistory]:
    """Return a topic's stories that have got an item since then, the latest first."""
    with _opened(config, read_only=True) as storage:
        return storage.stories.stories(topic_id, since)


def found_story(config: Configuration, story_id: int) -> StoryHistory:
    """Return one story; MonitorError if there is none with this id."""
    with _opened(config, read_only=True) as storage:
        return _existing(storage, story_id)


def split_story(
    config: Configuration, story_id: int, item_ids: frozenset[int], *, by: str, now: datetime
) -> StoryHistory:
    """Move items of a story into a new one, and return that; MonitorError if it cannot be done."""
    with _opened(config) as storage:
        new_id = storage.stories.split(story_id, item_ids, by=by, now=now)
        if new_id is None:
            story = _existing(storage, story_id)
            strange = sorted(item_ids - {of.match.item.id for of in story.items})
            if strange:
                raise MonitorError(f"story {story_id} has no item {', '.join(map(str, strange))}")
            raise MonitorError(f"these are all items of story {story_id}; leave it at least one")
        return _existing(storage, new_id)


def merge_stories(config: Configuration, into: int, other: int, *, by: str, now: datetime) -> StoryHistory:
    """Move all items of ``other`` into a story, and return that; MonitorError if it cannot be done."""
    with _opened(config) as storage:
        if not storage.stories.merge(into, other, by=by, now=now):
            first, second = _existing(storage, into), _existing(storage, other)
            if into == other:
                raise MonitorError("a story cannot be merged with itself")
            raise MonitorError(
                f"story {into} is of topic {first.topic_id} and story {other} of {second.topic_id}; "
                "only stories of one topic can be merged"
            )
        return _existing(storage, into)


def summary_lines(stories: Sequence[StoryHistory]) -> list[str]:
    """Return stories as text, two lines each."""
    return [line for story in stories for line in _summary(story)] or ["no stories"]


def detail_lines(story: StoryHistory) -> list[str]:
    """Return a story as text, with why each of its items is in it."""
    return [
        f"story {story.id} of {story.topic_id}: {_size(story)}",
        f"from {_time(story.opened_at)} to {_time(story.touched_at)}, {_told(story)}",
        *(line for of in story.items for line in _item_lines(of)),
    ]


def story_row(story: StoryHistory) -> dict[str, Any]:
    """Return a story as plain JSON values."""
    return {
        "id": story.id,
        "topic": story.topic_id,
        "opened_at": story.opened_at.isoformat(),
        "touched_at": story.touched_at.isoformat(),
        "sources": _sources(story),
        "channels": story.channels,
        "items": [
            {
                "id": of.match.item.id,
                "title": of.match.item.title,
                "url": of.match.item.url,
                "feed": of.match.item.feed_name,
                "first_seen": of.match.item.first_seen.isoformat(),
                "score": of.match.score.score,
                "reason": of.reason,
                "certainty": of.certainty,
                "like": of.like,
            }
            for of in story.items
        ],
    }


def _summary(story: StoryHistory) -> tuple[str, str]:
    title = next((of.match.item.title for of in story.items if of.match.item.title), "(no title)")
    times = f"{_time(story.opened_at)} to {_time(story.touched_at)}"
    return f"{story.id:>5}  {title}", f"       {times}, {_size(story)}, {_told(story)}"


def _size(story: StoryHistory) -> str:
    items = "1 item" if len(story.items) == 1 else f"{len(story.items)} items"
    return f"{items} from {', '.join(_sources(story))}"


def _told(story: StoryHistory) -> str:
    return f"told in {', '.join(story.channels)}" if story.channels else "told nowhere"


def _item_lines(of: StoryItem) -> list[str]:
    item, like = of.match.item, "" if of.like is None else f", most like item {of.like}"
    return [
        f"  item {item.id}  {item.title or '(no title)'}",
        f"    {item.feed_name}, seen {_time(item.first_seen)}, score {of.match.score.score:.0f}, "
        f"{item.url or 'no address'}",
        f"    {REASONS.get(of.reason, of.reason)} ({of.reason}, {of.certainty:.0f} %{like})",
    ]


def _sources(story: StoryHistory) -> tuple[str, ...]:
    return names(origins([of.match.item for of in story.items]))


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _existing(storage: Storage, story_id: int) -> StoryHistory:
    story = storage.stories.story(story_id)
    if story is None:
        raise MonitorError(f"there is no story {story_id}; `monitor stories list TOPIC` shows a topic's")
    return story


@contextmanager
def _opened(config: Configuration, *, read_only: bool = False) -> Iterator[Storage]:
    # A service that is running need not be stopped: it reads the log of regroupings before it places items.
    storage = open_storage(config.settings.storage.url, read_only=read_only, guest=not read_only)
    try:
        yield storage
    finally:
        storage.close()
