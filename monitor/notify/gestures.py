"""What a payload of Slack's says that a person wants: a click on one of our buttons, or a reaction. Pure.

button                 reaction                                   says
---------------------  -----------------------------------------  --------------------------------
``monitor_ack``        white_check_mark, heavy_check_mark, eyes   somebody is on it: no reminders
``monitor_vote_up``    +1, in any tone                            wanted
``monitor_vote_down``  -1, in any tone                            not wanted

Everything else says nothing. Payloads come over a connection that only Slack can speak on; names of people
are text all the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from monitor.records import Feedback, FeedbackKind
from monitor.text import clean

BUTTONS: Mapping[str, FeedbackKind] = {
    "monitor_ack": "ack",
    "monitor_vote_up": "vote_up",
    "monitor_vote_down": "vote_down",
}
REACTIONS: Mapping[str, FeedbackKind] = {
    "white_check_mark": "ack",
    "heavy_check_mark": "ack",
    "eyes": "ack",
    "+1": "vote_up",
    "thumbsup": "vote_up",
    "-1": "vote_down",
    "thumbsdown": "vote_down",
}
_ID = re.compile(r"[A-Z0-9]{1,50}", re.ASCII)
_TS = re.compile(r"\d{1,11}\.\d{6}", re.ASCII)
_DELIVERY = re.compile(r"[\w.-]{1,100}", re.ASCII)
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Ourselves:
    """Whose bot we are: the workspace, and the user that the bot is in it."""

    team_id: str
    user_id: str


def feedback_from(envelope_id: str, payload: object, us: Ourselves) -> Feedback | None:
    """Return what a payload says, None if nothing: not of our workspace, our own doing, or not for us."""
    by_name: str | None = None
    delivery_id: str | None = None
    match payload:
        case {
            "type": "block_actions",
            "team": {"id": us.team_id},
            "user": {"id": str(by)} as user,
            "container": {"channel_id": str(channel_id), "message_ts": str(ts)},
            "actions": [{"action_id": str(name), "value": str(value), "action_ts": str(at)}],
        } if _DELIVERY.fullmatch(value) and user.get("team_id", us.team_id) == us.team_id:
            # A channel may be shared with another workspace, whose people have no vote here.
            kind, by_name, delivery_id = BUTTONS.get(name), _name(user), value
        case {
            "team_id": us.team_id,
            "event": {
                "type": "reaction_added",
                "user": str(by),
                "reaction": str(name),
                "item": {"type": "message", "channel": str(channel_id), "ts": str(ts)},
                "event_ts": str(at),
            },
        } if by != us.user_id:
            # A tone of skin comes behind the name.
            kind = REACTIONS.get(name.partition("::")[0])
        case _:
            return None
    ids, moments = (by, channel_id), (ts, at)
    if kind is None or not (all(map(_ID.fullmatch, ids)) and all(map(_TS.fullmatch, moments))):
        return None
    return Feedback(
        kind=kind,
        by=by,
        by_name=by_name,
        channel_id=channel_id,
        ts=ts,
        delivery_id=delivery_id,
        at=datetime.fromtimestamp(float(at), UTC),
        envelope_id=envelope_id,
    )


def _name(user: Mapping[str, Any]) -> str | None:
    name = user.get("name") or user.get("username")
    return clean(name, _LONGEST_NAME) or None if isinstance(name, str) else None
