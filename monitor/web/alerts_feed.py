"""Where other tools subscribe to what the topics of a watchlist were told.

``/watchlists`` lists the watchlists, ``/watchlists/NAME/alerts.atom`` and ``alerts.json`` are their feeds.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import ETag, web

from monitor.alertfeed import ATOM, JSON, AlertFeed, alert_feed, as_atom, as_json_feed, slugs
from monitor.records import Topic
from monitor.storage import AlertFeedStore
from monitor.threads import OwnThread

__all__ = ["AlertFeeds", "alert_feed_routes"]

ENTRIES = 100
_FORMATS: Mapping[str, tuple[str, Callable[[AlertFeed], bytes]]] = {
    ATOM: ("application/atom+xml", as_atom),
    JSON: ("application/feed+json", as_json_feed),
}
# Who asks again must hear of a story that has grown.
_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFeeds:
    """What the feeds are made of; without ``public_url`` they are where they are asked for."""

    store: AlertFeedStore
    topics: Sequence[Topic]
    public_url: str | None


def alert_feed_routes(feeds: AlertFeeds, database: OwnThread) -> list[web.RouteDef]:
    """Return the routes of the feeds and of their index."""
    watchlists = slugs({topic.watchlist for topic in feeds.topics})

    async def index(request: web.Request) -> web.Response:
        listed = [_listed(name, _address(request, feeds, slug)) for slug, name in watchlists.items()]
        return web.json_response(sorted(listed, key=lambda entry: entry["name"]), headers=_HEADERS)

    async def feed(request: web.Request) -> web.Response:
        slug = request.match_info["slug"]
        name = watchlists.get(slug)
        if name is None:
            raise web.HTTPNotFound
        topics = {topic.id: topic for topic in feeds.topics if topic.watchlist == name}
        told = await database(feeds.store.told, frozenset(topics), ENTRIES)
        regrouped_at = await database(feeds.store.regrouped_at)
        address, (content_type, written) = (
            _address(request, feeds, slug),
            _FORMATS[request.path.rpartition("/")[2]],
        )

        def document() -> tuple[AlertFeed, bytes]:
            made = alert_feed(name, slug, address, told, topics, regrouped_at)
            return made, written(made)

        # Finding a large story's sources takes a while, and the loop has more to do.
        made, body = await asyncio.to_thread(document)
        return _answer(request, body, content_type, made.updated if told else None)

    paths = [web.get(f"/watchlists/{{slug}}/{name}", feed) for name in _FORMATS]
    return [web.get("/watchlists", index), *paths]


def _listed(name: str, address: str) -> dict[str, str]:
    return {"name": name, "atom": f"{address}/{ATOM}", "json": f"{address}/{JSON}"}


def _address(request: web.Request, feeds: AlertFeeds, slug: str) -> str:
    base = feeds.public_url or f"{request.scheme}://{request.host}"
    return f"{base.rstrip('/')}/watchlists/{slug}"


def _answer(request: web.Request, body: bytes, content_type: str, changed: datetime | None) -> web.Response:
    tag = ETag(value=hashlib.sha256(body).hexdigest()[:32])
    response = web.Response(headers=_HEADERS)
    response.etag, response.last_modified = tag, changed
    if _known(request, tag, changed):
        response.set_status(304)
    else:
        response.body, response.content_type = body, content_type
        response.charset = "utf-8"
    return response


def _known(request: web.Request, tag: ETag, changed: datetime | None) -> bool:
    """Say whether who asks has this very answer; a date is only asked where there is no tag."""
    if (tags := request.if_none_match) is not None:
        return any(known.value in (tag.value, "*") for known in tags)
    since = request.if_modified_since
    return since is not None and changed is not None and changed.replace(microsecond=0) <= since
