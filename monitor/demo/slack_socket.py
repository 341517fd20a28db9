"""Socket Mode of the Slack stand-in: what people do travels to the app over WebSockets that the app opens.

Each payload goes to one of the connections, ten of which may be open. Events that are not acknowledged in
time are sent again, three times at most; a click is sent once, and the person is told that nobody answered.
"""

import asyncio
import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMsgType, web

from monitor.demo.slack_state import BOT, PERSON, TEAM_ID, Author, Channel, SlackError, StoredMessage

__all__ = ["ACK_WITHIN", "Sockets", "block_actions", "reaction_added"]

ACK_WITHIN = 3.0
"""Seconds that the app has to acknowledge an envelope."""
_MOST_CONNECTIONS = 10
_RETRIES = 3
_APP_ID = "A0STANDIN01"


class Sockets:
    """The app's connections. ``app_token`` None takes any that looks like one.

    ``acked`` are the envelopes acknowledged, in order; of the next ``lose_acks`` nothing is known here.
    """

    def __init__(self, *, app_token: str | None, ack_within: float) -> None:
        self.acked: list[str] = []
        self.lose_acks = 0
        self._app_token = app_token
        self._ack_within = ack_within
        self._tickets: set[str] = set()
        self._open: dict[web.WebSocketResponse, web.Request] = {}
        self._someone_there = asyncio.Event()
        self._awaited: dict[str, asyncio.Event] = {}
        self._sent = 0
        self._sending: set[asyncio.Task[None]] = set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def ticket(self, token: str) -> str:
        """What a new connection has to show, once; ``SlackError`` for a token that is not the app's."""
        if not token:
            raise SlackError("not_authed")
        if not token.startswith("xapp-"):
            raise SlackError("not_allowed_token_type")
        if self._app_token is not None and token != self._app_token:
            raise SlackError("invalid_auth")
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one connection until it ends."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403)
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self._open) >= _MOST_CONNECTIONS:
            await socket.send_json(_disconnect("too_many_websockets"))
            await socket.close()
            return socket
        await socket.send_json(_hello(len(self._open) + 1))
        self._open[socket] = request
        self._someone_there.set()
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(frame.data)
        finally:
            self._forget(socket)
        return socket

    def publish(self, payload: Mapping[str, Any]) -> None:
        """Tell the app of an event, once somebody is there, and again until it is acknowledged."""
        task = asyncio.create_task(self._told(payload), name="events_api")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def interact(self, payload: Mapping[str, Any]) -> bool:
        """Tell the app of a click; whether it has acknowledged that in time."""
        return bool(self._open) and await self._send("interactive", payload, accepts_response_payload=True)

    async def push(self, text: str) -> None:
        """Send any text to a connection, when one is open."""
        await self._someone_there.wait()
        self._sent += 1
        await list(self._open)[self._sent % len(self._open)].send_str(text)

    async def refresh(self) -> None:
        """Ask every connection to be replaced by another; nothing more comes over it."""
        for socket in list(self._open):
            self._forget(socket)
            await socket.send_json(_disconnect("refresh_requested"))

    def drop(self) -> None:
        """Tear every connection, without a word."""
        for socket, request in list(self._open.items()):
            self._forget(socket)
            if request.transport is not None:
                request.transport.abort()

    async def close(self) -> None:
        """End every connection, and forget what was to be told."""
        for task in self._sending:
            task.cancel()
        await asyncio.gather(
            *self._sending, *(socket.close() for socket in self._open), return_exceptions=True
        )

    def _forget(self, socket: web.WebSocketResponse) -> None:
        self._open.pop(socket, None)
        if not self._open:
            self._someone_there.clear()

    async def _told(self, payload: Mapping[str, Any]) -> None:
        for attempt in range(1 + _RETRIES):
            await self._someone_there.wait()
            reason = "timeout" if attempt else ""
            if await self._send("events_api", payload, retry_attempt=attempt, retry_reason=reason):
                return

    async def _send(self, kind: str, payload: Mapping[str, Any], **members: Any) -> bool:
        envelope_id = str(uuid.uuid4())
        envelope = {"envelope_id": envelope_id, "type": kind, "payload": payload, **members}
        self._awaited[envelope_id] = asyncio.Event()
        try:
            async with asyncio.timeout(self._ack_within):
                await self.push(json.dumps(envelope))
                await self._awaited[envelope_id].wait()
        except (TimeoutError, ConnectionError):
            return False
        finally:
            del self._awaited[envelope_id]
        return True

    def _acknowledge(self, text: str) -> None:
        try:
            envelope_id = str(json.loads(text)["envelope_id"])
        except (ValueError, TypeError, KeyError):
            return
        if self.lose_acks:
            self.lose_acks -= 1
            return
        self.acked.append(envelope_id)
        if envelope_id in self._awaited:
            self._awaited[envelope_id].set()


def block_actions(
    channel: Channel, message: StoredMessage, action_id: str, *, now: float, author: Author = PERSON
) -> dict[str, Any]:
    """What the app is told of a click; LookupError when the message has no such button."""
    elements = (element for block in message.blocks for element in block.get("elements", ()))
    button = next((element for element in elements if element.get("action_id") == action_id), None)
    if button is None:
        raise LookupError(f"no button {action_id!r}")
    return {
        "type": "block_actions",
        "api_app_id": _APP_ID,
        "team": {"id": TEAM_ID, "domain": "stand-in"},
        "enterprise": None,
        "is_enterprise_install": False,
        "user": {"id": author.user, "username": author.name, "name": author.name, "team_id": TEAM_ID},
        "channel": {"id": channel.id, "name": channel.name},
        "container": {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": channel.id,
            "is_ephemeral": False,
        },
        "actions": [{**button, "action_ts": f"{now:.6f}"}],
    }


def reaction_added(
    channel: Channel, message: StoredMessage, name: str, *, now: float, author: Author
) -> dict[str, Any]:
    """What the app is told of a reaction."""
    return {
        "type": "event_callback",
        "team_id": TEAM_ID,
        "api_app_id": _APP_ID,
        "event": {
            "type": "reaction_added",
            "user": author.user,
            "reaction": name,
            "item": {"type": "message", "channel": channel.id, "ts": message.ts},
            "item_user": message.user,
            "event_ts": f"{now:.6f}",
        },
        "event_id": f"Ev{secrets.token_hex(4).upper()}",
        "event_time": int(now),
        "authorizations": [{"team_id": TEAM_ID, "user_id": BOT.user, "is_bot": True}],
    }


def _hello(connections: int) -> dict[str, Any]:
    return {
        "type": "hello",
        "num_connections": connections,
        "debug_info": {"host": "stand-in", "approximate_connection_time": 18_060},
        "connection_info": {"app_id": _APP_ID},
    }


def _disconnect(reason: str) -> dict[str, Any]:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "stand-in"}}
