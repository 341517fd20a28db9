from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, feed, fetched, spec

from monitor.blackout import Blackout
from monitor.records import Feed, FeedHealth, FetchFailed, FetchOutcome

DEAD = FetchFailed(kind="connect", message="no connection")
FINE = fetched()
REFUSED = FetchFailed(kind="http", message="HTTP 500", status=500)


def of(n: int, host: int | None = None) -> Feed:
    return feed(id=n, url=spec(url=f"https://h{n if host is None else host}.example/{n}").url)


def turns(blackout: Blackout, *polls: tuple[Feed, FetchOutcome]) -> list[str]:
    found = (
        blackout.note(asked, outcome, NOW + timedelta(seconds=n)) for n, (asked, outcome) in enumerate(polls)
    )
    return [turn for turn in found if turn]


def test_it_begins_when_most_fail_and_ends_when_one_of_them_answers() -> None:
    blackout = Blackout()
    assert turns(blackout, *((of(n), DEAD) for n in range(4))) == ["begins"]
    assert blackout.since == NOW, "the first of the failures"
    assert turns(blackout, *((of(n), DEAD) for n in range(10))) == []
    assert turns(blackout, (of(2), FINE)) == ["ends"]
    assert blackout.since is None


@pytest.mark.parametrize("outcome", [FINE, REFUSED])
def test_any_answer_from_a_feed_that_had_failed_ends_it(outcome: FetchOutcome) -> None:
    blackout = Blackout()
    turns(blackout, *((of(n), DEAD) for n in range(4)))
    assert turns(blackout, (of(0), outcome)) == ["ends"]


def test_a_feed_of_our_own_network_does_not_end_it() -> None:
    blackout = Blackout()
    polls: list[tuple[Feed, FetchOutcome]] = [(of(99), FINE), *((of(n), DEAD) for n in range(8))]
    assert turns(blackout, *polls) == ["begins"]
    assert turns(blackout, (of(99), FINE)) == []


def test_many_feeds_of_few_hosts_are_those_hosts_trouble() -> None:
    assert turns(Blackout(), *((of(n, host=n % 3), DEAD) for n in range(100))) == []


def test_a_fifth_that_answers_is_enough() -> None:
    outcomes: list[FetchOutcome] = [FINE, DEAD, DEAD, DEAD]
    assert turns(Blackout(), *((of(n), outcomes[n % 4]) for n in range(100))) == []


def test_servers_that_answer_badly_are_within_reach() -> None:
    assert turns(Blackout(), *((of(n), REFUSED) for n in range(100))) == []


def test_only_the_latest_poll_of_a_feed_counts() -> None:
    polls = [(of(n), FINE) for n in range(5)] + [(of(n), DEAD) for n in range(5)]
    assert turns(Blackout(), *polls) == ["begins"]


def test_feeds_that_were_in_trouble_before_say_nothing_about_us() -> None:
    dead = [(replace(of(n), health=FeedHealth(failures=3, failure="connect")), DEAD) for n in range(40)]
    healthy: list[tuple[Feed, FetchOutcome]] = [(of(100 + n), FINE) for n in range(4)]
    assert turns(Blackout(), *healthy, *dead) == []


def test_timeouts_that_come_in_last_do_not_count_for_more() -> None:
    blackout = Blackout()
    polls: list[tuple[Feed, FetchOutcome]] = [
        *((of(n), FINE) for n in range(200) if n % 10),
        *((of(n), DEAD) for n in range(0, 200, 10)),
    ]
    begun_at = {asked.id: NOW + timedelta(seconds=asked.id) for asked, _ in polls}
    assert [blackout.note(asked, outcome, begun_at[asked.id]) for asked, outcome in polls] == [None] * 200


def test_a_few_feeds_of_one_run_after_the_other() -> None:
    """As `monitor once` polls under cron: each run sees only what is due, and what the others have left."""
    feeds = [replace(of(n), last_polled_at=NOW) for n in range(9)]
    begun = []
    for run in range(3):
        blackout = Blackout.resumed(None, feeds)
        for n in range(3 * run, 3 * run + 3):
            at = NOW + timedelta(minutes=10 * run)
            begun.append(blackout.note(feeds[n], DEAD, at))
            health = FeedHealth(failures=1, failure="connect")
            feeds[n] = replace(feeds[n], last_polled_at=at, health=health)
    assert [turn for turn in begun if turn] == ["begins"]


def test_after_a_restart_any_answer_ends_it() -> None:
    assert turns(Blackout(since=NOW), (of(1), DEAD)) == []
    assert turns(Blackout(since=NOW), (of(1), FINE)) == ["ends"]
