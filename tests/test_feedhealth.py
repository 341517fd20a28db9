from dataclasses import replace
from datetime import timedelta

import pytest
from builders import HOUR, NOW, feed, fetched, keyed, parsed
from hypothesis import given
from hypothesis import strategies as st

from monitor.feedhealth import REMEDIES, TOLD_FROM, WEIGHTS, Assessment, assess, trust
from monitor.records import (
    Changes,
    FailureKind,
    Feed,
    FetchFailed,
    FetchOutcome,
    NotModified,
    TroubleKind,
    Trust,
)

DAY = timedelta(days=1)
UNCHANGED = NotModified(etag=None, last_modified=None)
KINDS: tuple[FailureKind, ...] = tuple(WEIGHTS)


def after(known: Feed, found: Assessment) -> Feed:
    kinds = known.troubles - found.ended - found.replaced | {trouble.kind for trouble in found.begun}
    return replace(known, health=found.health, troubles=kinds, first_polled_at=NOW)


def failed(kind: FailureKind) -> FetchFailed:
    return FetchFailed(kind=kind, message=f"it is {kind}")


@pytest.mark.parametrize(
    ("kind", "times"),
    [("gone", 2), ("tls", 2), ("parse", 2), ("html", 4), ("http", 4), ("timeout", 8), ("connect", 8)],
)
def test_failures_weigh_by_kind(kind: FailureKind, times: int) -> None:
    known = feed()
    for n in range(1, times + 3):
        found = assess(known, failed(kind), Changes(), NOW)
        told = [(trouble.kind, trouble.cause) for trouble in found.begun]
        assert told == ([(kind, f"it is {kind}")] if n == times else [])
        known = after(known, found)
    assert known.health.failures == times + 2


@given(st.lists(st.sampled_from([*KINDS, "good", "unchanged"]), max_size=60))
def test_each_trouble_is_told_once_and_so_is_its_end(story: list[str]) -> None:
    known = feed(first_polled_at=NOW)
    weight = 0.0
    for word in story:
        outcome: FetchOutcome
        match word:
            case "good":
                outcome = fetched(parsed(1))
            case "unchanged":
                outcome = UNCHANGED
            case _:
                outcome = failed(word)  # type: ignore[arg-type]
        found = assess(known, outcome, Changes(), NOW)
        assert not {trouble.kind for trouble in found.begun} & known.troubles
        assert found.ended | found.replaced <= known.troubles
        known = after(known, found)
        weight = weight + WEIGHTS[outcome.kind] if isinstance(outcome, FetchFailed) else 0.0
        assert bool(known.troubles) == (weight >= TOLD_FROM)
        assert len(known.troubles) <= 1


def test_what_may_pass_and_turns_out_not_to_is_told_as_what_it_is() -> None:
    known = feed(first_polled_at=NOW)
    told: list[tuple[str, ...]] = []
    for kind in ("timeout",) * 8 + ("gone", "timeout", "gone", "gone", "html", "html", "gone"):
        found = assess(known, failed(kind), Changes(), NOW)
        told += [(trouble.kind, *found.replaced) for trouble in found.begun]
        assert not found.ended
        known = after(known, found)
    assert told == [("timeout",), ("gone", "timeout")]
    assert assess(known, UNCHANGED, Changes(), NOW).ended == {"gone"}


def test_every_kind_has_a_remedy_or_brings_it_along() -> None:
    kinds: set[TroubleKind] = {*KINDS, "moved", "silent", "undated", "churn", "blackout"}
    assert kinds - REMEDIES.keys() == {"challenge", "gone", "html", "http", "login"}


class TestMoving:
    @pytest.mark.parametrize(
        ("ways", "address"),
        [
            (["b", "b"], None),
            (["b", "b", "b"], "b"),
            (["b", "b", "c", "b", "b"], None),
            (["b", "b", None, "b", "b"], None),
            (["b", "b", "b", "c", "c", "c"], "c"),
        ],
    )
    def test_the_same_way_three_times_in_a_row(self, ways: list[str | None], address: str | None) -> None:
        known = feed(first_polled_at=NOW)
        for way in ways:
            moved = f"https://{way}.example/" if way else None
            known = after(known, assess(known, replace(UNCHANGED, moved_to=moved), Changes(), NOW))
        assert known.health.address == (f"https://{address}.example/" if address else None)

    def test_that_the_same_address_is_secured_now_needs_nobodys_attention(self) -> None:
        known = feed(url="http://wire.example/rss", moved_to="https://wire.example/rss", moved_times=2)
        found = assess(known, replace(UNCHANGED, moved_to="https://wire.example/rss"), Changes(), NOW)
        assert (found.health.address, found.begun) == ("https://wire.example/rss", ())


