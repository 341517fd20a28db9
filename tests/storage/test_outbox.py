"""The outbox as people look at it."""

from builders import (
    ALERT,
    NOW,
    delivery,
    joining,
    new_delivery,
    outcome,
    post,
    stored_deliveries,
    stored_matches,
)

from monitor.records import DeliveryState, NewDelivery, Receipt
from monitor.storage import Storage


def states(storage: Storage) -> dict[str, DeliveryState]:
    return {delivery.id: delivery.status.state for delivery in storage.outbox.unsent()}


def test_what_has_not_arrived_is_told_with_its_last_error(storage: Storage) -> None:
    stored_deliveries(storage, *(new_delivery(n) for n in range(1, 5)))
    storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW)
    storage.deliveries.record_state("d2", "in_doubt", "Slack did not answer within 10 s")
    storage.deliveries.record_state("d3", "failed", "invalid_blocks")
    assert states(storage) == {"d2": "in_doubt", "d3": "failed", "d4": "pending"}
    doubtful, failed, _ = storage.outbox.unsent()
    assert failed.status.last_error == "invalid_blocks"
    assert failed.created_at == NOW
    assert doubtful.message == new_delivery(2).message


def refused(storage: Storage, *names: str) -> None:
    """As after an attempt that the channel would have nothing of."""
    for name in names:
        storage.deliveries.record_attempt(delivery(id=name, attempt=0), NOW)
        storage.deliveries.record_state(name, "failed", "invalid_blocks")


def test_only_what_was_refused_is_tried_again(storage: Storage) -> None:
    stored_deliveries(storage, *(new_delivery(n) for n in range(1, 6)))
    refused(storage, "d1", "d3")
    storage.deliveries.record_state("d2", "in_doubt", "so it is")
    storage.deliveries.record_state("d4", "sending", "so it is")
    storage.deliveries.record_state("d5", "failed", "#news-alerts has been told of it")
    assert [storage.outbox.retry(name) for name in ("d2", "d4", "d5", "d9")] == [0, 0, 0, 0]
    assert storage.outbox.retry("d1") == 1
    others = {"d2": "in_doubt", "d4": "sending", "d5": "failed"}
    assert states(storage) == {"d1": "pending", "d3": "failed", **others}
    assert storage.outbox.retry(None) == 1
    assert states(storage) == {"d1": "pending", "d3": "pending", **others}
    waiting = storage.deliveries.next_delivery("#news-alerts", NOW)
    assert waiting is not None
    assert waiting[0].id == "d1", "in its old place"
    assert storage.outbox.retry(None) == 0


def told_with_edits(storage: Storage) -> None:
    """A post ``d1`` with the edits ``e1``, ``e2`` and ``e3``, all waiting."""
    stored_matches(storage, 1)
    (match,) = storage.alerts.undecided(1)
    told = new_delivery(1)
    edits = [
        NewDelivery(id=f"e{n}", channel=told.channel, message=told.message, kind="edit", parent_id="d1")
        for n in (1, 2, 3)
    ]
    opening = outcome(ALERT, told, *edits, membership=joining(), posts=(post(),))
    storage.alerts.record_decision(match, opening, NOW)


def test_the_edits_of_a_post_that_was_refused_wait_with_it(storage: Storage) -> None:
    told_with_edits(storage)
    refused(storage, "d1")
    assert set(states(storage).values()) == {"failed"}
    assert storage.outbox.retry("e1") == 0, "there is nothing to edit"
    assert storage.outbox.retry("d1") == 4
    assert states(storage) == dict.fromkeys(("d1", "e1", "e2", "e3"), "pending")


def test_an_edit_that_another_has_overtaken_is_not_made(storage: Storage) -> None:
    told_with_edits(storage)
    storage.deliveries.record_receipt("d1", Receipt(channel="C1", ts="1.5"), NOW)
    refused(storage, "e1", "e3")
    storage.deliveries.record_receipt("e2", Receipt(channel="C1", ts="1.5"), NOW)
    assert storage.outbox.retry("e1") == 0
    assert storage.outbox.retry(None) == 1
    assert states(storage) == {"e1": "failed", "e3": "pending"}
