"""What people say of messages, on record: acknowledgements, votes, and what they said before."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from builders import NOW, message
from told_rows import ISIS, NEWS, Told

from monitor.records import (
    Delivery,
    DeliveryKind,
    Feedback,
    FeedbackKind,
    Listing,
    NewDelivery,
    Notice,
    Receipt,
    Reminder,
)
from monitor.storage import Storage
from monitor.storage.engine import open_engine
from monitor.storage.feedback import SqlFeedbackStore
from monitor.storage.tables import deliveries

THERE = Receipt(channel="C01", ts="1750000000.000001")
ELSEWHERE = Receipt(channel="C02", ts="1750000000.000002")
LATER = datetime(2026, 11, 20, 13, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def told(storage: Storage, database_file: Path) -> Told:
    told = Told(storage, database_file)
    told.story()
    return told


def said(
    kind: FeedbackKind = "ack", at: datetime = LATER, where: Receipt = THERE, **changes: Any
) -> Feedback:
    plain = Feedback(
        kind=kind,
        by="U01",
        by_name=None,
        channel_id=where.channel,
        ts=where.ts,
        delivery_id=None,
        at=at,
        envelope_id="e1",
    )
    return replace(plain, **changes)


def child(id_: str, kind: DeliveryKind, *, items: int) -> NewDelivery:
    return NewDelivery(id=id_, channel=NEWS, message=message(items=items), kind=kind, parent_id="d1")


def edits(storage: Storage) -> list[Delivery]:
    """The edits that wait, as the deliver stage takes them."""
    found = (storage.deliveries.next_delivery(channel, LATER) for channel in (NEWS, ISIS))
    return [delivery for delivery, _ in filter(None, found) if delivery.kind == "edit"]


def standing(storage: Storage) -> list[tuple[str, bool, str]]:
    return [(vote.text, vote.up, vote.by) for vote in storage.votes.votes("patrols")]


def test_an_acknowledgement_in_one_channel_holds_in_all(storage: Storage, told: Told) -> None:
    told.story(2)
    told.post("d1", receipt=THERE)
    told.post("d2", ISIS, receipt=ELSEWHERE)
    told.post("d3", story_ids=[2], receipt=Receipt(channel="C01", ts="1750000000.000003"))
    assert storage.feedback.record(said(by_name="Ada"), NOW) == "recorded"
    assert told.acknowledged() == {(1, NEWS): "Ada", (1, ISIS): "Ada", (2, NEWS): None}
    here, there = edits(storage)
    assert (here.kind, here.parent, here.message) == ("edit", THERE, message(acknowledged_by="Ada"))
    assert (there.kind, there.parent, there.message) == ("edit", ELSEWHERE, message(acknowledged_by="Ada"))


def test_who_has_no_name_is_told_by_id_and_the_first_stays(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    assert storage.feedback.record(said(), NOW) == "recorded"
    for again in (said(), said(at=LATER + MINUTE), said(by="U02", envelope_id="e2")):
        assert storage.feedback.record(again, NOW) == "known"
    assert told.acknowledged() == {(1, NEWS): "U01"}
    assert len(told.rows(sa.select(deliveries).where(deliveries.c.kind == "edit"))) == 1


def test_the_edit_says_what_the_message_says_by_now(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    told.delivered(child("e1", "edit", items=2), THERE)
    told.delivered(child("r1", "reply", items=9), None)
    storage.feedback.record(said(), NOW)
    last = told.rows(sa.select(deliveries).order_by(deliveries.c.position.desc()).limit(1))[0]
    assert (last["message"]["items"], last["message"]["acknowledged_by"]) == (2, "U01")


def test_the_edit_takes_the_place_of_one_that_waits(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    told.post("d2", ISIS, receipt=None)
    told.delivered(child("e1", "edit", items=2), THERE)
    told.delivered(replace(child("e2", "edit", items=3), not_before=LATER + MINUTE), None)
    assert edits(storage) == []
    storage.feedback.record(said(), NOW)
    left = told.rows(sa.select(deliveries).where(deliveries.c.id.not_in(["d1", "e1"])))
    assert [(row["kind"], row["parent_id"], row["message"]["items"], row["not_before"]) for row in left] == [
        ("post", None, 1, None),
        ("edit", "d1", 3, None),
    ], "what nobody has tried says it itself"
    assert {row["message"]["acknowledged_by"] for row in left} == {"U01"}


def test_a_reminder_that_waits_goes_no_more(storage: Storage, told: Told) -> None:
    told.story(2)
    told.post("d1", receipt=THERE)
    reminder = Reminder(topic_name="Patrols", title="Report", told_at=NOW, count=1)
    for id_, story_id, content, receipt in (
        ("mine", 1, reminder, None),
        ("gone", 1, reminder, ELSEWHERE),
        ("another's", 2, reminder, None),
        ("no reminder", 1, message(), None),
    ):
        new = NewDelivery(id=id_, channel=NEWS, message=content, kind="reply", parent_id="d1")
        told.delivered(new, receipt, story_id=story_id)
    storage.feedback.record(said(), NOW)
    left = told.rows(sa.select(deliveries.c.id).where(deliveries.c.kind == "reply"))
    assert {row["id"] for row in left} == {"gone", "another's", "no reminder"}


def test_a_reply_and_an_edit_speak_for_their_post(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    reply = NewDelivery(id="r1", channel=NEWS, message=message(), kind="reply", parent_id="d1")
    told.delivered(reply, ELSEWHERE)
    assert storage.feedback.record(said(where=ELSEWHERE), NOW) == "recorded"
    assert told.acknowledged() == {(1, NEWS): "U01"}


def test_a_button_is_known_by_its_delivery_before_its_receipt_is(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=None)
    assert storage.feedback.record(said(), NOW) == "unknown"
    assert storage.feedback.record(said(delivery_id="d1"), NOW) == "recorded"


def test_a_list_is_acknowledged_for_every_story_in_it(storage: Storage, told: Told) -> None:
    told.story(2)
    listing = Listing(why="burst", stories=(), total=2, since=NOW, until=NOW)
    told.post("d1", story_ids=[1, 2], receipt=THERE, content=listing)
    assert storage.feedback.record(said(), NOW) == "recorded"
    assert told.acknowledged() == {(1, NEWS): "U01", (2, NEWS): "U01"}
    assert edits(storage) == []
    assert storage.feedback.record(said("vote_up"), NOW) == "unknown", "of which story?"


def test_a_list_that_was_sent_as_its_one_story_says_who(storage: Storage, told: Told) -> None:
    listing = Listing(why="burst", stories=(), total=1, since=NOW, until=NOW, alone=message())
    told.post("d1", receipt=THERE, content=listing)
    storage.feedback.record(said(), NOW)
    assert [edit.message for edit in edits(storage)] == [message(acknowledged_by="U01")]


@pytest.mark.parametrize("kind", ["ack", "vote_up"])
def test_what_is_no_message_of_a_story_is_unknown(storage: Storage, told: Told, kind: FeedbackKind) -> None:
    told.delivered(NewDelivery(id="n1", channel=NEWS, message=Notice(entries=())), THERE)
    for nothing in (said(kind), said(kind, where=ELSEWHERE), said(kind, delivery_id="nobody")):
        assert storage.feedback.record(nothing, NOW) == "unknown"
    assert edits(storage) == []
    assert standing(storage) == []


def test_a_vote_is_on_the_first_item_of_the_story(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    assert storage.feedback.record(said("vote_down"), NOW) == "recorded"
    first = "Report number 10 of the patrol of 10. Soldiers found a hidden camp."
    assert standing(storage) == [(first, False, "slack:U01")]
    assert storage.votes.votes()[0].url == "https://wire.example/10"
    assert told.acknowledged() == {(1, NEWS): None}


def test_the_last_word_counts_and_is_not_undone_by_what_is_sent_again(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    up, down = said("vote_up"), said("vote_down", at=LATER + MINUTE, by="U02")
    outcomes = [storage.feedback.record(vote, NOW) for vote in (up, up, down, up, down)]
    assert outcomes == ["recorded", "known", "recorded", "known", "known"]
    assert [(up, by) for _, up, by in standing(storage)] == [(False, "slack:U02")]


def test_a_vote_taken_back_by_hand_does_not_come_again(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    storage.feedback.record(said("vote_up"), NOW)
    storage.votes.undo(storage.votes.votes()[0].id, LATER + MINUTE)
    assert storage.feedback.record(said("vote_up"), NOW) == "known"
    assert standing(storage) == []
    assert storage.feedback.record(said("vote_up", at=LATER + 2 * MINUTE), NOW) == "recorded"


def test_the_same_answer_of_somebody_else_changes_nothing(storage: Storage, told: Told) -> None:
    told.post("d1", receipt=THERE)
    storage.feedback.record(said("vote_up"), NOW)
    changes = storage.votes.changes()
    assert storage.feedback.record(said("vote_up", at=LATER + MINUTE, by="U02"), NOW) == "known"
    assert storage.votes.changes() == changes


@pytest.mark.parametrize("delivery_id", [None, "d1"])
def test_no_table_is_read_to_find_a_message(database_file: Path, delivery_id: str | None) -> None:
    asked: list[tuple[str, Any]] = []
    engine, close = open_engine(f"sqlite:///{database_file}")
    sa.event.listen(engine, "before_cursor_execute", lambda *query: asked.append(query[2:4]))
    SqlFeedbackStore(engine).record(said(delivery_id=delivery_id), NOW)
    find = next(query for query in asked if query[0].startswith("SELECT"))
    with engine.connect() as db:
        steps = [row[-1] for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {find[0]}", find[1])]
    close()
    assert any("ix_deliveries_receipt_ts" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]