class TestSilence:
    def arrivals(self, *days: float) -> Feed:
        """A feed that brought something new on these days."""
        known = feed()
        for n, day in enumerate(days):
            at = NOW + day * DAY
            found = assess(known, fetched(), Changes(new=(keyed(n, published=at),)), at)
            assert found.begun == ()
            known = after(known, found)
        return known

    def patience(self, known: Feed) -> timedelta:
        assert known.health.expected_by is not None
        assert known.health.last_item_at is not None
        return known.health.expected_by - known.health.last_item_at

    def test_a_busy_feed_may_rest_for_a_long_weekend(self) -> None:
        assert self.patience(self.arrivals(*(n / 24 for n in range(100)))) == 4 * DAY

    def test_a_feed_may_rest_for_twice_as_long_as_it_ever_has_of_late(self) -> None:
        weekly = self.arrivals(*(7 * n + extra / 100 for n in range(9) for extra in range(8)))
        assert self.patience(weekly) == pytest.approx(14 * DAY, rel=0.02)

    def test_long_rests_are_forgotten_slowly(self) -> None:
        assert self.patience(self.arrivals(0, 20, *range(21, 49))) == pytest.approx(20 * DAY, rel=0.05)

    def test_a_feed_whose_rhythm_nobody_knows_may_rest_for_a_month(self) -> None:
        assert self.patience(self.arrivals(0)) == 30 * DAY

    def test_one_that_was_left_behind_long_before_we_met_it(self) -> None:
        old = keyed(1, published=NOW - 400 * DAY)
        found = assess(feed(), fetched(old.item), Changes(new=(old,)), NOW)
        (trouble,) = found.begun
        assert trouble.kind == "silent"
        assert "400 d" in trouble.cause

    def test_a_yearly_report_is_not_left_behind(self) -> None:
        shown = tuple(keyed(n, published=NOW - (200 + 365 * n) * DAY) for n in range(4))
        assert assess(feed(), fetched(), Changes(new=shown), NOW).begun == ()

    def test_a_new_feed_without_items_is_given_time(self) -> None:
        found = assess(feed(), fetched(), Changes(), NOW)
        assert found.begun == ()
        known = after(feed(), found)
        (trouble,) = assess(known, fetched(), Changes(), NOW + 31 * DAY).begun
        assert trouble.kind == "silent"


class TestChurn:
    def outcome(self, items: int) -> FetchOutcome:
        return fetched(*(parsed(n) for n in range(items)))

    @pytest.mark.parametrize(
        ("items", "rekeyed", "told"),
        [(40, 40, True), (40, 20, True), (40, 19, False), (2, 2, False), (3, 3, True)],
    )
    def test_half_of_a_document(self, items: int, rekeyed: int, told: bool) -> None:
        known = feed(first_polled_at=NOW)
        found = assess(known, self.outcome(items), Changes(rekeyed=rekeyed), NOW)
        assert [trouble.kind for trouble in found.begun] == (["churn"] if told else [])

    def test_it_is_over_after_five_documents_without(self) -> None:
        known = feed(first_polled_at=NOW)
        known = after(known, assess(known, self.outcome(9), Changes(rekeyed=9), NOW))
        for n in range(1, 6):
            found = assess(known, self.outcome(9), Changes(), NOW)
            assert found.ended == (frozenset({"churn"}) if n == 5 else frozenset())
            known = after(known, found)


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({}, "verify"),
        ({"whole_at": NOW - HOUR}, "full"),
        ({"whole_at": NOW - DAY}, "verify"),
        ({"whole_at": NOW, "mistrusted_at": NOW - 29 * DAY}, "none"),
        ({"whole_at": NOW, "mistrusted_at": NOW - 30 * DAY}, "full"),
    ],
)
def test_how_far_a_304_is_believed(health: dict[str, object], expected: Trust) -> None:
    assert trust(feed(**health), NOW) == expected


def test_what_a_304_denied_costs_the_server_our_trust_only_if_it_was_new() -> None:
    known = feed(first_polled_at=NOW)
    denied = fetched(parsed(1), denied=True)
    assert assess(known, denied, Changes(), NOW).health.mistrusted_at is None
    assert assess(known, denied, Changes(new=(keyed(1),)), NOW).health.mistrusted_at == NOW
