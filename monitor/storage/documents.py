"""Statements that bring a feed's document into the items table, which itself is the seen-set.

Every item of the document is, by the rules of ``identity``,

known      its key is on record and tells the same
edited     its key is on record and tells something else now: the text before is kept as a version
re-keyed   its key is new, but an item that the feed shows no more tells the same: that one takes the key
buried     an item that retention has removed told the same
new        none of these

A poll that brings only known items costs the one query that finds them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from monitor.identity import (
    LONGER,
    headline,
    is_edit,
    is_rekeyed,
    longer_key,
    mark,
    other_key,
    same_text,
)
from monitor.passages import item_text
from monitor.records import Changes, Feed, KeyedItem, ParsedItem
from monitor.storage.rows import IN_LIST, Row
from monitor.storage.scores import forget_vectors
from monitor.storage.tables import LEFT, LISTED, item_versions, items, tombstones

MOST_VERSIONS = 20
"""Kept of one item, the first ones and the latest: some feeds count minutes in their summaries."""
EDITS_APART = timedelta(minutes=10)
"""An item with so many versions is edited, and scored again, no sooner than that after its last edit."""
_ALIKE = 100
"""Items beyond the number looked for that are compared by headline, the latest ones: bulletins are many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """What recognising an item takes of its row."""

    id: int
    keyed: KeyedItem
    first_seen: datetime
    edited_at: datetime | None
    backlog: bool
    listed: bool


T = TypeVar("T")
_Pairs = list[tuple[_Stored, KeyedItem]]
"""Stored items, each with how the document shows it."""


def record_document(db: sa.Connection, feed: Feed, shown: Sequence[KeyedItem], now: datetime) -> Changes:
    """Store what a document shows (of items that share a key, the first); return what it changed."""
    # Feeds list the newest first; stored oldest first, ids follow the order of events.
    document = {keyed.key: keyed for keyed in reversed(shown)}
    listed = list(_stored(db, _RECOGNISED.where(items.c.feed_id == feed.id, LISTED)))
    known = {stored.keyed.key: stored for stored in listed}
    known |= _by_keys(db, feed.id, document.keys() - known.keys())
    pairs, fresh = _recognised(db, feed.id, document, known)
    present = {stored.id for stored, _ in pairs}
    rekeyed, new = _rekeyed(db, feed.id, fresh, [row for row in listed if row.id not in present], present)
    edited, put_off = _follow_edits(db, feed, pairs + rekeyed, now)
    if rekeyed:
        takes_key = items.update().where(items.c.id == sa.bindparam("row"))
        db.execute(takes_key, [{"row": stored.id} | _identity(keyed) for stored, keyed in rekeyed])
    _mark_listed(db, listed, pairs + rekeyed)
    if new:
        db.execute(items.insert(), [_columns(feed, keyed, now) for keyed in new])
    return Changes(new=tuple(new), edited=edited, rekeyed=len(rekeyed), put_off=put_off)


# --- known by its key --------------------------------------------------------------------------------


def _recognised(
    db: sa.Connection, feed_id: int, document: dict[str, KeyedItem], known: dict[str, _Stored]
) -> tuple[_Pairs, list[KeyedItem]]:
    """Return the document's items that are stored, and those whose keys are new."""
    pairs, fresh, doubtful = _Pairs(), list[KeyedItem](), list[KeyedItem]()
    for keyed in document.values():
        stored = known.get(keyed.key)
        if stored is not None and is_edit(stored.keyed.item, keyed.item, shared=True):
            pairs.append((stored, keyed))
        else:
            doubtful.append(keyed)
    others = _under_other_keys(db, feed_id, doubtful, {stored.id for stored, _ in pairs})
    for keyed in doubtful:
        stored, other = known.get(keyed.key), others.get(keyed.key)
        if other is not None:
            pairs.append((other, keyed))
        elif stored is None:
            fresh.append(keyed)
        elif is_edit(stored.keyed.item, keyed.item, shared=_is_shared(db, feed_id, keyed.key, document)):
            pairs.append((stored, keyed))
        else:
            fresh.append(replace(keyed, key=longer_key(keyed.key, keyed.item)))
    return pairs, fresh


