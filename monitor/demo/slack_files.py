"""The files of the Slack stand-in: three steps bring one in, and then blocks may show it.

    files.getUploadURLExternal ──► POST /upload/v1/SECRET ──► files.completeUploadExternal ──► looked through

Slack looks through a new file before it can be shown, and until then refuses blocks with its id. Files that
are shared by themselves, and images of other kinds than PNG, are unknown here.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiohttp import web

from monitor.demo.slack_arguments import Arguments
from monitor.demo.slack_state import SlackError

__all__ = ["Files", "StoredFile"]

_BIGGEST = 2**30
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """An upload as far as it has come; the last step sets ``shown_from``, in seconds since the epoch."""

    id: str
    name: str
    length: int
    alt_text: str | None = None
    title: str | None = None
    content: bytes | None = None
    shown_from: float | None = None


class Files:
    """Every file of the workspace; ``base`` says where the stand-in is, ``scan`` seconds pass after the last
    step until a file can be shown.
    """

    def __init__(self, base: Callable[[], str], *, scan: float) -> None:
        self._base = base
        self._scan = scan
        self._files: dict[str, StoredFile] = {}
        self._secrets: dict[str, str] = {}

    def all(self) -> list[StoredFile]:
        """Every file, in the order in which they were begun."""
        return list(self._files.values())

    def begin(self, args: Arguments, now: float) -> dict[str, Any]:
        """``files.getUploadURLExternal``: where the bytes go, and what the file will be called."""
        name, length = args.text("filename"), args.text("length")
        if not name or not length.isdecimal() or not 0 < int(length) <= _BIGGEST:
            raise SlackError("invalid_arguments")
        file = StoredFile(
            id=f"F0{len(self._files) + 1:09d}",
            name=name,
            length=int(length),
            alt_text=args.text("alt_txt") or None,
        )
        secret = secrets.token_urlsafe(16)
        self._files[file.id], self._secrets[secret] = file, file.id
        return {"upload_url": f"{self._base()}upload/v1/{secret}", "file_id": file.id}

    async def receive(self, request: web.Request) -> web.Response:
        """The bytes of a file, raw or as the first part of a form."""
        id_ = self._secrets.get(request.match_info["secret"])
        if id_ is None:
            return web.Response(status=404, text="no such upload")
        content = await _content(request)
        if len(content) != self._files[id_].length:
            return web.Response(status=400, text="not as long as announced")
        self._files[id_] = replace(self._files[id_], content=content)
        return web.Response(text=f"OK - {len(content)}")

    def complete(self, args: Arguments, now: float) -> dict[str, Any]:
        """``files.completeUploadExternal``: what was uploaded becomes the app's, shared with nobody."""
        args.refuse("blocks", "channel_id", "channels", "initial_comment", "thread_ts")
        files = args.structure("files", "invalid_arguments")
        if not isinstance(files, list) or not files or not all(isinstance(file, dict) for file in files):
            raise SlackError("invalid_arguments")
        known = [self._files.get(str(file.get("id"))) for file in files]
        for file, asked in zip(known, files, strict=True):
            if file is None or file.content is None or file.shown_from is not None:
                raise SlackError("file_not_found")
            self._files[file.id] = replace(
                file, title=str(asked.get("title") or file.name), shown_from=now + self._scan
            )
        return {"files": [{"id": file["id"], "title": self._files[file["id"]].title} for file in files]}

    def check(self, blocks: Sequence[Mapping[str, Any]], *, now: float) -> None:
        """Refuse blocks that show a file which is unknown, is no picture, or has not been looked through."""
        complaints = [
            f"[ERROR] invalid slack file [json-pointer:{pointer}]"
            for pointer, id_ in _shown(blocks, "/blocks")
            if not self._can_be_shown(id_, now)
        ]
        if complaints:
            raise SlackError("invalid_blocks", errors=complaints, response_metadata={"messages": complaints})

    async def serve(self, request: web.Request) -> web.Response:
        """The picture itself, for the page."""
        file = self._files.get(request.match_info["id"])
        if file is None or file.content is None:
            return web.Response(status=404)
        return web.Response(body=file.content, content_type="image/png")

    def _can_be_shown(self, id_: str, now: float) -> bool:
        file = self._files.get(id_)
        if file is None or file.content is None or file.shown_from is None:
            return False
        return file.shown_from <= now and file.content.startswith(_PNG)


async def _content(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    part = next(iter((await request.post()).values()), b"")
    return part.file.read() if isinstance(part, web.FileField) else b""


def _shown(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    """Yield every file that blocks show by its id, and where."""
    match value:
        case {"slack_file": {"id": str(id_)}}:
            yield f"{pointer}/slack_file", id_
        case Mapping():
            for key, member in value.items():
                yield from _shown(member, f"{pointer}/{key}")
        case list() | tuple():
            for number, member in enumerate(value):
                yield from _shown(member, f"{pointer}/{number}")
