"""A Slack for one machine: the Web API the product uses, faults on demand, and a page to read the channels.

    /api/METHOD          Slack's Web API, for the real ``slack_sdk``        slack_methods, slack_limits
    /socket              Socket Mode: people's clicks and reactions         slack_socket
    /control/faults      POST a fault, DELETE them all                      slack_faults
    /control/state       everything as JSON: channels, messages, counts
    /upload/v1/SECRET    where the bytes of a file go                       slack_files
    /                    the channels as a person would see them, and       slack_page, slack_render
                         buttons and reactions for that person

Everything is in memory. ``python -m monitor.demo.slack --help`` starts one on its own.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from email.utils import formatdate
from typing import Any, Self

from aiohttp import web

from monitor.demo.slack_arguments import Arguments
from monitor.demo.slack_faults import STATE_CHANGES, Fault, FaultMenu, Kind
from monitor.demo.slack_files import Files, StoredFile
from monitor.demo.slack_methods import ALL_SCOPES, RateLimitError, WebApi
from monitor.demo.slack_page import PAGE_FILES, PAGE_HEADERS, page_state, serve_page_file
from monitor.demo.slack_socket import ACK_WITHIN, Sockets, block_actions, reaction_added
from monitor.demo.slack_state import (
    PERSON,
    Author,
    Channel,
    Content,
    SlackError,
    StoredMessage,
    Workspace,
    copies,
    message_json,
)

__all__ = ["SlackStandIn", "main"]


class SlackStandIn:
    """A stateful Slack over HTTP; its memory outlives ``close``, so closing and starting again is an outage.

    ``token`` and ``app_token`` None take any token; ``burst`` is how many posts a channel takes at once
    before one per second, None for no limit; ``create_channels`` makes a channel when it is first posted to;
    ``scan`` is how many seconds pass until a new file can be shown. ``clock`` gives seconds since the epoch;
    timestamps, the rate limit, files and the ``Date`` header follow it. ``ack_within`` is how many seconds
    the app has to acknowledge what people do, over its ``sockets``.
    """

    def __init__(
        self,
        channels: Collection[str] = ("news-alerts",),
        *,
        token: str | None = None,
        app_token: str | None = None,
        scopes: Collection[str] = ALL_SCOPES,
        burst: int | None = 3,
        create_channels: bool = False,
        scan: float = 0.0,
        clock: Callable[[], float] = time.time,
        ack_within: float = ACK_WITHIN,
    ) -> None:
        self.sockets = Sockets(app_token=app_token, ack_within=ack_within)
        self.requests: Counter[str] = Counter()
        self._clock = clock
        self._faults = FaultMenu()
        self._workspace = Workspace(self._reacted)
        for name in channels:
            self._workspace.create(name.removeprefix("#"), now=clock())
        self._files = Files(lambda: self.url, scan=scan)
        self._web_api = WebApi(
            self._workspace,
            self._files,
            token=token,
            scopes=scopes,
            burst=burst,
            create_channels=create_channels,
        )
        self._runner: web.AppRunner | None = None
        self._address = ("", 0)

    async def __aenter__(self) -> Self:
        if self._runner is None:
            await self.start("127.0.0.1")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def start(self, host: str, port: int = 0) -> None:
        """Listen on ``host``, on any free port for 0; OSError when the port is taken."""
        app = web.Application(client_max_size=10 * 2**20)
        app.router.add_route("*", "/api/{method}", self._serve_api)
        app.router.add_post("/upload/v1/{secret}", self._receive_upload)
        app.router.add_get("/files/{id}", self._files.serve)
        app.router.add_get("/socket", self.sockets.serve)
        app.router.add_post("/control/faults", self._add_fault)
        app.router.add_delete("/control/faults", self._clear_faults)
        app.router.add_get("/control/state", self._show_state)
        app.router.add_get("/page/state", self._show_page_state)
        app.router.add_post("/page/act", self._act_on_page)
        for path in PAGE_FILES:
            app.router.add_get(path, serve_page_file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self._address = (host, self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening; connections from now on are refused."""
        if self._runner is not None:
            await self.sockets.close()
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """The page's address."""
        host, port = self._address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    @property
    def api_url(self) -> str:
        """What ``slack_sdk`` takes as ``base_url``."""
        return f"{self.url}api/"

    def messages(self, channel: str) -> list[StoredMessage]:
        """Everything in a channel, replies and tombstones included, in the order it was posted."""
        return list(self._named(channel).messages.values())

    def copies(self) -> Counter[str]:
        """How many messages there are in all channels, by the delivery's id that each carries."""
        return copies(self._workspace.channels.values())

    def files(self) -> list[StoredFile]:
        """Every file that was uploaded, or begun to be, in order."""
        return self._files.all()

    def channels(self) -> list[str]:
        """The names of all channels, in the order they were made."""
        return [channel.name for channel in self._workspace.channels.values()]

    def channel_id(self, channel: str) -> str:
        """The id of a channel given by name; LookupError when there is none."""
        return self._named(channel).id

    def say(self, channel: str, text: str, *, thread_ts: str | None = None) -> StoredMessage:
        """A person posts ``text``, past every limit and fault."""
        return self._workspace.post(
            self._named(channel), Content(text=text), author=PERSON, now=self._clock(), thread_ts=thread_ts
        )

    def react(self, channel: str, ts: str, name: str) -> None:
        """A person reacts to a message."""
        self._workspace.react(self._named(channel), ts, name, author=PERSON)

    async def click(self, channel: str, ts: str, action_id: str) -> bool:
        """A person presses a button; whether the app acknowledges it in time. LookupError without one."""
        where = self._named(channel)
        clicked = block_actions(where, where.message(ts), action_id, now=self._clock())
        return await self.sockets.interact(clicked)

    def fail(
        self,
        kind: Kind,
        *,
        times: int | None = 1,
        method: str = "chat.postMessage",
        channel: str | None = None,
        probability: float = 1.0,
        seconds: float = 1.0,
        retry_after: int = 1,
        error: str = "fatal_error",
        content_type: str = "text/html",
    ) -> None:
        """Ask for trouble; see ``Fault`` and ``Kind`` for what there is. ValueError for what there is not."""
        self._put(
            Fault(
                kind=kind,
                times=times,
                method=method,
                channel=channel,
                probability=probability,
                seconds=seconds,
                retry_after=retry_after,
                error=error,
                content_type=content_type,
            )
        )

    def recover(self) -> None:
        """End every fault: the token works, no channel is archived, the bot is a member of all."""
        self._faults.clear()
        self._workspace.token_revoked = False
        for channel in self._workspace.channels.values():
            channel.is_archived = False
            channel.is_member = True
        self._workspace.version += 1

    def _reacted(self, channel: Channel, message: StoredMessage, name: str, author: Author) -> None:
        self.sockets.publish(reaction_added(channel, message, name, now=self._clock(), author=author))

    def _named(self, name: str) -> Channel:
        channel = self._workspace.named(name)
        if channel is None:
            raise LookupError(f"no channel called {name!r}")
        return channel

    def _put(self, fault: Fault) -> None:
        if fault.kind not in STATE_CHANGES:
            self._faults.add(fault)
            return
        every = self._workspace.channels.values()
        for channel in every if fault.channel is None else [self._named(fault.channel)]:
            channel.is_archived |= fault.kind == "archived"
            channel.is_member &= fault.kind != "kicked"
        self._workspace.token_revoked |= fault.kind == "token_revoked"
        self._workspace.version += 1

    # --- the Web API -----------------------------------------------------------------------------------

    async def _serve_api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.requests[method] += 1
        try:
            arguments = await _arguments(request)
        except SlackError as refusal:
            return self._refusal(refusal)
        fault = self._faults.take(method, self._known_as(arguments.get("channel")))
        if fault is not None and (answer := await self._before(fault, request)) is not None:
            return answer
        answer = self._answer(method, request, arguments)
        return answer if fault is None else self._after(fault, request, answer)

    async def _receive_upload(self, request: web.Request) -> web.Response:
        self.requests["upload"] += 1
        fault = self._faults.take("upload", ())
        if fault is not None and (answer := await self._before(fault, request)) is not None:
            return answer
        return await self._files.receive(request)

    def _answer(self, method: str, request: web.Request, arguments: dict[str, Any]) -> web.Response:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = str(arguments.pop("token", "")) or bearer
        try:
            if method == "apps.connections.open":
                host = self.url.removeprefix("http:")
                members = {"url": f"ws:{host}socket?ticket={self.sockets.ticket(token)}"}
            else:
                members = self._web_api.call(method, Arguments(arguments), token=token, now=self._clock())
        except SlackError as refusal:
            return self._refusal(refusal)
        except RateLimitError as limit:
            return self._rate_limited(limit.retry_after)
        return self._json({"ok": True, **members})

    async def _before(self, fault: Fault, request: web.Request) -> web.Response | None:
        """The answer that keeps a request from its method, None when it shall go on."""
        match fault.kind:
            case "drop_before" | "down":
                return _hang_up(request)
            case "error_500_before":
                return self._page_of_error(500)
            case "garbage":
                return self._page_of_error(200, fault.content_type)
            case "rate_limit":
                return self._rate_limited(fault.retry_after)
            case "error":
                return self._refusal(SlackError(fault.error))
            case "slow":
                await asyncio.sleep(fault.seconds)
        return None

    def _after(self, fault: Fault, request: web.Request, answer: web.Response) -> web.Response:
        match fault.kind:
            case "drop_after":
                return _hang_up(request)
            case "error_500_after":
                return self._page_of_error(500)
            case "internal_error_after":
                return self._refusal(SlackError("internal_error"))
            case _:
                return answer

    def _known_as(self, reference: object) -> frozenset[str]:
        """The id and the name of the channel that a request speaks of, by either."""
        if not isinstance(reference, str):
            return frozenset()
        channel = self._workspace.channels.get(reference) or self._workspace.named(reference)
        return frozenset((channel.id, channel.name) if channel else (reference.removeprefix("#"),))

    def _refusal(self, refusal: SlackError) -> web.Response:
        return self._json({"ok": False, "error": refusal.error, **refusal.details})

    def _rate_limited(self, retry_after: int) -> web.Response:
        response = self._json({"ok": False, "error": "ratelimited"}, status=429)
        response.headers["Retry-After"] = str(retry_after)
        return response

    def _page_of_error(self, status: int, content_type: str = "text/html") -> web.Response:
        body = "<html><body>Something went wrong</body></html>"
        return web.Response(text=body, status=status, content_type=content_type, headers=self._headers())

    def _json(self, members: Mapping[str, Any], *, status: int = 200) -> web.Response:
        return web.json_response(members, status=status, headers=self._headers())

    def _headers(self) -> dict[str, str]:
        return {
            "Date": formatdate(self._clock(), usegmt=True),
            "X-OAuth-Scopes": ",".join(sorted(self._web_api.scopes)),
        }

    # --- control and page ------------------------------------------------------------------------------

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            self._put(Fault(**await request.json()))
        except (LookupError, TypeError, ValueError) as error:
            return web.json_response({"ok": False, "error": str(error)}, status=400)
        return web.json_response({"ok": True})

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self.recover()
        return web.json_response({"ok": True})

    async def _show_state(self, request: web.Request) -> web.Response:
        channels = [
            {
                "id": channel.id,
                "name": channel.name,
                "is_member": channel.is_member,
                "is_archived": channel.is_archived,
                "messages": [
                    message_json(channel, message, all_metadata=True) for message in channel.messages.values()
                ],
            }
            for channel in self._workspace.channels.values()
        ]
        return web.json_response(
            {
                "channels": channels,
                "requests": self.requests,
                "faults": [asdict(fault) for fault in self._faults.pending],
                "token_revoked": self._workspace.token_revoked,
            }
        )

    async def _show_page_state(self, request: web.Request) -> web.Response:
        seen = request.query.get("version")
        return web.json_response(page_state(self._workspace, seen=seen), headers=PAGE_HEADERS)

    async def _act_on_page(self, request: web.Request) -> web.Response:
        try:
            act, heard = await request.json(), True
            if "action_id" in act:
                heard = await self.click(**act)
            else:
                self.react(**act)
        except (LookupError, TypeError, ValueError, SlackError) as error:
            return web.json_response({"ok": False, "error": str(error)}, status=400)
        return web.json_response({"ok": heard})


