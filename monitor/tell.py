"""Beside the stages: troubles become notices to those who run the service, each told once, and its end too.

take troubles whose beginning or end is untold ──► gather them for a moment ──► record notices as deliveries

What is over before anybody was told of it is never told. While the channel itself takes no messages,
nothing is put into it.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monitor.checkup import written_age
from monitor.feedhealth import REMEDIES
from monitor.identity import delivery_id
from monitor.records import KnownTrouble, NewDelivery, Notice, NoticeEntry
from monitor.storage import TroubleStore
from monitor.threads import OwnThread

logger = logging.getLogger(__name__)

GATHER = timedelta(seconds=30)
"""What happens to many feeds at once is told in one message."""
MOST_ENTRIES = 10
"""Of one notice, so that it stays readable."""
MOST_ALIKE = 5
"""Feeds or channels with the same trouble at the same time; more are told as one."""
_BATCH = 100_000
"""More troubles than anybody has feeds: what happens together is told together."""

Told = tuple[KnownTrouble, NoticeEntry]


class Tell:
    """Tells of troubles in the channel of those who run the service; without one, in the log only."""

    def __init__(
        self,
        *,
        store: TroubleStore,
        channel: str | None,
        now: Callable[[], datetime],
        on_told: Callable[[], None],
        database: OwnThread,
        gather: timedelta = GATHER,
    ) -> None:
        self._store = store
        self._channel = channel
        self._now = now
        self._on_told = on_told
        self._database = database
        self._gather = gather

    async def work(self) -> int:
        """Tell what is untold; return how many troubles that were."""
        told = await self._database(self._tell)
        if told:
            self._on_told()
        return told

    def _tell(self) -> int:
        now = self._now()
        untold = self._store.untold(_BATCH)
        if not untold or now - min(_since(known) for known in untold) < self._gather:
            return 0
        if any(
            known.channel == self._channel and known.ended_at is None for known in untold if known.channel
        ):
            return 0
        entries = [(known, _entry(known)) for known in untold if _worth_telling(known)]
        for known, entry in entries:
            extra = {"kind": known.trouble.kind, "subject": entry.subject, "cause": entry.text}
            logger.warning("trouble_over" if entry.over else "trouble", extra=extra)
        told = list(_summed_up(entries))
        parts = [told[start : start + MOST_ENTRIES] for start in range(0, len(told), MOST_ENTRIES)]
        deliveries = [_delivery(self._channel, part) for part in parts if self._channel]
        self._store.record_told(untold, deliveries, now)
        return len(untold)


def _since(known: KnownTrouble) -> datetime:
    """Return since when there has been something to tell."""
    if known.ended_at is not None and known.told_at is not None:
        return known.ended_at
    return known.began_at


def _worth_telling(known: KnownTrouble) -> bool:
    return known.ended_at is None or known.told_at is not None


def _entry(known: KnownTrouble) -> NoticeEntry:
    over = known.ended_at is not None
    return NoticeEntry(
        subject=known.feed_name or known.channel or "All feeds",
        url=known.feed_url,
        over=over,
        text=_ending(known) if over else known.trouble.cause,
        remedy=None if over else REMEDIES.get(known.trouble.kind),
        since=known.began_at,
    )


def _ending(known: KnownTrouble) -> str:
    assert known.ended_at is not None
    lasted = written_age(known.ended_at - known.began_at)
    match known.trouble.kind:
        case "blackout":
            return f"Feeds answer again, after {lasted}; all that could not be polled are being polled now."
        case "channel":
            return f"It takes messages again, after {lasted}; what waited for it is sent in order."
        case "moved":
            return "It is asked at the address that feeds.yaml names again."
        case "silent":
            return "New items appear again."
        case "undated":
            return "Its items have dates again."
        case "churn":
            return "Its guids are steady again."
        case _:
            return f"It can be read again, after {lasted}."


def _summed_up(entries: Iterable[Told]) -> Iterator[Told]:
    """Yield entries one by one, and those of a kind that many feeds share as one."""
    groups = defaultdict[tuple[str, bool], list[Told]](list)
    for known, entry in entries:
        groups[known.trouble.kind, entry.over].append((known, entry))
    for (kind, _), group in groups.items():
        if len(group) <= MOST_ALIKE:
            yield from group
            continue
        first, entry = group[0]
        names = ", ".join(entry.subject for _, entry in group[:MOST_ALIKE])
        whose, where = ("channels", "deliveries") if kind == "channel" else ("feeds", "feeds")
        text = f"{entry.text} The same ({kind}) with {names} and others: `monitor {where} list` has all."
        yield first, replace(entry, subject=f"{len(group)} {whose}", url=None, text=text)


def _delivery(channel: str, part: Sequence[Told]) -> NewDelivery:
    entries = tuple(entry for _, entry in part)
    return NewDelivery(
        id=delivery_id(channel, *_phases(part)), channel=channel, message=Notice(entries=entries)
    )


def _phases(part: Sequence[Told]) -> Iterator[str]:
    for known, entry in part:
        yield f"{'end' if entry.over else 'beginning'} of trouble {known.id}"
