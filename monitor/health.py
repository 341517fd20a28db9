"""Is the service alive, and is it doing its work? Counts what the stages report."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from monitor.alert import AlertReport
from monitor.deliver import DeliverReport
from monitor.poll import PollReport
from monitor.read import ReadReport
from monitor.records import Article, FetchFailed, Posted
from monitor.score import ScoreReport

LONGEST_WAIT = timedelta(minutes=10)
"""For how long an item or a message may wait before something must be wrong."""


@dataclass(slots=True, kw_only=True)
class Health:
    """What has happened since the start, and when each stage last got something done."""

    started_at: datetime
    last_poll_at: datetime | None = None
    last_good_poll_at: datetime | None = None
    last_score_at: datetime | None = None
    last_alert_at: datetime | None = None
    last_delivery_at: datetime | None = None
    last_refusal: str | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def note(
        self, report: PollReport | ReadReport | ScoreReport | AlertReport | DeliverReport, now: datetime
    ) -> None:
        """Count one report of a stage."""
        match report:
            case PollReport():
                self.last_poll_at = now
                failed = isinstance(report.outcome, FetchFailed)
                if not failed:
                    self.last_good_poll_at = now
                self._count("polls_failed" if failed else "polls")
                self._count("items_new", report.new)
            case ReadReport():
                self._count("articles" if isinstance(report.article, Article) else "articles_missing")
            case ScoreReport():
                self.last_score_at = now
                self._count("items_scored", report.items)
                self._count("matches", report.matches)
            case AlertReport():
                self.last_alert_at = now
                self._count("alerts" if report.verdict.decision == "alert" else "quiet")
            case DeliverReport():
                self._note_delivery(report, now)

    def _note_delivery(self, report: DeliverReport, now: datetime) -> None:
        if isinstance(report.outcome, Posted):
            self.last_delivery_at, self.last_refusal = now, None
            self._count("delivered")
        else:
            self.last_refusal = f"{report.delivery.channel}: {report.outcome.reason}"
            self._count("delivery_attempts_failed")

    def _count(self, name: str, by: int = 1) -> None:
        self.counts[name] = self.counts.get(name, 0) + by

    def unready(
        self,
        now: datetime,
        longest_interval: timedelta,
        unscored_since: datetime | None,
        undelivered_since: datetime | None,
    ) -> str | None:
        """Say in plain words why the service is not doing its work, or None if it is.

        ``longest_interval``: within so much time some poll must have succeeded. The other two: since when
        the oldest item waits for its score, and the oldest message for its channel.
        """
        if self.last_good_poll_at is None:
            return "no feed has been polled successfully yet"
        if now - self.last_good_poll_at > longest_interval:
            return f"no feed has been polled successfully since {self.last_good_poll_at:%Y-%m-%d %H:%M} UTC"
        if undelivered_since and now - undelivered_since > LONGEST_WAIT:
            reason = self.last_refusal or "no attempt has been made since the start"
            return f"a message has been waiting since {undelivered_since:%Y-%m-%d %H:%M} UTC: {reason}"
        if unscored_since and now - unscored_since > LONGEST_WAIT:
            return f"an item has been waiting for its score since {unscored_since:%Y-%m-%d %H:%M} UTC"
        return None

    def as_json(self) -> dict[str, Any]:
        """Return everything counted, times in ISO format."""
        stages = ("poll", "good_poll", "score", "alert", "delivery")
        names = ("started_at", *(f"last_{stage}_at" for stage in stages))
        times: dict[str, datetime | None] = {name: getattr(self, name) for name in names}
        seen = {name: time.isoformat() if time else None for name, time in times.items()}
        return {**seen, "last_refusal": self.last_refusal, **self.counts}