async def _arguments(request: web.Request) -> dict[str, Any]:
    """Query, form and JSON together, as Slack takes them."""
    arguments: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        try:
            body = await request.json()
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(body, dict):
            raise SlackError("json_not_object")
        return arguments | body
    return arguments | dict(await request.post())


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


# --- on its own ----------------------------------------------------------------------------------------


async def _serve_until_told(standin: SlackStandIn, host: str, port: int) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    await standin.start(host, port)
    async with standin:
        sys.stdout.write(f"Slack stand-in: page {standin.url} API {standin.api_url}\n")
        sys.stdout.flush()
        await told.wait()


def main() -> None:
    """Serve a stand-in until SIGTERM or SIGINT, and say where."""
    parser = argparse.ArgumentParser(
        prog="python -m monitor.demo.slack", description="A Slack for one machine."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8089, help="0 for any free one")
    parser.add_argument(
        "--channel", action="extend", nargs="+", metavar="NAME", help="channels to begin with"
    )
    parser.add_argument("--create-channels", action="store_true", help="make a channel when first posted to")
    parser.add_argument("--token", help="the only token to take; any without it")
    parser.add_argument(
        "--burst", type=int, default=3, help="posts a channel takes at once; 0 for no rate limit"
    )
    options = parser.parse_args()
    standin = SlackStandIn(
        options.channel or ["news-alerts"],
        token=options.token,
        burst=options.burst or None,
        create_channels=options.create_channels,
    )
    asyncio.run(_serve_until_told(standin, options.host, options.port))


if __name__ == "__main__":
    main()
