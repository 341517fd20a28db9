"""Small labelled streams, as nouns and as files, whose words the word encoder understands."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from builders import HOUR, NOW, topic

from monitor.labelled import Label, StreamItem
from monitor.records import ParsedItem

ABOUT = "soldiers find a hidden camp"
PATROLS = topic(about=(ABOUT,), name=ABOUT)
FLOODS = topic(id="floods", name="rivers flood a town", about=("rivers flood a town",))
DAY = timedelta(days=1)


def shown(
    n: int, title: str, *, feed: str = "wire", at: timedelta = timedelta(), **changes: Any
) -> StreamItem:
    """An item of a stream that was first seen some time after NOW."""
    item = ParsedItem(
        guid=f"i{n}",
        url=f"https://{feed}.example/{n}",
        title=title,
        summary="",
        published=NOW + at,
        **changes,
    )
    return StreamItem(id=f"i{n}", feed=feed, first_seen=NOW + at, item=item)


def mixed(count: int) -> list[StreamItem]:
    """A stream in which every third item is near a topic in some way, an hour and a half between two."""
    titles = (
        f"{ABOUT} near village",
        "harvest festival opens on monday",
        "soldiers find a lost dog",
        "rivers flood a town again",
        "parliament debates the budget",
        "a hidden camp for children opens",
    )
    return [
        shown(n, f"{titles[n % 6]} {n}", feed=("wire", "post")[n % 2], at=n * 1.5 * HOUR)
        for n in range(count)
    ]


def labels_of(stream: Sequence[StreamItem]) -> dict[str, dict[str, Label]]:
    """Labels for ``mixed``: two topics, some items either way, some without a label."""
    grades = {0: 2, 2: 0, 5: 1}
    of_patrols = {
        item.id: Label(grade=grades[n % 6], story=f"story-{n // 12}")
        for n, item in enumerate(stream)
        if n % 6 in grades
    }
    of_floods = {item.id: Label(grade=2, story="") for n, item in enumerate(stream) if n % 6 == 3}
    return {"patrols": of_patrols, "floods": of_floods}


def write_stream(path: Path, stream: Sequence[StreamItem]) -> Path:
    """Write a stream as JSON lines."""
    lines = (
        {
            "id": item.id,
            "feed": item.feed,
            "url": item.item.url,
            "title": item.item.title,
            "summary": item.item.summary,
            "published": item.item.published and item.item.published.isoformat(),
            "first_seen": item.first_seen.isoformat(),
        }
        for item in stream
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def write_labels(path: Path, labels: Mapping[str, Mapping[str, Label]]) -> Path:
    """Write labels as TSV."""
    rows = (
        f"{topic_id}\t{item}\t{label.grade}\t{label.story}\n"
        for topic_id, of_topic in labels.items()
        for item, label in of_topic.items()
    )
    path.write_text("".join(rows))
    return path
