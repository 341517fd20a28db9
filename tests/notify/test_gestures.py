"""What Slack's payloads say that a person wants, and all that says nothing."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.notify.gestures import BUTTONS, REACTIONS, Ourselves, feedback_from
from monitor.records import Feedback

US = Ourselves(team_id="T01", user_id="U0BOT")
AT = datetime(2026, 11, 20, 12, 0, 0, 250_000, UTC)


def click(**changes: Any) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "team": {"id": "T01"},
        "user": {"id": "U01", "name": "ada", "team_id": "T01"},
        "container": {"channel_id": "C01", "message_ts": "1750000000.000001"},
        "actions": [{"action_id": "monitor_ack", "value": "d1", "action_ts": f"{AT.timestamp():.6f}"}],
    } | changes


def action(**changes: Any) -> dict[str, Any]:
    return click(actions=[click()["actions"][0] | changes])


def reaction(**changes: Any) -> dict[str, Any]:
    event = {
        "type": "reaction_added",
        "user": "U01",
        "reaction": "+1",
        "item": {"type": "message", "channel": "C01", "ts": "1750000000.000001"},
        "event_ts": f"{AT.timestamp():.6f}",
    }
    return {"type": "event_callback", "team_id": "T01", "event": event | changes}


def heard(payload: object) -> Feedback | None:
    return feedback_from("e1", payload, US)


def test_a_click_says_who_what_where_and_when() -> None:
    assert heard(click()) == Feedback(
        kind="ack",
        by="U01",
        by_name="ada",
        channel_id="C01",
        ts="1750000000.000001",
        delivery_id="d1",
        at=AT,
        envelope_id="e1",
    )


def test_a_reaction_says_the_same_without_name_and_delivery() -> None:
    assert heard(reaction()) == Feedback(
        kind="vote_up",
        by="U01",
        by_name=None,
        channel_id="C01",
        ts="1750000000.000001",
        delivery_id=None,
        at=AT,
        envelope_id="e1",
    )


def test_every_button_and_every_reaction_has_its_meaning() -> None:
    assert {name: getattr(heard(action(action_id=name)), "kind", None) for name in BUTTONS} == BUTTONS
    assert {name: getattr(heard(reaction(reaction=name)), "kind", None) for name in REACTIONS} == REACTIONS
    toned = heard(reaction(reaction="-1::skin-tone-4"))
    assert toned is not None
    assert toned.kind == "vote_down"


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ({"id": "U01", "username": "ada"}, "ada"),
        ({"id": "U01", "name": "a\u202eda\n<!channel>"}, "ada <!channel>"),
        ({"id": "U01", "name": "a" * 100}, "a" * 79 + "…"),
        ({"id": "U01", "name": "\u200b"}, None),
        ({"id": "U01", "name": ["ada"]}, None),
        ({"id": "U01"}, None),
    ],
)
def test_a_name_is_plain_text_of_bounded_length(user: dict[str, Any], name: str | None) -> None:
    found = heard(click(user=user))
    assert found is not None
    assert found.by_name == name


NOTHING: list[tuple[str, object]] = [
    ("another workspace's click", click(team={"id": "T02"})),
    ("a stranger's click in a shared channel", click(user={"id": "U01", "team_id": "T02"})),
    ("another workspace's reaction", reaction() | {"team_id": "T02"}),
    ("our own reaction", reaction(user="U0BOT")),
    ("another app's button", action(action_id="approve")),
    ("another reaction", reaction(reaction="tada")),
    ("a reaction to a file", reaction(item={"type": "file", "file": "F01"})),
    ("a reaction taken back", reaction(type="reaction_removed")),
    ("an unreadable moment", reaction(event_ts="soon")),
    ("a moment beyond all calendars", reaction(event_ts="999999999999.000000")),
    ("a value that is no delivery", action(value="d1' OR 1")),
    ("a message that is nowhere", click(container={"type": "view"})),
    ("an odd user", reaction(user="U01\ud800")),
    ("a view", {"type": "view_submission", "team": {"id": "T01"}}),
    ("no payload", None),
]


@pytest.mark.parametrize("payload", [p for _, p in NOTHING], ids=[name for name, _ in NOTHING])
def test_everything_else_says_nothing(payload: object) -> None:
    assert heard(payload) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.sampled_from([click(), reaction()]), st.data())
def test_whatever_stands_in_a_payload_is_no_accident(payload: dict[str, Any], data: st.DataObject) -> None:
    """Any member, at any depth, may be anything."""
    altered = {**payload, data.draw(st.sampled_from(sorted(payload))): data.draw(JSON)}
    inner = data.draw(st.sampled_from(["event", "container", "user"]))
    if isinstance(altered.get(inner), dict) and altered[inner]:
        altered[inner] = {
            **altered[inner],
            data.draw(st.sampled_from(sorted(altered[inner]))): data.draw(JSON),
        }
    found = heard(altered)
    assert found is None or (found.by.isascii() and found.at.tzinfo is UTC)
