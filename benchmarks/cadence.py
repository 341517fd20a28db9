"""How long news waits to be detected: learned cadence against fixed intervals at equal requests.

captures (index, items) ──► what each feed published, hour by hour ──► policies ──► delays, requests

The captures are hours apart, so an item is taken to appear in its feed at its publication time. An hour
that no capture saw whole is filled with the items of the same hour of another covered day, weekday for
weekday and weekend for weekend. Run: python benchmarks/cadence.py [--every 10 60] [--data FOLDER].
"""

import argparse
import heapq
import json
import lzma
import random
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from monitor.cadence import HOURS, JITTER, demand, news_wait, observe, wait_worth
from monitor.records import Rhythm

START = datetime(2020, 4, 28, tzinfo=UTC)
"""When the captures of every feed have begun."""
DAYS = 92
HOUR = 3600.0
DAY = 24 * HOUR
FIRST_POLL, WARM_UP = 2 * DAY, 14 * DAY
SHOWN = 30
"""How many items a feed still shows at the first poll."""
OLD = 2 * DAY
END = (DAYS - 1) * DAY

Times = Sequence[float]
"""Ascending seconds since START."""
Feeds = dict[str, Times]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """A feed as seen once: when, how much of it was new (a share), and the new items that state a time."""

    at: float
    fresh: float
    new: list[tuple[float, str]]


# --- what the feeds published -----------------------------------------------------------------------


