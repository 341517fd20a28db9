"""What identity makes of captured feeds: items, edits, re-keyed items; then with other guids at every poll.

captures (index, bodies) ──► the real parser ──► what poll records ──► counts, and who changed its identity

A stored item that has stood for several items as captured is listed, to be looked at: it must be one article
that moved. Run: python benchmarks/identity.py [--feeds nytimes rnz] [--data FOLDER].
"""

import argparse
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from monitor.demo.replay import read_index, unpacked
from monitor.feeds.parse import parse
from monitor.identity import item_keys
from monitor.poll import recognise
from monitor.records import FeedHealth, FeedSpec, Fetched, FetchFailed, ParsedItem, PollPlan
from monitor.storage import open_storage

DATA = Path(__file__).parents[2] / "shared" / "data" / "replay"
Document = tuple[str, datetime, tuple[ParsedItem, ...]]
"""Which feed showed what when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    counts: Counter[str] = field(default_factory=Counter)
    keys: set[tuple[str, str]] = field(default_factory=set)
    """Every feed's items as captured."""
    stood_for: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    """By stored item: the items as captured that it has stood for, by key, with what they told."""


def captured(data: Path, feeds: Sequence[str]) -> Iterator[Document]:
    with unpacked(data / "bodies.tar.xz") as folder:
        for capture in read_index(data / "index.jsonl"):
            if feeds and capture.feed not in feeds:
                continue
            body = (folder / capture.file).read_bytes()
            read = parse(body, url=f"https://{capture.feed}.example/", charset=None)
            if not isinstance(read, FetchFailed):
                yield capture.feed, capture.captured_at, read.items


def spec(name: str) -> FeedSpec:
    url, hour = f"https://{name}.example/", timedelta(hours=1)
    return FeedSpec(url=url, name=name, tags=frozenset(), every=hour, alert_backlog=hour)


def measure(documents: Sequence[Document], database: Path, *, other_guids: bool) -> Measured:
    measured, numbers = Measured(), count()
    storage = open_storage(f"sqlite:///{database}")
    storage.polls.sync_feeds(
        [spec(name) for name in sorted({name for name, _, _ in documents})], documents[0][1]
    )
    feeds = {feed.spec.name: feed for feed in storage.ledger.feeds()}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as reader:
        for name, now, items in documents:
            shown = tuple(replace(item, guid=f"{next(numbers)}") for item in items) if other_guids else items
            outcome = Fetched(items=shown, format="", etag=None, last_modified=None, body_hash="")
            plan = PollPlan(next_poll_at=now, rhythm=None, health=FeedHealth())
            keyed = recognise(outcome)
            changes = storage.polls.record_poll(feeds[name], outcome, keyed, now, lambda _: plan)  # noqa: B023
            measured.counts.update(items=len(changes.new), edits=changes.edited, rekeyed=changes.rekeyed)
            keys = item_keys(items)
            measured.keys.update((name, key) for key in keys)
            truth = {known.key: (key, known.item) for known, key in zip(keyed, keys, strict=True)}
            listed = "SELECT id, key FROM items WHERE listed = 1 AND feed_id = ?"
            for row, key in reader.execute(listed, [feeds[name].id]):
                if key in truth:
                    as_captured, item = truth[key]
                    measured.stood_for[row][as_captured] = f"{item.title} <{item.url}>"
        edited = reader.execute("SELECT count(DISTINCT item_id) FROM item_versions").fetchone()[0]
        measured.counts.update(edited=edited)
    storage.close()
    return measured


def main() -> None:
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--data", type=Path, default=DATA)
    arguments.add_argument("--feeds", nargs="*", default=[])
    asked = arguments.parse_args()
    documents = list(captured(asked.data, asked.feeds))
    with tempfile.TemporaryDirectory(prefix="monitor-identity-") as folder:
        for what, other_guids in (("as captured", False), ("other guids at every poll", True)):
            found = measure(documents, Path(folder) / f"{what}.db", other_guids=other_guids)
            changed = [told for told in found.stood_for.values() if len(told) > 1]
            print(f"{what}: {len(documents)} polls, {len(found.keys)} keys as captured")
            print("  " + ", ".join(f"{number} {name}" for name, number in found.counts.items()))
            print(f"  {len(changed)} stand for several:")
            for told in changed:
                print("    " + "\n      = ".join(told.values()))


if __name__ == "__main__":
    main()
