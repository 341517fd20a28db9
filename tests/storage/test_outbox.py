"""The outbox as people look at it."""

from builders import ALERT, NOW, joining, new_delivery, outcome, post, stored_deliveries, stored_matches

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


def test_only_what_failed_is_tried_again(storage: Storage) -> None:
    stored_deliveries(storage, *(new_delivery(n) for n in range(1, 5)))
    for delivery_id, state in (("d1", "failed"), ("d2", "in_doubt"), ("d3", "failed"), ("d4", "sending")):
        storage.deliveries.record_state(delivery_id, state, "so it is")  # type: ignore[arg-type]
    assert [storage.outbox.retry(name) for name in ("d2", "d4", "d9")] == [0, 0, 0]
    assert storage.outbox.retry("d1") == 1
    assert states(storage) == {"d1": "pending", "d2": "in_doubt", "d3": "failed", "d4": "sending"}
    assert storage.outbox.retry(None) == 1
    assert states(storage)["d3"] == "pending"
    waiting = storage.deliveries.next_delivery("#news-alerts", NOW)
    assert waiting is not None
    assert waiting[0].id == "d1", "in its old place"
    assert storage.outbox.retry(None) == 0


def test_an_edit_that_another_has_overtaken_is_not_made(storage: Storage) -> None:
    stored_matches(storage, 1)
    (match,) = storage.alerts.undecided(1)
    told = new_delivery(1)
    edits = [
        NewDelivery(id=f"e{n}", channel=told.channel, message=told.message, kind="edit", parent_id="d1")
        for n in (1, 2, 3)
    ]
    opening = outcome(ALERT, told, *edits, membership=joining(), posts=(post(),))
    storage.alerts.record_decision(match, opening, NOW)
    for name in ("d1", "e1", "e2", "e3"):
        storage.deliveries.record_state(name, "failed", "message_not_found")
    storage.deliveries.record_receipt("e2", Receipt(channel="C1", ts="1.5"), NOW)
    assert storage.outbox.retry("e1") == 0
    assert storage.outbox.retry(None) == 2
    assert states(storage) == {"d1": "pending", "e1": "failed", "e3": "pending"}
