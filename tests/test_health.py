import json
from datetime import timedelta

import pytest
from builders import ALERT, HOUR, NOW, delivery, feed, fetched, item, score

from monitor.alert import AlertReport
from monitor.deliver import DeliverReport
from monitor.health import LONGEST_WAIT, Health
from monitor.poll import PollReport
from monitor.records import (
    FetchFailed,
    InDoubt,
    Match,
    NotModified,
    NotPosted,
    Posted,
    PostOutcome,
    Receipt,
    Verdict,
)
from monitor.score import ScoreReport

FAILED = FetchFailed(kind="timeout", message="no answer")
POSTED = Posted(receipt=Receipt(channel="C1", ts="1.2"))


@pytest.fixture
def health() -> Health:
    return Health(started_at=NOW)


def decided(verdict: Verdict) -> AlertReport:
    return AlertReport(match=Match(item=item(), score=score()), topic_name="Patrols", verdict=verdict)


def attempted(outcome: PostOutcome) -> DeliverReport:
    return DeliverReport(delivery=delivery(), outcome=outcome)


def test_reports_are_counted(health: Health) -> None:
    for outcome, new in ((fetched(), 3), (NotModified(etag=None, last_modified=None), 0), (FAILED, 0)):
        health.note(PollReport(feed=feed(), outcome=outcome, new=new), NOW)
    health.note(ScoreReport(items=3, matches=2), NOW)
    health.note(decided(ALERT), NOW)
    health.note(decided(Verdict(decision="quiet", reason="too_old")), NOW)
    for told in (NotPosted(reason="ratelimited"), InDoubt(reason="lost"), POSTED):
        health.note(attempted(told), NOW)
    assert health.counts == {
        "polls": 2,
        "polls_failed": 1,
        "items_new": 3,
        "items_scored": 3,
        "matches": 2,
        "alerts": 1,
        "quiet": 1,
        "delivered": 1,
        "delivery_attempts_failed": 2,
    }


def test_a_failed_poll_is_a_poll_but_no_good_one(health: Health) -> None:
    health.note(PollReport(feed=feed(), outcome=fetched(), new=0), NOW)
    health.note(PollReport(feed=feed(), outcome=FAILED, new=0), NOW + HOUR)
    assert (health.last_good_poll_at, health.last_poll_at) == (NOW, NOW + HOUR)


def test_a_refusal_is_shown_until_a_message_gets_through(health: Health) -> None:
    health.note(attempted(NotPosted(reason="is_archived")), NOW)
    assert (health.last_refusal, health.last_delivery_at) == ("#news-alerts: is_archived", None)
    health.note(attempted(POSTED), NOW + HOUR)
    assert (health.last_refusal, health.last_delivery_at) == (None, NOW + HOUR)


def test_ready_means_that_a_poll_has_succeeded_lately(health: Health) -> None:
    assert "no feed has been polled" in (health.unready(NOW, HOUR, None, None) or "")
    health.note(PollReport(feed=feed(), outcome=FAILED, new=0), NOW)
    assert health.unready(NOW, HOUR, None, None) is not None
    health.note(PollReport(feed=feed(), outcome=fetched(), new=0), NOW)
    assert health.unready(NOW + HOUR, HOUR, None, None) is None
    late = health.unready(NOW + HOUR + timedelta(microseconds=1), HOUR, None, None)
    assert late == "no feed has been polled successfully since 2026-11-20 12:00 UTC"


def test_ready_means_that_nothing_waits_for_long(health: Health) -> None:
    health.note(PollReport(feed=feed(), outcome=fetched(), new=0), NOW)
    lately, long_ago = NOW - LONGEST_WAIT, NOW - LONGEST_WAIT - timedelta(seconds=1)
    assert health.unready(NOW, HOUR, lately, lately) is None
    assert "waiting for its score" in (health.unready(NOW, HOUR, long_ago, None) or "")
    health.note(attempted(NotPosted(reason="token_revoked")), NOW)
    undelivered = health.unready(NOW, HOUR, None, long_ago)
    assert undelivered is not None
    assert undelivered.endswith("#news-alerts: token_revoked")


def test_everything_counted_can_be_sent_as_json(health: Health) -> None:
    health.note(PollReport(feed=feed(), outcome=fetched(), new=3), NOW)
    shown = json.loads(json.dumps(health.as_json()))
    assert shown["started_at"] == shown["last_good_poll_at"] == NOW.isoformat()
    assert shown["items_new"] == 3
    assert shown["last_delivery_at"] is None
