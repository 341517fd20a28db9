"""The outbox: order, attempts, what waits for its time or its parent, and what is sent on."""

from dataclasses import replace
from datetime import datetime

import pytest
from builders import HOUR, NOW, message, new_delivery, stored_deliveries

from monitor.records import Delivery, DeliveryKind, DeliveryState, Entry, Listing, NewDelivery, Receipt
from monitor.storage import Storage

CHANNEL = "#news-alerts"
RECEIPT = Receipt(channel="C1", ts="1763640000.000100")


def first(storage: Storage, channel: str = CHANNEL) -> Delivery:
    found = storage.deliveries.next_delivery(channel, NOW)
    assert found is not None
    return found[0]


def state(storage: Storage, channel: str = CHANNEL) -> tuple[str, DeliveryState] | None:
    found = storage.deliveries.next_delivery(channel, NOW)
    return found and (found[0].id, found[1])


def test_a_channel_gets_its_deliveries_in_the_order_of_the_decisions(storage: Storage) -> None:
    stored_deliveries(
        storage, new_delivery(1), new_delivery(2, "#isis-watch"), new_delivery(3), new_delivery(4)
    )
    assert storage.deliveries.open_channels(NOW) == ["#isis-watch", CHANNEL]
    seen = []
    while waiting := storage.deliveries.next_delivery(CHANNEL, NOW):
        seen.append(waiting[0].id)
        storage.deliveries.record_receipt(waiting[0].id, RECEIPT, NOW)
    assert seen == ["d1", "d3", "d4"]
    assert storage.deliveries.open_channels(NOW) == ["#isis-watch"]


def test_a_new_delivery_is_pending_and_untried(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery())
    assert state(storage) == ("d1", "pending")
    assert (first(storage).attempt, first(storage).first_try_at) == (0, None)
    assert storage.deliveries.next_delivery("#isis-watch", NOW) is None


def test_an_attempt_is_written_ahead_with_its_number_and_the_first_time(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery())
    for attempt in (1, 2, 3):
        begun = storage.deliveries.record_attempt(first(storage), NOW + attempt * HOUR)
        assert (begun.attempt, begun.first_try_at) == (attempt, NOW + HOUR)
        assert first(storage) == begun
        assert state(storage) == ("d1", "sending")


@pytest.mark.parametrize(
    ("outcome", "still_open"), [("pending", True), ("in_doubt", True), ("failed", False)]
)
def test_a_delivery_stays_open_until_it_is_sent_or_failed(
    storage: Storage, outcome: DeliveryState, still_open: bool
) -> None:
    stored_deliveries(storage, new_delivery())
    storage.deliveries.record_attempt(first(storage), NOW)
    storage.deliveries.record_state("d1", outcome, "why")
    assert state(storage) == (("d1", outcome) if still_open else None)
    assert storage.deliveries.count_open(NOW) == still_open
    assert storage.deliveries.open_channels(NOW) == ([CHANNEL] if still_open else [])


def test_a_delivery_that_has_to_wait_keeps_its_place(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery(1), new_delivery(2))
    storage.deliveries.record_attempt(first(storage), NOW)
    storage.deliveries.record_state("d1", "pending", "ratelimited")
    assert state(storage) == ("d1", "pending")


def test_what_was_being_sent_at_the_end_is_in_doubt_at_the_start(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery(1), new_delivery(2, "#isis-watch"), new_delivery(3, "#third"))
    storage.deliveries.record_attempt(first(storage), NOW)
    storage.deliveries.record_attempt(first(storage, "#third"), NOW)
    storage.deliveries.record_receipt("d3", RECEIPT, NOW)
    assert storage.deliveries.interrupted() == 1
    assert state(storage) == ("d1", "in_doubt")
    assert state(storage, "#isis-watch") == ("d2", "pending")
    assert storage.deliveries.interrupted() == 0


def test_a_receipt_settles_and_forgives(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery())
    storage.deliveries.record_attempt(first(storage), NOW)
    storage.deliveries.record_state("d1", "in_doubt", "connection lost")
    storage.deliveries.record_receipt("d1", RECEIPT, NOW)
    (history,) = storage.ledger.history(frozenset({"https://wire.example/1"}))
    ((status,),) = (topic.deliveries for topic in history.topics)
    assert (status.state, status.receipt, status.last_error, status.attempt) == ("sent", RECEIPT, None, 1)


def test_open_deliveries_are_counted(storage: Storage) -> None:
    assert storage.deliveries.count_open(NOW) == 0
    stored_deliveries(storage, new_delivery(1), new_delivery(2), new_delivery(3))
    storage.deliveries.record_attempt(first(storage), NOW)
    assert storage.deliveries.count_open(NOW) == 3
    storage.deliveries.record_receipt("d1", RECEIPT, NOW)
    storage.deliveries.record_state("d2", "failed", "invalid_blocks")
    assert storage.deliveries.count_open(NOW) == 1


def test_a_closed_channel_is_one_trouble_until_it_takes_a_message(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery(1), new_delivery(2, "#isis-watch"))
    for channel in (CHANNEL, "#isis-watch", CHANNEL):
        storage.deliveries.record_closed(channel, "It is archived.", NOW)
    assert [known.channel for known in storage.ledger.troubles()] == [CHANNEL, "#isis-watch"]
    storage.deliveries.record_receipt("d1", RECEIPT, NOW)
    assert [known.channel for known in storage.ledger.troubles()] == ["#isis-watch"]


