"""Uploads digests' charts to Slack, privately: only the message that shows a chart shares it.

    files.getUploadURLExternal ──► POST the bytes ──► files.completeUploadExternal, without a channel

A digest is worth more than its chart: whatever goes wrong here costs the chart alone, and is logged once.
"""

import asyncio
import logging
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from monitor.notify.charts import chart_png
from monitor.records import Delivery, Digest

logger = logging.getLogger(__name__)

PATIENCE = 30.0
"""Seconds that Slack may take to look through a new file; until then it refuses blocks that show it."""
FILE_NAME = "digest.png"
ALT_TEXT = "Stories per day, by topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """A delivery's file in Slack, None once it has been given up; ``at`` is in the loop's seconds."""

    delivery: str
    file: str | None
    at: float


class Charts:
    """The charts of digests that are being posted: each is uploaded once, however often its message is tried.

    A channel's messages go one by one, so that its last upload is all there is to remember.
    """

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client
        self._uploads: dict[str, _Upload] = {}

    async def uploaded(self, delivery: Delivery) -> str | None:
        """Return the id of the file with a digest's chart, None if there is none to show."""
        if not isinstance(delivery.message, Digest):
            return None
        known = self._uploads.get(delivery.channel)
        if known is not None and known.delivery == delivery.id:
            return known.file
        try:
            chart = await asyncio.to_thread(chart_png, delivery.message)
            if chart is None:
                return None
            file = await self._upload(chart)
        except Exception as error:  # noqa: BLE001 - whatever it is, the digest goes without
            _log_missing(delivery, f"{type(error).__name__}: {error}")
            return None
        self._remember(delivery, file)
        return file

    def may_come(self, delivery: Delivery) -> bool:
        """Say whether a chart that Slack refuses to show may yet be shown; if not, it is given up."""
        if asyncio.get_running_loop().time() - self._uploads[delivery.channel].at < PATIENCE:
            return True
        _log_missing(delivery, "Slack does not show it")
        self._remember(delivery, None)
        return False

    def _remember(self, delivery: Delivery, file: str | None) -> None:
        now = asyncio.get_running_loop().time()
        self._uploads[delivery.channel] = _Upload(delivery=delivery.id, file=file, at=now)

    async def _upload(self, chart: bytes) -> str:
        place = await self._client.files_getUploadURLExternal(
            filename=FILE_NAME, length=len(chart), alt_txt=ALT_TEXT
        )
        assert self._client.session is not None
        async with self._client.session.post(place["upload_url"], data=chart) as answer:
            if not answer.ok:
                # aiohttp's own error would tell the address, which is as good as a password.
                raise ConnectionError(f"HTTP {answer.status}")
        file: str = place["file_id"]
        await self._client.files_completeUploadExternal(files=[{"id": file, "title": FILE_NAME}])
        return file


def _log_missing(delivery: Delivery, reason: str) -> None:
    logger.warning("digest_without_chart", extra={"delivery": delivery.id, "reason": reason})
