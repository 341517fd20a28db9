"""The page of the Slack stand-in: its files, and the channels as data that the script draws.

The files are served apart because the page's policy allows no inline script or style.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from monitor.demo.slack_mrkdwn import emoji
from monitor.demo.slack_render import rendered
from monitor.demo.slack_state import Channel, StoredMessage, Workspace

__all__ = ["PAGE_FILES", "PAGE_HEADERS", "page_state", "serve_page_file"]

PAGE_FILES = {"/": "slack_page.html", "/slack_page.css": "slack_page.css", "/slack_page.js": "slack_page.js"}
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


async def serve_page_file(request: web.Request) -> web.FileResponse:
    """One of the page's own files."""
    return web.FileResponse(Path(__file__).with_name(PAGE_FILES[request.path]), headers=PAGE_HEADERS)


def page_state(workspace: Workspace, *, seen: str | None) -> dict[str, Any]:
    """Every channel as the page draws it; only the version when that is the one already ``seen``."""
    if seen == str(workspace.version):
        return {"version": workspace.version}
    channels = [_channel(channel) for channel in workspace.channels.values()]
    return {"version": workspace.version, "channels": channels}


def _channel(channel: Channel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "archived": channel.is_archived,
        "member": channel.is_member,
        "messages": [
            {**_message(message), "replies": [_message(reply) for reply in channel.replies(message.ts)]}
            for message in channel.timeline()
        ],
    }


def _message(message: StoredMessage) -> dict[str, Any]:
    return {
        "ts": message.ts,
        "author": message.author.name,
        "app": message.bot_id is not None,
        "edited": message.edited is not None,
        "deleted": message.deleted,
        "broadcast": message.broadcast,
        "blocks": [asdict(block) for block in rendered(message).blocks],
        "reactions": [
            {"glyph": emoji(name).text, "count": len(users)} for name, users in message.reactions.items()
        ],
    }
