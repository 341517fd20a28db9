"""The Web API methods of the Slack stand-in: arguments in, Slack's answer out.

One function per method; all raise ``SlackError`` or ``RateLimitError``. HTTP and faults live elsewhere.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from monitor.demo.slack_arguments import Arguments
from monitor.demo.slack_files import Files
from monitor.demo.slack_limits import TokenBucket, check_content
from monitor.demo.slack_state import (
    BOT,
    TEAM_ID,
    Channel,
    Content,
    SlackError,
    StoredMessage,
    Workspace,
    message_json,
    reactions_json,
)

__all__ = ["ALL_SCOPES", "RateLimitError", "WebApi"]

ALL_SCOPES = (
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "files:write",
    "groups:history",
    "groups:read",
    "reactions:read",
    "reactions:write",
)
_CHANNEL_SCOPES = {
    "public_channel": "channels:read",
    "private_channel": "groups:read",
    "im": "im:read",
    "mpim": "mpim:read",
}
_Entry = TypeVar("_Entry")


class RateLimitError(Exception):
    """Too many posts to one channel; ``retry_after`` is in whole seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class WebApi:
    """The part of Slack's Web API that the product uses, over one ``Workspace``."""

    def __init__(
        self,
        workspace: Workspace,
        files: Files,
        *,
        token: str | None,
        scopes: Collection[str],
        burst: int | None,
        create_channels: bool,
    ) -> None:
        self.scopes = frozenset(scopes)
        self._workspace = workspace
        self._files = files
        self._token = token
        self._burst = burst
        self._create_channels = create_channels
        self._buckets: dict[str, TokenBucket] = {}
        self._methods: dict[str, tuple[str | None, Callable[[Arguments, float], dict[str, Any]]]] = {
            "auth.test": (None, self._auth_test),
            "chat.postMessage": ("chat:write", self._chat_post_message),
            "chat.update": ("chat:write", self._chat_update),
            "chat.delete": ("chat:write", self._chat_delete),
            "conversations.list": (None, self._conversations_list),
            "conversations.info": ("channels:read", self._conversations_info),
            "conversations.join": ("channels:join", self._conversations_join),
            "conversations.history": ("channels:history", self._conversations_history),
            "conversations.replies": ("channels:history", self._conversations_replies),
            "reactions.add": ("reactions:write", self._reactions_add),
            "reactions.remove": ("reactions:write", self._reactions_remove),
            "reactions.get": ("reactions:read", self._reactions_get),
            "files.getUploadURLExternal": ("files:write", self._files.begin),
            "files.completeUploadExternal": ("files:write", self._files.complete),
        }

    def call(self, method: str, args: Arguments, *, token: str, now: float) -> dict[str, Any]:
        """The members of Slack's answer beside ``ok``; ``now`` is in seconds since the epoch."""
        if method not in self._methods:
            raise SlackError("unknown_method", req_method=method)
        self._authenticate(token)
        scope, answer = self._methods[method]
        if scope is not None:
            self._require(scope)
        return answer(args, now)

    def _authenticate(self, token: str) -> None:
        if not token:
            raise SlackError("not_authed")
        if self._token is not None and token != self._token:
            raise SlackError("invalid_auth")
        if self._workspace.token_revoked:
            raise SlackError("token_revoked")

    def _require(self, scope: str) -> None:
        if scope not in self.scopes:
            raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(self.scopes)))

    def _auth_test(self, args: Arguments, now: float) -> dict[str, Any]:
        return {
            "url": "https://stand-in.slack.com/",
            "team": "Stand-in",
            "user": BOT.name,
            "team_id": TEAM_ID,
            "user_id": BOT.user,
            "bot_id": BOT.bot_id,
            "is_enterprise_install": False,
        }

    # --- chat ------------------------------------------------------------------------------------------

    def _chat_post_message(self, args: Arguments, now: float) -> dict[str, Any]:
        channel = self._channel_to_post(args.text("channel"), now)
        self._take_turn(channel, now)
        content = _content(args, Content())
        check_content(content)
        self._files.check(content.blocks, now=now)
        message = self._workspace.post(
            channel,
            content,
            now=now,
            thread_ts=args.ts("thread_ts", "thread_not_found"),
            broadcast=args.flag("reply_broadcast"),
        )
        shown = message_json(channel, message, all_metadata=True)
        return {"channel": channel.id, "ts": message.ts, "message": shown}

    def _chat_update(self, args: Arguments, now: float) -> dict[str, Any]:
        channel = self._workspace.channel(args.text("channel"))
        if channel.is_archived:
            raise SlackError("is_inactive")
        ts = args.text("ts")
        content = _content(args, channel.message(ts).content)
        check_content(content, update=True)
        self._files.check(content.blocks, now=now)
        message = self._workspace.update(channel, ts, content, now=now)
        shown = message_json(channel, message, all_metadata=True)
        return {"channel": channel.id, "ts": ts, "text": message.text, "message": shown}

    def _chat_delete(self, args: Arguments, now: float) -> dict[str, Any]:
        channel = self._workspace.channel(args.text("channel"))
        self._workspace.delete(channel, args.text("ts"))
        return {"channel": channel.id, "ts": args.text("ts")}

    def _channel_to_post(self, reference: str, now: float) -> Channel:
        channel = self._workspace.channels.get(reference) or self._workspace.named(reference)
        if channel is None:
            name = reference.removeprefix("#").lower()
            if not self._create_channels or not re.fullmatch(r"[^\s#@.,:]{1,80}", name):
                raise SlackError("channel_not_found")
            channel = self._workspace.create(name, now=now)
        if channel.is_archived:
            raise SlackError("is_archived")
        if "chat:write.public" not in self.scopes:
            _require_member(channel)
        return channel

    def _take_turn(self, channel: Channel, now: float) -> None:
        if self._burst is None:
            return
        wait = self._buckets.setdefault(channel.id, TokenBucket(self._burst)).take(now)
        if wait:
            raise RateLimitError(wait)

    # --- conversations -----------------------------------------------------------------------------------

    def _conversations_list(self, args: Arguments, now: float) -> dict[str, Any]:
        kinds = [kind.strip() for kind in args.text("types", "public_channel").split(",")]
        for kind in kinds:
            if kind not in _CHANNEL_SCOPES:
                raise SlackError("invalid_types")
            self._require(_CHANNEL_SCOPES[kind])
        channels = list(self._workspace.channels.values()) if "public_channel" in kinds else []
        if args.flag("exclude_archived"):
            channels = [channel for channel in channels if not channel.is_archived]
        page, cursor = _page(channels, args, key=lambda channel: channel.id)
        return {"channels": [_channel_json(channel) for channel in page], **_cursor_json(cursor)}

    def _conversations_info(self, args: Arguments, now: float) -> dict[str, Any]:
        return {"channel": _channel_json(self._workspace.channel(args.text("channel")))}

    def _conversations_join(self, args: Arguments, now: float) -> dict[str, Any]:
        channel = self._workspace.channel(args.text("channel"))
        if channel.is_archived:
            raise SlackError("is_archived")
        already = {"warning": "already_in_channel"} if channel.is_member else {}
        self._workspace.join(channel)
        return {"channel": _channel_json(channel), **already}

    def _conversations_history(self, args: Arguments, now: float) -> dict[str, Any]:
        channel = self._readable(args)
        newest_first = _between(channel.timeline()[::-1], args)
        page, cursor = _page(newest_first, args, key=lambda message: message.ts)
        shown = _messages_json(channel, page, args)
        return {"messages": shown, "has_more": bool(cursor), "pin_count": 0, **_cursor_json(cursor)}

    def _conversations_replies(self, args: Arguments, now: float) -> dict[str, Any]:
        channel = self._readable(args)
        start = channel.messages.get(args.text("ts"))
        if start is None:
            raise SlackError("thread_not_found")
        replies = _between(channel.replies(start.ts), args)
        page, cursor = _page([start, *replies], args, key=lambda message: message.ts)
        shown = _messages_json(channel, page, args)
        return {"messages": shown, "has_more": bool(cursor), **_cursor_json(cursor)}

    def _readable(self, args: Arguments) -> Channel:
        channel = self._workspace.channel(args.text("channel"))
        _require_member(channel)
        return channel

    # --- reactions ---------------------------------------------------------------------------------------

    def _reactions_add(self, args: Arguments, now: float) -> dict[str, Any]:
        channel, message = self._reactable(args)
        if channel.is_archived:
            raise SlackError("is_archived")
        self._workspace.react(channel, message.ts, _emoji_name(args))
        return {}

    def _reactions_remove(self, args: Arguments, now: float) -> dict[str, Any]:
        channel, message = self._reactable(args)
        self._workspace.unreact(channel, message.ts, _emoji_name(args))
        return {}

    def _reactions_get(self, args: Arguments, now: float) -> dict[str, Any]:
        channel, message = self._reactable(args)
        shown = message_json(channel, message, all_metadata=False)
        return {
            "type": "message",
            "channel": channel.id,
            "message": {**shown, "reactions": reactions_json(message)},
        }

    def _reactable(self, args: Arguments) -> tuple[Channel, StoredMessage]:
        if "channel" not in args or "timestamp" not in args:
            raise SlackError("no_item_specified")
        channel = self._workspace.channel(args.text("channel"))
        return channel, channel.message(args.ts("timestamp", "bad_timestamp") or "")


