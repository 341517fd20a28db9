"""How long a backtest takes: thirty days of stored items under fifty topics, one of them changed, or all.

captured stream, over and over ──► a database of a month ──► `monitor backtest`, as anybody would run it

Run: python benchmarks/backtest.py [--items 100000] [--topics 50] [--data FOLDER]. Vectors are remembered in
the user's cache, so the first run is long.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path

from ruamel.yaml import YAML

from monitor.labelled import StreamItem, read_items
from monitor.passages import passages
from monitor.poll import recognised
from monitor.records import FeedHealth, FeedSpec, Fetched, PollPlan
from monitor.rehearsal import as_stored
from monitor.scoring import open_encoder
from monitor.scoring.models import BUNDLED
from monitor.storage import Storage, open_storage
from monitor.vectorcache import remembering
from monitor.vectors import text_hash

DATA = Path(__file__).parents[2] / "shared" / "data" / "relevance"
SHIPPED = Path(__file__).parents[1] / "config"
DAYS, BATCH = 30, 1000
EMPTY = Fetched(items=(), format="stream", etag=None, last_modified=None, body_hash="")


def month(stream: Sequence[StreamItem], count: int, now: datetime) -> Iterator[StreamItem]:
    """Items for a month; from the second round on, with other addresses and a word more in the title."""
    for number, shown in enumerate(islice(cycle(stream), count)):
        lap = number // len(stream)
        again = f" ({lap + 1})" if lap else ""
        item = replace(shown.item, title=shown.item.title + again, guid=f"{number}", url=None, published=None)
        seen = now - timedelta(days=DAYS) + timedelta(days=DAYS) * (number + 1) / (count + 1)
        yield replace(shown, id=str(number), item=item, first_seen=seen)


def fill(storage: Storage, shown: Sequence[StreamItem], now: datetime) -> None:
    """Store items as polls would have, and their vectors as scoring would have."""
    hour = timedelta(hours=1)
    names = sorted({item.feed for item in shown})
    specs = [
        FeedSpec(url=f"https://{name}.example/", name=name, tags=frozenset(), every=hour, alert_backlog=hour)
        for name in names
    ]
    storage.polls.sync_feeds(specs, now - timedelta(days=DAYS + 1))
    feeds = {feed.spec.name: feed for feed in storage.ledger.feeds()}
    plan = PollPlan(next_poll_at=now, rhythm=None, health=FeedHealth())
    with remembering(open_encoder(BUNDLED)) as encoder:
        for start in range(0, len(shown), BATCH):
            batch = shown[start : start + BATCH]
            for name in names:
                document = [recognised(item.item, item.id) for item in batch if item.feed == name]
                storage.polls.record_poll(
                    feeds[name], EMPTY, document[::-1], batch[-1].first_seen, lambda _changes: plan
                )
            texts = [
                passages(as_stored(recognised(item.item, item.id), number=1, feed="", first_seen=now))[0]
                for item in batch
            ]
            vectors = dict(zip(map(text_hash, texts), encoder.encode(texts), strict=True))
            storage.scores.record_vectors(encoder.model, vectors)


def configure(folder: Path, data: Path, count: int) -> tuple[Path, Path]:
    """Write a configuration of so many topics; return watchlists with one of them changed, and with all."""
    yaml = YAML(typ="safe")
    yaml.representer.ignore_aliases = lambda _value: True
    sources = [data / "watchlist.yaml", *sorted((SHIPPED / "watchlists").glob("*.yaml"))]
    known = [topic for path in sources for topic in yaml.load(path.read_text())["topics"]]
    topics = [
        {"id": f"topic-{number}", "name": f"{topic['name']} {number}", "about": list(topic["about"])}
        for number, topic in enumerate(islice(cycle(known), count))
    ]
    (folder / "watchlists").mkdir(parents=True)
    shutil.copy(SHIPPED / "feeds.yaml", folder)
    yaml.dump(
        {"storage": {"url": f"sqlite:///{folder}/monitor.db"}, "slack": {"ops_channel": "#ops"}},
        folder / "monitor.yaml",
    )
    changed = [topic | {"about": (topic["about"][:-1] or topic["about"])[:]} for topic in topics]
    for path, told in (
        (folder / "watchlists" / "bench.yaml", topics),
        (folder / "one.yaml", [changed[0], *topics[1:]]),
        (folder / "all.yaml", changed),
    ):
        yaml.dump({"watchlist": "Bench", "channel": "#bench", "topics": told}, path)
    return folder / "one.yaml", folder / "all.yaml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "config"
        watchlists = configure(config, asked.data, asked.topics)
        now = datetime.now(UTC)
        stream = list(read_items(asked.data / "items.jsonl.xz"))
        storage = open_storage(f"sqlite:///{config}/monitor.db")
        fill(storage, list(month(stream, asked.items, now)), now)
        storage.close()
        for changed in watchlists:
            command = [sys.executable, "-m", "monitor", "backtest", "--config", str(config)]
            began = time.monotonic()
            subprocess.run([*command, "--watchlist", str(changed)], stdout=subprocess.DEVNULL, check=True)
            print(
                f"{asked.items:,} items, {asked.topics} topics, {changed.stem} of them changed: "
                f"{time.monotonic() - began:.1f} s"
            )


if __name__ == "__main__":
    main()