def _under_other_keys(
    db: sa.Connection, feed_id: int, doubtful: Sequence[KeyedItem], taken: set[int]
) -> dict[str, _Stored]:
    """Return, by key, the items that are stored under their other key: keys that are shared change hands."""
    keys = {keyed.key: other_key(keyed.key, keyed.item) for keyed in doubtful}
    stored = _by_keys(db, feed_id, set(keys.values()))
    found = dict[str, _Stored]()
    for keyed in doubtful:
        other = stored.get(keys[keyed.key])
        if other is None or other.id in taken:
            continue
        # Only a longer key proves by itself that it is the same item.
        if LONGER in other.keyed.key or is_edit(other.keyed.item, keyed.item, shared=True):
            found[keyed.key] = other
            taken.add(other.id)
    return found


def _is_shared(db: sa.Connection, feed_id: int, key: str, document: Collection[str]) -> bool:
    """Say whether different items have ever stood under a key side by side."""
    if any(other.startswith(key + LONGER) for other in document):
        return True
    first, beyond = key + LONGER, key + chr(ord(LONGER) + 1)
    longer = sa.select(items.c.id).where(
        items.c.feed_id == feed_id, items.c.key > first, items.c.key < beyond
    )
    return db.execute(longer.limit(1)).first() is not None


def _follow_edits(db: sa.Connection, feed: Feed, pairs: _Pairs, now: datetime) -> tuple[int, int]:
    """Keep what edited items told, and have them scored again; return how many, and how many not yet."""
    edited = [(stored, keyed) for stored, keyed in pairs if not same_text(stored.keyed.item, keyed.item)]
    counts = _version_counts(db, [stored.id for stored, _ in edited])
    full = {id_ for id_, count in counts.items() if count >= MOST_VERSIONS}
    due = [
        (stored, keyed)
        for stored, keyed in edited
        if stored.id not in full or stored.edited_at is None or now - stored.edited_at >= EDITS_APART
    ]
    for stored, keyed in due:
        before = stored.keyed.item
        if stored.id in full:
            _drop_latest_version(db, stored.id)
        version = {
            "item_id": stored.id,
            "seen_at": stored.edited_at or stored.first_seen,
            "title": before.title,
            "summary": before.summary,
        }
        db.execute(item_versions.insert().values(**version))
        columns = _told(keyed) | _unread(feed, keyed, backlog=stored.backlog)
        columns |= {
            "edited_at": now,
            "scored_at": None,
            "published": before.published or keyed.item.published,
        }
        db.execute(items.update().where(items.c.id == stored.id).values(**columns))
    return len(due), len(edited) - len(due)


def _version_counts(db: sa.Connection, ids: Sequence[int]) -> defaultdict[int, int]:
    counts = defaultdict[int, int](int)
    for part in _parts(ids):
        query = sa.select(item_versions.c.item_id, sa.func.count()).where(item_versions.c.item_id.in_(part))
        counts |= {row[0]: row[1] for row in db.execute(query.group_by(item_versions.c.item_id))}
    return counts


def _drop_latest_version(db: sa.Connection, item_id: int) -> None:
    of_item = sa.select(item_versions).where(item_versions.c.item_id == item_id)
    latest = db.execute(of_item.order_by(item_versions.c.id.desc()).limit(1)).one()
    forget_vectors(db, [item_text(latest.title, latest.summary)])
    db.execute(item_versions.delete().where(item_versions.c.id == latest.id))


# --- its key is new ----------------------------------------------------------------------------------


def _rekeyed(
    db: sa.Connection, feed_id: int, fresh: Sequence[KeyedItem], left: Sequence[_Stored], present: set[int]
) -> tuple[_Pairs, list[KeyedItem]]:
    """Return the items that come back under another key, with how they are stored, and those never shown.

    They are looked for among those that leave at this very moment, and by headline among all that have left.
    """
    fresh = _without_buried(db, feed_id, fresh)
    candidates = {stored.id: stored for stored in left} if fresh else {}
    for part in _parts(list({keyed.headline_key for keyed in fresh if keyed.headline_key})):
        # A sum, or SQLite reads the whole feed by the index of its keys.
        alike = sa.and_(items.c.feed_id + 0 == feed_id, items.c.headline_key.in_(part), LEFT)
        latest = _RECOGNISED.where(alike).order_by(items.c.id.desc()).limit(len(part) + _ALIKE)
        candidates |= {stored.id: stored for stored in _stored(db, latest) if stored.id not in present}
    by_headline = defaultdict[str, list[_Stored]](list)
    for stored in candidates.values():
        by_headline[headline(stored.keyed)].append(stored)
    pairs, new = _Pairs(), list[KeyedItem]()
    for keyed in fresh:
        among = by_headline[headline(keyed)]
        matching = [stored for stored in among if is_rekeyed(stored.keyed, keyed)]
        if matching:
            found = max(matching, key=lambda stored: (_same_page(stored.keyed, keyed), stored.id))
            among.remove(found)
            pairs.append((found, keyed))
        else:
            new.append(keyed)
    return pairs, new