def _require_member(channel: Channel) -> None:
    if not channel.is_member:
        raise SlackError("not_in_channel")


def _content(args: Arguments, before: Content) -> Content:
    """What the arguments ask for; an update keeps the blocks and metadata that it does not name."""
    args.refuse("attachments", "markdown_text")
    blocks = args.structure("blocks", "invalid_blocks_format")
    metadata = args.structure("metadata", "invalid_metadata_format")
    if not isinstance(blocks, list | None):
        raise SlackError("invalid_blocks_format")
    if not isinstance(metadata, dict | None):
        raise SlackError("invalid_metadata_format")
    return Content(
        text=args.text("text"),
        blocks=before.blocks if blocks is None else tuple(blocks),
        metadata=before.metadata if metadata is None else metadata or None,
        mrkdwn=args.flag("mrkdwn", default=before.mrkdwn),
        parse=args.text("parse", before.parse),
        link_names=args.flag("link_names", default=before.link_names),
        unfurl_links=args.flag("unfurl_links", default=before.unfurl_links),
        unfurl_media=args.flag("unfurl_media", default=before.unfurl_media),
    )


def _emoji_name(args: Arguments) -> str:
    name = args.text("name").strip(":")
    if not re.fullmatch(r"[\w+'-]+(::skin-tone-[2-6])?", name):
        raise SlackError("invalid_name")
    return name