def captures(data: Path) -> dict[str, list[Capture]]:
    new: dict[tuple[str, float], list[tuple[float, str]]] = defaultdict(list)
    fresh: Counter[tuple[str, float]] = Counter()
    with lzma.open(data / "relevance" / "items.jsonl.xz", "rt") as items:
        for line in items:
            row = json.loads(line)
            seen = (datetime.fromisoformat(row["first_seen"]) - START).total_seconds()
            fresh[row["feed"], seen] += 1
            # A date at midnight sharp is a day, not a time.
            if row["published"] and "00:00:00" not in row["published"]:
                published = (_date(row["published"]) - START).total_seconds()
                if -60 <= seen - published < OLD:
                    new[row["feed"], seen].append((published, _section(row["feed"], row["url"] or "")))
    found: dict[str, list[Capture]] = defaultdict(list)
    for line in (data / "replay" / "index.jsonl").read_text().splitlines():
        row = json.loads(line)
        taken = datetime.strptime(row["captured_at"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        at = (taken - START).total_seconds()
        if row["entries"]:
            key = (row["feed"], at)
            found[row["feed"]].append(Capture(at=at, fresh=fresh[key] / row["entries"], new=new[key]))
    return found


def _date(text: str) -> datetime:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        date = datetime.fromisoformat(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _section(feed: str, url: str) -> str:
    parts = urlsplit(url).path.strip("/").split("/")
    if feed == "bbc" and len(parts) > 1:
        return parts[1].rpartition("-")[0]
    if parts[0].isdigit():
        return parts[3] if len(parts) > 3 else ""
    return parts[0] if len(parts) > 1 else ""


def covered_hours(seen: Sequence[Capture]) -> np.ndarray:
    """Tell which hours of the period some capture shows whole."""
    hours = np.arange(DAYS * 24) * HOUR
    covered = np.zeros(len(hours), bool)
    for before, after in pairwise(seen):
        since = before.at
        if after.fresh > 0.75:
            # Nearly all is new: older items may have been pushed out unseen.
            times = [published for published, _ in after.new] or [after.at]
            since = max(since, float(np.quantile(times, 0.2)))
        covered |= (hours >= since) & (hours + HOUR <= after.at)
    return covered


def published(seen: Sequence[Capture], covered: np.ndarray, chance: random.Random) -> list[tuple[float, str]]:
    """Return the feed's items in time order, the hours that nobody saw filled from covered ones."""
    by_hour: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for capture in seen:
        for when, section in capture.new:
            by_hour[int(when // HOUR)].append((when, section))
    filled = []
    for hour in range(DAYS * 24):
        source = hour if covered[hour] else chance.choice(_donors(covered, hour))
        filled += [(when + (hour - source) * HOUR, section) for when, section in by_hour[source]]
    return sorted(filled)


def _donors(covered: np.ndarray, hour: int) -> list[int]:
    def weekend(hours: np.ndarray) -> np.ndarray:
        return (hours // 24 + START.weekday()) % 7 >= 5

    known = np.flatnonzero(covered)
    known = known[weekend(known) == weekend(np.array([hour]))]
    apart = np.minimum((known - hour) % 24, (hour - known) % 24)
    near = next(known[apart <= reach] for reach in range(13) if (apart <= reach).sum() >= 3)
    return [int(donor) for donor in near]


def populations(data: Path) -> dict[str, Feeds]:
    """Return the outlets' feeds, and the same items as one feed per section of an outlet."""
    chance = random.Random(7)
    outlets: Feeds = {}
    sections: Feeds = {}
    for name, seen in sorted(captures(data).items()):
        covered = covered_hours(seen)
        items = published(seen, covered, chance) if covered.mean() > 0.2 else []
        if not items:  # too few hours seen, or a feed without dates
            continue
        outlets[name] = [when for when, _ in items]
        sizes = Counter(section for _, section in items)
        if len(sizes) < 3:
            sections[name] = outlets[name]
            continue
        for section, size in sorted(sizes.items()):
            if size >= 15:
                sections[f"{name}/{section}"] = [when for when, part in items if part == section]
    return {"outlets": outlets, "sections": sections}


# --- policies ---------------------------------------------------------------------------------------

See = Callable[[Rhythm | None, list[datetime | None], datetime], Rhythm | None]


def learned(rhythm: Rhythm | None, new: list[datetime | None], now: datetime) -> Rhythm | None:
    return observe(rhythm, new, now)


def informed(items: Times) -> See:
    """Return a policy that knows each hour's mean rate over the whole period beforehand."""
    counts = [0.0] * HOURS
    for when in items:
        counts[int(when // HOUR) % HOURS] += 1
    # Many days at the same rates, so that the prior weighs nothing.
    known = Rhythm(counts=tuple(100 * count for count in counts), days=100.0 * DAYS, seen_to=START)
    return lambda rhythm, new, now: known


def flat(rhythm: Rhythm) -> Rhythm:
    """Return the rhythm without its hours: waits in inverse proportion to the root of the rate."""
    even = sum(rhythm.counts) / HOURS
    return Rhythm(counts=(even,) * HOURS, days=rhythm.days, seen_to=rhythm.seen_to)


def same(rhythm: Rhythm) -> Rhythm:
    return rhythm


def polls(
    feeds: Feeds, every: timedelta, sees: Sequence[See], shape: Callable[[Rhythm], Rhythm]
) -> list[list[float]]:
    """Return when each feed was polled, the worth of a wait being set anew every hour."""
    chance = random.Random(1)
    items = list(feeds.values())
    rhythms: list[Rhythm | None] = [None] * len(items)
    told = [0] * len(items)
    made: list[list[float]] = [[] for _ in items]
    due = [(FIRST_POLL + chance.random() * every.total_seconds(), index) for index in range(len(items))]
    heapq.heapify(due)
    worth, stale_at = 0.0, 0.0
    while due[0][0] < DAYS * DAY:
        at, index = due[0]
        now = START + timedelta(seconds=at)
        shown = bisect_right(items[index], at)
        new = items[index][max(told[index], shown - SHOWN) if not made[index] else told[index] : shown]
        told[index] = shown
        made[index].append(at)
        rhythm = sees[index](rhythms[index], [START + timedelta(seconds=when) for when in new], now)
        rhythms[index] = rhythm
        if at >= stale_at:
            worth = wait_worth([demand(shape(known)) for known in rhythms if known], every)
            stale_at = at + HOUR
        wait = every if rhythm is None else news_wait(shape(rhythm), worth, every, now)
        spread = 1 + JITTER * (2 * chance.random() - 1)
        heapq.heapreplace(due, (at + wait.total_seconds() * spread, index))
    return made


# --- what it comes to -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Delays in minutes, at the budget's number of requests; ``requests`` is made over budget."""

    mean: float
    p95: float
    requests: float


def delays(items: Times, made: Times, start: float, end: float) -> np.ndarray:
    times = np.asarray(items)
    times = times[(times >= start) & (times < end)]
    at = np.asarray(made)
    return np.asarray(at[np.minimum(np.searchsorted(at, times), len(at) - 1)] - times)


def outcome(
    feeds: Feeds, made: Sequence[Times], every: timedelta, start: float = WARM_UP, end: float = END
) -> Outcome:
    waits = (
        np.concatenate([delays(*pair, start, end) for pair in zip(feeds.values(), made, strict=True)]) / 60
    )
    count = sum(bisect_right(times, end) - bisect_right(times, start) for times in made)
    requests = count / (len(feeds) * (end - start) / every.total_seconds())
    # Delay is in inverse proportion to the number of requests; the difference is a few per cent.
    p95 = float(np.quantile(waits, 0.95))
    return Outcome(mean=float(waits.mean()) * requests, p95=p95 * requests, requests=requests)


def fixed(every: timedelta) -> Outcome:
    """Return what equal intervals come to on average over where they begin: delays are even within one."""
    minutes = every / timedelta(minutes=1)
    return Outcome(mean=minutes / 2, p95=0.95 * minutes, requests=1.0)


def clairvoyant(feeds: Feeds, every: timedelta) -> float:
    """Return the least mean delay (minutes) of a poller that knows every item beforehand."""
    inside = [np.array([t for t in times if WARM_UP <= t < END]) for times in feeds.values()]
    total = sum(map(len, inside))
    budget = len(feeds) * (END - WARM_UP) / every.total_seconds()
    if total <= budget:
        return 0.0
    low, high = 0.0, 7 * DAY
    for _ in range(25):
        price = (low + high) / 2
        best = [_cheapest(times, price) for times in inside]
        if sum(count for _, count in best) > budget:
            low = price
        else:
            high = price
    return float(sum(waited for waited, _ in best)) / total / 60


def _cheapest(times: np.ndarray, price: float) -> tuple[float, int]:
    """Return the total wait and the number of polls that cost least together; polls come at items."""
    cost, back = np.zeros(len(times) + 1), np.zeros(len(times) + 1, int)
    sums = np.concatenate([[0.0], np.cumsum(times)])
    for last in range(1, len(times) + 1):
        first = np.arange(back[last - 1], last)
        costs = cost[first] + (last - first) * times[last - 1] - (sums[last] - sums[first]) + price
        back[last] = first[np.argmin(costs)]
        cost[last] = costs.min()
    count, at = 0, len(times)
    while at:
        count, at = count + 1, back[at]
    return float(cost[-1]) - count * price, count


def report(title: str, feeds: Feeds, every: timedelta) -> None:
    learned_polls = polls(feeds, every, [learned] * len(feeds), same)
    flat_polls = polls(feeds, every, [learned] * len(feeds), flat)
    informed_polls = polls(feeds, every, [informed(items) for items in feeds.values()], same)
    # Half of the feeds and of the time played no part in choosing the module's numbers.
    held_out = {name: feeds[name] for name in list(feeds)[1::2]}
    held_out_polls = polls(held_out, every, [learned] * len(held_out), same)
    rows = {
        "fixed": fixed(every),
        "root of the rate": outcome(feeds, flat_polls, every),
        "learned": outcome(feeds, learned_polls, every),
        "learned, held out": outcome(held_out, held_out_polls, every, (WARM_UP + END) / 2),
        "knows mean rates": outcome(feeds, informed_polls, every),
    }
    for first, last in ((0, 1), (1, 2), (2, 4), (4, 7), (7, 12)):
        since, until = (FIRST_POLL + day * DAY for day in (first, last))
        rows[f"learned, days {first} to {last}"] = outcome(feeds, learned_polls, every, since, until)
    for name, made in rows.items():
        print(_row(title, every, name, fixed(every), made))
    print(f"| {title} | {every} | clairvoyant | {clairvoyant(feeds, every):.1f} | | | | |", flush=True)


def _row(title: str, every: timedelta, name: str, base: Outcome, made: Outcome) -> str:
    return (
        f"| {title} | {every} | {name} | {made.mean:.1f} | {made.mean / base.mean:.2f} | {made.p95:.1f} "
        f"| {made.p95 / base.p95:.2f} | {made.requests:.3f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / ".." / "shared" / "data")
    parser.add_argument("--every", type=int, nargs="+", default=[30, 60, 180], help="minutes")
    parser.add_argument("--population", nargs="+", default=["outlets", "sections"])
    options = parser.parse_args()
    found = populations(options.data)
    print("| feeds | budget | policy | mean, min | to fixed | p95, min | to fixed | requests |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    for title in options.population:
        for minutes in options.every:
            report(f"{len(found[title])} {title}", found[title], timedelta(minutes=minutes))


if __name__ == "__main__":
    main()