def _same_page(known: KeyedItem, shown: KeyedItem) -> bool:
    return known.canonical_url == shown.canonical_url


def _without_buried(db: sa.Connection, feed_id: int, fresh: Sequence[KeyedItem]) -> list[KeyedItem]:
    marks = [
        mark(shown.item.url, shown.item.title, shown.item.summary, shown.item.published) for shown in fresh
    ]
    buried = set[str]()
    for part in _parts(marks):
        query = sa.select(tombstones.c.mark).where(
            tombstones.c.feed_id == feed_id, tombstones.c.mark.in_(part)
        )
        buried.update(db.scalars(query))
    return [shown for shown, its_mark in zip(fresh, marks, strict=True) if its_mark not in buried]


# --- rows --------------------------------------------------------------------------------------------


def _stored(db: sa.Connection, query: sa.Select[Any]) -> Iterator[_Stored]:
    return (_stored_from(row) for row in db.execute(query).mappings())


def _by_keys(db: sa.Connection, feed_id: int, keys: Collection[str]) -> dict[str, _Stored]:
    return {
        stored.keyed.key: stored
        for part in _parts(list(keys))
        for stored in _stored(db, _RECOGNISED.where(items.c.feed_id == feed_id, items.c.key.in_(part)))
    }


_RECOGNISED = sa.select(
    *(items.c[name] for name in ("id", "key", "guid", "url", "canonical_url", "headline_key", "title")),
    *(items.c[name] for name in ("summary", "published", "first_seen", "edited_at", "backlog", "listed")),
)


def _stored_from(row: Row) -> _Stored:
    item = ParsedItem(
        guid=row["guid"],
        url=row["url"],
        title=row["title"],
        summary=row["summary"],
        published=row["published"],
    )
    keyed = KeyedItem(
        item=item, key=row["key"], canonical_url=row["canonical_url"], headline_key=row["headline_key"]
    )
    return _Stored(
        id=row["id"],
        keyed=keyed,
        first_seen=row["first_seen"],
        edited_at=row["edited_at"],
        backlog=row["backlog"],
        listed=row["listed"],
    )


def _mark_listed(db: sa.Connection, listed: Sequence[_Stored], present: _Pairs) -> None:
    """Keep on record which items the feed's last document held; only what comes or goes is written."""
    here = {stored.id for stored, _ in present}
    gone = [stored.id for stored in listed if stored.id not in here]
    back = [stored.id for stored, _ in present if not stored.listed]
    for ids, now_listed in ((gone, False), (back, True)):
        for part in _parts(ids):
            db.execute(items.update().where(items.c.id.in_(part)).values(listed=now_listed))


def _columns(feed: Feed, keyed: KeyedItem, now: datetime) -> dict[str, Any]:
    backlog = feed.first_polled_at is None
    return {
        "feed_id": feed.id,
        **_identity(keyed),
        **_told(keyed),
        "published": keyed.item.published,
        "first_seen": now,
        "backlog": backlog,
        "listed": True,
        **_unread(feed, keyed, backlog=backlog),
    }


def _identity(keyed: KeyedItem) -> dict[str, Any]:
    item = keyed.item
    return {
        "key": keyed.key,
        "guid": item.guid,
        "url": item.url,
        "canonical_url": keyed.canonical_url,
    }


def _told(keyed: KeyedItem) -> dict[str, Any]:
    item = keyed.item
    return {
        "url": item.url,
        "canonical_url": keyed.canonical_url,
        "headline_key": keyed.headline_key,
        "title": item.title,
        "summary": item.summary,
        "author": item.author,
    }


def _unread(feed: Feed, keyed: KeyedItem, *, backlog: bool) -> dict[str, Any]:
    """Have an item's article read if it is worth a request: what comes with a backlog rarely alerts."""
    may_alert = not backlog or bool(feed.spec.alert_backlog)
    wanted = feed.spec.full_text and keyed.item.url is not None and may_alert
    return {"article_state": "waiting" if wanted else None, "full_text": None, "full_text_missing": None}


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    return (values[start : start + IN_LIST] for start in range(0, len(values), IN_LIST))
