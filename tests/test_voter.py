"""Whom the simulated person votes on."""

from datetime import date

from builders import score

from monitor.labelled import Label
from monitor.records import Judgement, Verdict
from monitor.voter import Voter

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)
ALERT, QUIET = Verdict(decision="alert", reason="new"), Verdict(decision="quiet", reason="duplicate")


def alerted(guid: str, verdict: Verdict = ALERT) -> Judgement:
    return Judgement(guid=guid, score=score(), verdict=verdict)


def missed(guid: str, points: float) -> Judgement:
    return Judgement(guid=guid, score=score(score=points, matched=False), verdict=None)


def grades(**by_item: int) -> dict[str, dict[str, Label]]:
    return {"patrols": {item: Label(grade=grade, story="") for item, grade in by_item.items()}}


def asked(voter: Voter, day: date, *judged: Judgement) -> list[tuple[str, bool]]:
    return [(ballot.item, ballot.up) for ballot in voter.asked(judged, day)]


def test_alerts_are_voted_on_as_labelled_and_no_more_than_asked() -> None:
    voter = Voter(grades(a=2, b=0), 3)
    assert asked(voter, MONDAY, alerted("a"), alerted("b"), alerted("x"), alerted("y")) == [
        ("a", True),
        ("b", False),
        ("x", False),
    ]
    assert asked(voter, TUESDAY, alerted("z")) == []


def test_what_is_either_way_or_quiet_is_not_voted_on() -> None:
    voter = Voter(grades(a=1, b=2), 9)
    assert asked(voter, MONDAY, alerted("a"), alerted("b", QUIET), missed("c", 9.9)) == []


def test_near_misses_are_offered_when_their_day_is_over_the_best_two() -> None:
    voter = Voter(grades(b=2), 9)
    assert asked(voter, MONDAY, missed("a", 20), missed("b", 40)) == []
    assert asked(voter, MONDAY, missed("c", 30), missed("d", 10)) == []
    assert asked(voter, TUESDAY, alerted("e")) == [("b", True), ("c", False), ("e", False)]
    assert asked(voter, TUESDAY) == []


def test_topics_without_labels_are_not_voted_on() -> None:
    assert asked(Voter({}, 9), MONDAY, alerted("a")) == []
