"""What the Slack stand-in remembers: channels, messages, threads and reactions, under Slack's rules.

Knows nothing of HTTP and reads no clock: ``now`` is seconds since the epoch. A refusal is a ``SlackError``
that carries Slack's own name for it. Messages are frozen, so what a caller holds never changes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = [
    "BOT",
    "PERSON",
    "TEAM_ID",
    "Author",
    "Channel",
    "Content",
    "SlackError",
    "StoredMessage",
    "Workspace",
    "copies",
    "message_json",
    "reactions_json",
]

TEAM_ID = "T0STANDIN01"
_PARSE_MODES = ("", "none", "full")


class SlackError(Exception):
    """Slack's ``{"ok": false}``: ``error`` is its name, ``details`` further members of the answer."""

    def __init__(self, error: str, **details: Any) -> None:
        super().__init__(error)
        self.error = error
        self.details = details


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who wrote a message; only apps have a ``bot_id``."""

    user: str
    name: str
    bot_id: str | None = None


BOT = Author(user="U0STANDIN01", name="monitor", bot_id="B0STANDIN01")
PERSON = Author(user="U0PERSON001", name="person")
_SLACKBOT = Author(user="USLACKBOT", name="slackbot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says, and how Slack was asked to read and unfurl it."""

    text: str = ""
    blocks: tuple[Mapping[str, Any], ...] = ()
    metadata: Mapping[str, Any] | None = None
    mrkdwn: bool = True
    parse: str = ""
    link_names: bool = False
    unfurl_links: bool = True
    unfurl_media: bool = True

    def __post_init__(self) -> None:
        if self.parse not in _PARSE_MODES:
            raise SlackError("invalid_arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message as a channel holds it.

    ``thread_ts`` is the parent's ts on a reply and None elsewhere; ``edited`` is the ts of the last edit;
    ``reactions`` maps an emoji's name to the users who chose it; ``deleted`` marks the tombstone of a parent
    whose replies outlived it.
    """

    ts: str
    content: Content
    author: Author
    thread_ts: str | None = None
    broadcast: bool = False
    edited: str | None = None
    reactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    deleted: bool = False

    @property
    def text(self) -> str:
        """The top-level text."""
        return self.content.text

    @property
    def blocks(self) -> tuple[Mapping[str, Any], ...]:
        """The blocks, as posted."""
        return self.content.blocks

    @property
    def metadata(self) -> Mapping[str, Any] | None:
        """The whole metadata, payload included."""
        return self.content.metadata

    @property
    def user(self) -> str:
        """The author's user id."""
        return self.author.user

    @property
    def bot_id(self) -> str | None:
        """The author's bot id, None for a person."""
        return self.author.bot_id


@dataclass(slots=True, kw_only=True)
class Channel:
    """A public channel; the one thing here that changes. ``messages`` is in the order of their ts."""

    id: str
    name: str
    created: int
    is_member: bool = True
    is_archived: bool = False
    messages: dict[str, StoredMessage] = field(default_factory=dict)

    def timeline(self) -> list[StoredMessage]:
        """What the channel shows outside its threads, oldest first."""
        return [
            message for message in self.messages.values() if message.thread_ts is None or message.broadcast
        ]

    def replies(self, parent_ts: str) -> list[StoredMessage]:
        """The replies in one thread, oldest first, without the parent."""
        return [message for message in self.messages.values() if message.thread_ts == parent_ts]

    def message(self, ts: str) -> StoredMessage:
        """The message with this ts; ``message_not_found`` when there is none, or only its tombstone."""
        message = self.messages.get(ts)
        if message is None or message.deleted:
            raise SlackError("message_not_found")
        return message


class Workspace:
    """One team with its channels. ``version`` rises with every change, for whoever watches.

    ``on_reaction`` is told of each reaction, and whose it is.
    """

    def __init__(self, on_reaction: Callable[[Channel, StoredMessage, str, Author], None]) -> None:
        self.channels: dict[str, Channel] = {}
        self._on_reaction = on_reaction
        self.token_revoked = False
        self.version = 0
        self._last_ts = 0

    def create(self, name: str, *, now: float) -> Channel:
        """A new channel that the bot is a member of."""
        channel = Channel(id=f"C0{len(self.channels) + 1:09d}", name=name, created=int(now))
        self.channels[channel.id] = channel
        self.version += 1
        return channel

    def named(self, name: str) -> Channel | None:
        """The channel called ``name``, with or without its #."""
        wanted = name.removeprefix("#").lower()
        return next((channel for channel in self.channels.values() if channel.name == wanted), None)

    def channel(self, channel_id: str) -> Channel:
        """The channel with this id; ``channel_not_found`` when there is none."""
        try:
            return self.channels[channel_id]
        except KeyError:
            raise SlackError("channel_not_found") from None

    def join(self, channel: Channel) -> None:
        """Make the bot a member of the channel."""
        channel.is_member = True
        self.version += 1

    def post(
        self,
        channel: Channel,
        content: Content,
        *,
        author: Author = BOT,
        now: float,
        thread_ts: str | None = None,
        broadcast: bool = False,
    ) -> StoredMessage:
        """Store a message; ``thread_not_found`` when ``thread_ts`` names no parent in the channel."""
        if thread_ts is not None:
            parent = channel.messages.get(thread_ts)
            if parent is None or parent.thread_ts is not None:
                raise SlackError("thread_not_found")
        return self._store(
            channel,
            StoredMessage(
                ts=self._next_ts(now),
                content=content,
                author=author,
                thread_ts=thread_ts,
                broadcast=broadcast and thread_ts is not None,
            ),
        )

    def update(self, channel: Channel, ts: str, content: Content, *, now: float) -> StoredMessage:
        """Replace what one of the bot's own messages says."""
        message = channel.message(ts)
        if message.author != BOT:
            raise SlackError("cant_update_message")
        return self._store(channel, replace(message, content=content, edited=self._next_ts(now)))

    def delete(self, channel: Channel, ts: str) -> None:
        """Delete one of the bot's own messages; a parent with replies leaves a tombstone, as in Slack."""
        message = channel.message(ts)
        if message.author != BOT:
            raise SlackError("cant_delete_message")
        if channel.replies(ts):
            gone = Content(text="This message was deleted.")
            self._store(channel, StoredMessage(ts=ts, content=gone, author=_SLACKBOT, deleted=True))
        else:
            del channel.messages[ts]
            self.version += 1

    def react(self, channel: Channel, ts: str, name: str, *, author: Author = BOT) -> None:
        """Add one person's reaction; ``already_reacted`` the second time."""
        message = channel.message(ts)
        users = message.reactions.get(name, ())
        if author.user in users:
            raise SlackError("already_reacted")
        self._store(channel, replace(message, reactions={**message.reactions, name: (*users, author.user)}))
        self._on_reaction(channel, message, name, author)

    def unreact(self, channel: Channel, ts: str, name: str, *, author: Author = BOT) -> None:
        """Take one person's reaction back; ``no_reaction`` when it is not there."""
        message = channel.message(ts)
        users = message.reactions.get(name, ())
        if author.user not in users:
            raise SlackError("no_reaction")
        others = tuple(user for user in users if user != author.user)
        reactions = {key: value for key, value in message.reactions.items() if key != name}
        self._store(channel, replace(message, reactions=reactions | ({name: others} if others else {})))

    def _store(self, channel: Channel, message: StoredMessage) -> StoredMessage:
        channel.messages[message.ts] = message
        self.version += 1
        return message

    def _next_ts(self, now: float) -> str:
        self._last_ts = max(self._last_ts + 1, int(now * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"


def message_json(channel: Channel, message: StoredMessage, *, all_metadata: bool) -> dict[str, Any]:
    """A message as the Web API shows it; without ``all_metadata`` only the metadata's event type."""
    answer: dict[str, Any] = {
        "type": "message",
        "ts": message.ts,
        "team": TEAM_ID,
        "user": message.user,
        "text": message.text,
        "bot_id": message.bot_id,
        "blocks": json.loads(json.dumps(message.blocks)) or None,
        "metadata": _metadata(message, all_metadata=all_metadata),
        "thread_ts": message.thread_ts,
        "edited": message.edited and {"user": message.user, "ts": message.edited},
        "reactions": reactions_json(message) or None,
        "subtype": _subtype(message),
    }
    if replies := channel.replies(message.ts):
        users = list(dict.fromkeys(reply.user for reply in replies))
        answer |= {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": users,
            "reply_users_count": len(users),
            "latest_reply": replies[-1].ts,
        }
    elif message.thread_ts is not None:
        answer["parent_user_id"] = channel.messages[message.thread_ts].user
    return {key: value for key, value in answer.items() if value is not None}


def copies(channels: Iterable[Channel]) -> Counter[str]:
    """How many messages there are by the id of the delivery that each carries in its metadata."""
    payloads = (
        (message.metadata or {}).get("event_payload", {})
        for channel in channels
        for message in channel.messages.values()
    )
    return Counter(payload["d"] for payload in payloads if "d" in payload)


def reactions_json(message: StoredMessage) -> list[dict[str, Any]]:
    """A message's reactions as the Web API lists them."""
    return [
        {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
    ]


def _metadata(message: StoredMessage, *, all_metadata: bool) -> Mapping[str, Any] | None:
    if message.metadata is None or all_metadata:
        return message.metadata
    return {"event_type": message.metadata["event_type"]}


def _subtype(message: StoredMessage) -> str | None:
    if message.deleted:
        return "tombstone"
    return "thread_broadcast" if message.broadcast else None