def test_nobody_asks_whether_a_channel_is_closed_that_nothing_waits_for(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery(1))
    for channel in (CHANNEL, "#renamed"):
        storage.deliveries.record_closed(channel, "It is archived.", NOW)
    storage.deliveries.forget_closed(NOW)
    assert [known.channel for known in storage.ledger.troubles()] == [CHANNEL]
    assert [known.channel for known in storage.troubles.untold(9)] == [CHANNEL]


def test_what_waits_for_a_channel_nobody_names_any_more_is_sent_on(storage: Storage) -> None:
    stored_deliveries(
        storage,
        new_delivery(1, "#mistyped"),
        new_delivery(2, "#mistyped"),
        new_delivery(3, "#other-desk"),
        new_delivery(4, "#default"),
        new_delivery(5, "#of-a-route"),
    )
    storage.deliveries.record_attempt(first(storage, "#mistyped"), NOW)
    storage.deliveries.interrupted()
    topics: dict[str | None, str] = {"patrols": "#patrols", "others": "#other-desk"}
    named = frozenset({"#of-a-route"})
    assert storage.deliveries.readdress(topics, named, "#default") == 1
    assert state(storage, "#mistyped") == ("d1", "in_doubt"), "it must be looked for where it was sent"
    assert state(storage, "#patrols") == ("d2", "pending")
    assert state(storage, "#other-desk") == ("d3", "pending")
    assert state(storage, "#default") == ("d4", "pending")
    assert state(storage, "#of-a-route") == ("d5", "pending"), "what a route names is no topic's own"
    assert storage.deliveries.readdress({}, named, "#patrols") == 2, (
        "of a topic that has gone: to the default"
    )


# --- what goes before what --------------------------------------------------------------------------------


def under(n: int, parent: str = "d1", kind: DeliveryKind = "reply") -> NewDelivery:
    return replace(new_delivery(n), kind=kind, parent_id=parent)


@pytest.mark.parametrize("kind", ["reply", "edit"])
@pytest.mark.parametrize("parents_state", ["pending", "sending", "in_doubt"])
def test_what_follows_waits_for_its_parent_and_holds_up_nothing(
    storage: Storage, kind: DeliveryKind, parents_state: DeliveryState
) -> None:
    parent = replace(new_delivery(1), channel="#elsewhere")
    stored_deliveries(storage, parent, replace(under(2, kind=kind), broadcast=True), new_delivery(3))
    storage.deliveries.record_state("d1", parents_state, "why")
    assert state(storage) == ("d3", "pending")
    assert storage.deliveries.count_open(NOW) == 2, "it can't go, whoever waits"
    storage.deliveries.record_receipt("d1", RECEIPT, NOW)
    assert storage.deliveries.count_open(NOW) == 2
    waiting = first(storage)
    assert (waiting.id, waiting.kind, waiting.parent, waiting.broadcast) == ("d2", kind, RECEIPT, True)


def test_a_post_has_no_parent(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery())
    assert (first(storage).kind, first(storage).parent, first(storage).broadcast) == ("post", None, False)


def test_the_reply_of_a_post_that_failed_stands_by_itself(storage: Storage) -> None:
    stored_deliveries(storage, new_delivery(1), under(2))
    storage.deliveries.record_state("d1", "failed", "invalid_blocks")
    waiting = first(storage)
    assert (waiting.id, waiting.kind, waiting.parent) == ("d2", "post", None)


# --- what waits for its time ------------------------------------------------------------------------------


def test_nothing_goes_before_its_time_and_what_waits_holds_up_nothing(storage: Storage) -> None:
    later = replace(new_delivery(1), not_before=NOW + HOUR)
    stored_deliveries(storage, later, new_delivery(2), replace(later, id="d3", channel="#quiet"))

    def due(now: datetime) -> tuple[list[str], int]:
        return storage.deliveries.open_channels(now), storage.deliveries.count_open(now)

    assert due(NOW) == ([CHANNEL], 1)
    assert state(storage) == ("d2", "pending")
    assert storage.deliveries.next_delivery("#quiet", NOW) is None
    assert due(NOW + HOUR) == ([CHANNEL, "#quiet"], 3)
    found = storage.deliveries.next_delivery(CHANNEL, NOW + HOUR)
    assert found is not None
    assert found[0].id == "d1", "in its own place"


# --- what a list is sent as -------------------------------------------------------------------------------

ENTRY = Entry(
    topic_name="Patrols",
    title="T",
    url=None,
    source="Wire",
    published=None,
    first_seen=NOW,
    score=70.0,
)


@pytest.mark.parametrize("total", [1, 2])
def test_a_list_that_stayed_with_one_story_is_that_storys_message(storage: Storage, total: int) -> None:
    own = message(title="T", items=3)
    listing = Listing(why="late", stories=(ENTRY,) * total, total=total, since=NOW, until=NOW, alone=own)
    stored_deliveries(storage, replace(new_delivery(), message=listing))
    assert first(storage).message == (own if total == 1 else listing)
    waiting = storage.alerts.delivery("d1")
    assert waiting is not None
    assert waiting.message == listing, "it can still grow"
