"""Where hubs reach us: they ask whether a subscription was meant, and send what has changed.

The address is all that a stranger would have to guess; without it every answer is 404.
"""

import asyncio

from aiohttp import web

from monitor.subscribe import CALLBACKS, PingAnswer, Subscribe

_CHUNK = 64 * 1024
_PATIENCE = 30.0
"""Seconds that a hub may take to send a body."""
# A ping that is ignored is answered like one that is heard, as W3C wants it: nobody can try signatures out.
_STATUS: dict[PingAnswer, int] = {
    "heard": 202,
    "ignored": 202,
    "unknown": 404,
    "ended": 410,
    "too_large": 413,
}


def callback_routes(subscribe: Subscribe) -> list[web.RouteDef]:
    """Return the routes of the callbacks that hubs were given."""

    async def verify(request: web.Request) -> web.Response:
        echo = await subscribe.answer(request.match_info["token"], dict(request.query))
        if echo is None:
            raise web.HTTPNotFound
        return web.Response(text=echo, headers={"X-Content-Type-Options": "nosniff"})

    async def ping(request: web.Request) -> web.Response:
        token, signature = request.match_info["token"], request.headers.get("X-Hub-Signature")
        try:
            async with asyncio.timeout(_PATIENCE):
                answer = await subscribe.ping(token, signature, request.content.iter_chunked(_CHUNK))
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except (web.RequestPayloadError, ConnectionError):
            raise web.HTTPBadRequest from None
        return web.Response(status=_STATUS[answer])

    path = f"{CALLBACKS}{{token}}"
    return [web.get(path, verify, allow_head=False), web.post(path, ping)]