def _channel_json(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": channel.created,
        "is_channel": True,
        "is_group": False,
        "is_im": False,
        "is_mpim": False,
        "is_private": False,
        "is_archived": channel.is_archived,
        "is_member": channel.is_member,
    }


def _messages_json(channel: Channel, page: Sequence[StoredMessage], args: Arguments) -> list[dict[str, Any]]:
    all_metadata = args.flag("include_all_metadata")
    return [message_json(channel, message, all_metadata=all_metadata) for message in page]


def _between(messages: Sequence[StoredMessage], args: Arguments) -> list[StoredMessage]:
    """Those between ``oldest`` and ``latest``, the ends themselves only when ``inclusive``."""
    oldest = _microseconds(args.ts("oldest", "invalid_ts_oldest"))
    latest = _microseconds(args.ts("latest", "invalid_ts_latest"))
    reach = 1 if args.flag("inclusive") else 0
    return [
        message
        for message in messages
        if (oldest is None or oldest - reach < (_microseconds(message.ts) or 0))
        and (latest is None or latest + reach > (_microseconds(message.ts) or 0))
    ]


def _microseconds(ts: str | None) -> int | None:
    if ts is None:
        return None
    seconds, _, fraction = ts.partition(".")
    return int(seconds) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def _page(
    entries: Sequence[_Entry], args: Arguments, *, key: Callable[[_Entry], str]
) -> tuple[Sequence[_Entry], str]:
    """One page, and the cursor of the next ("" at the end): the key of its first entry, made opaque."""
    start = 0
    if cursor := args.text("cursor"):
        try:
            wanted = base64.b64decode(cursor, validate=True).decode().removeprefix("next:")
        except (binascii.Error, UnicodeDecodeError):
            raise SlackError("invalid_cursor") from None
        keys = [key(entry) for entry in entries]
        if wanted not in keys:
            raise SlackError("invalid_cursor")
        start = keys.index(wanted)
    end = start + args.page_size()
    following = f"next:{key(entries[end])}" if end < len(entries) else ""
    return entries[start:end], base64.b64encode(following.encode()).decode()


def _cursor_json(cursor: str) -> dict[str, Any]:
    return {"response_metadata": {"next_cursor": cursor}}
