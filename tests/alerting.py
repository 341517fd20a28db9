"""The alert stage over a real database, with a clock that tests move, and what it leaves in the outbox."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

from builders import NOW, keyed, score, stored_items
from grouped import LEXICON
from words import WordEncoder

from monitor.alert import Alert, AlertReport, orders_for
from monitor.records import ChannelPlan, Content, Delivery, KeyedItem, Receipt, Route, Topic
from monitor.settings import AlertSettings
from monitor.storage import Storage
from monitor.storybook import Storybook
from monitor.threads import OwnThread
from monitor.vectorise import Vectoriser

PLAIN = AlertSettings()
EVENTS = (
    "Harrow dam bursts after nine days rain",
    "Quarry workers at Velm strike over unpaid wages",
    "Ferry sinks in storm off Kestrel island",
    "Minister Orlova resigns in budget row",
    "Masked gunmen rob jewellery shop in Tarn",
    "Wildfire closes mountain road near Pelago",
    "Court frees journalist jailed in Norvik",
    "Train derails outside Dunmore tunnel",
    "Cholera outbreak spreads through Kourma camp",
    "Hackers shut down Lindholm power grid",
)


def settings(**changes: Any) -> AlertSettings:
    """The alert stage's settings, but for these."""
    return PLAIN.model_copy(update=changes)


def event(n: int, told: int = 0, **changes: Any) -> KeyedItem:
    """An item about one of ten events, in an outlet of its own; each telling has another order of words."""
    words = EVENTS[n].split()
    Random(told).shuffle(words)
    plain = {
        "title": " ".join(words) if told else EVENTS[n],
        "summary": "",
        "published": None,
        "url": f"https://outlet{told}.example/{n}",
    }
    return keyed(100 * n + told, **plain | changes)


class Desk:
    """Shows items as feeds would, has the stage decide, and reads the outbox as the deliver stage does."""

    def __init__(
        self,
        storage: Storage,
        database: OwnThread,
        *topics: Topic,
        alerts: AlertSettings = PLAIN,
        routes: Sequence[Route] = (),
        channels: Mapping[str, ChannelPlan] | None = None,
    ) -> None:
        self.storage = storage
        self.now = NOW
        self.reports: list[AlertReport] = []
        self.encoding = OwnThread("encoder")
        self._topics = topics
        self._sent = 0
        vectors = Vectoriser(
            store=storage.scores, database=database, encoder=WordEncoder(), encoding=self.encoding
        )
        self.stage = Alert(
            store=storage.alerts,
            silences=storage.silences.active,
            database=database,
            storybook=Storybook(store=storage.alerts, database=database, vectors=vectors, lexicon=LEXICON),
            orders=orders_for(topics, alerts, routes, channels or {}),
            now=lambda: self.now,
            on_report=self.reports.append,
        )

    def show(self, shown: KeyedItem, points: float = 80.0, **of_feed: Any) -> None:
        """Let one more item match every topic, shown by the feed of its outlet."""
        host = urlsplit(shown.item.url or "").hostname or "none.example"
        name = of_feed.pop("name", host.removesuffix(".example"))
        url = f"https://{name.lower()}.example/feed"
        shown_there = stored_items(self.storage, shown, name=name, url=url, now=self.now, **of_feed)[-1]
        scores = [score(shown_there.id, topic_id=topic.id, score=points) for topic in self._topics]
        self.storage.scores.record_scores([shown_there], scores, self.now)

    async def decide(self, *shown: KeyedItem, **changes: Any) -> list[str]:
        """Show these, one after the other, and return the reasons of what was decided."""
        before = len(self.reports)
        for one in shown:
            self.show(one, **changes)
            await self.stage.work()
        return [report.verdict.reason for report in self.reports[before:]]

    def wait(self, span: timedelta) -> None:
        """Let time pass."""
        self.now += span

    def delivered(self, channel: str = "#news-alerts", *, landing: bool = True) -> list[Delivery]:
        """Take what the channel is due, as if Slack took it all (or, not ``landing``, refused it)."""
        taken = []
        while waiting := self.storage.deliveries.next_delivery(channel, self.now):
            delivery = self.storage.deliveries.record_attempt(waiting[0], self.now)
            taken.append(delivery)
            if not landing:
                self.storage.deliveries.record_state(delivery.id, "failed", "refused")
                continue
            self._sent += 1
            ts = delivery.parent.ts if delivery.kind == "edit" and delivery.parent else f"{self._sent}.0"
            self.storage.deliveries.record_receipt(delivery.id, Receipt(channel="C1", ts=ts), self.now)
        return taken

    def told(self, channel: str = "#news-alerts") -> list[tuple[str, bool, Content]]:
        """Return kind, broadcast and content of what the channel is due, and take it."""
        return [(one.kind, one.broadcast, one.message) for one in self.delivered(channel)]
