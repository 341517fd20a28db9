"""The stand-in's page in a real Chromium."""

import asyncio
import os
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from browser import QUIET, opened
from PIL import Image
from service_parts import until
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn
from monitor.notify import open_listener
from monitor.records import Feedback

pytestmark = pytest.mark.slow

HOSTILE = "<img src=x onerror=document.title='owned'> <script>document.title='owned'</script>"


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have Chromium: apt-get install chromium")
        pytest.skip("no Chromium here; on Debian: apt-get install chromium")
    return found


async def dom(chromium: str, profile: Path, url: str) -> str:
    """The page as the browser has it after its scripts ran."""
    process = await asyncio.create_subprocess_exec(
        *(chromium, *QUIET, "--virtual-time-budget=4000", f"--user-data-dir={profile}", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    return output.decode()


async def test_the_page_shows_channels_and_messages_and_runs_nothing_of_theirs(
    standin: SlackStandIn, chromium: str, tmp_path: Path
) -> None:
    standin.say("isis-watch", "Cell uncovered in Mosul")
    standin.say("isis-watch", HOSTILE)
    page = await dom(chromium, tmp_path, f"{standin.url}#isis-watch")
    assert "Cell uncovered in Mosul" in page
    assert "news-alerts" in page, "the other channel is listed"
    assert "&lt;img src=x onerror" in page, "markup is shown as text"
    assert "<title>owned" not in page


async def test_the_page_shows_a_file_of_a_message(
    standin: SlackStandIn, slack: AsyncWebClient, chromium: str, tmp_path: Path
) -> None:
    data = BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    uploaded = await slack.files_upload_v2(filename="chart.png", content=data.getvalue())
    block = {"type": "image", "alt_text": "A chart", "slack_file": {"id": uploaded["file"]["id"]}}
    await slack.chat_postMessage(channel="isis-watch", text="a", blocks=[block])
    page = await dom(chromium, tmp_path, f"{standin.url}#isis-watch")
    assert f'src="/files/{uploaded["file"]["id"]}" alt="A chart"' in page


async def test_buttons_and_reactions_work(standin: SlackStandIn, chromium: str, tmp_path: Path) -> None:
    label = {"type": "plain_text", "text": "Acknowledge"}
    button = {"type": "button", "text": label, "action_id": "monitor_ack", "value": "d1"}
    slack = AsyncWebClient(token="xoxb-1", base_url=standin.api_url, retry_handlers=[])
    blocks = [{"type": "actions", "elements": [button]}]
    await slack.chat_postMessage(channel="news-alerts", text="a", blocks=blocks)
    heard: list[Feedback] = []

    async def take(feedback: Feedback) -> None:
        heard.append(feedback)

    async with (
        open_listener(standin.api_url, "xapp-1", "xoxb-1") as listener,
        opened(chromium, tmp_path, standin.url) as page,
    ):
        await page.comes("document.querySelector('button.button') !== null")
        await page.evaluate("document.querySelector('button.button').click()")
        await page.comes("document.querySelector('button.unheard') !== null")
        hearing = asyncio.create_task(listener.hear(take))
        await until(lambda: standin.sockets.connections == 1)
        await page.evaluate("document.querySelector('button.button').click()")
        await page.evaluate("document.querySelector('.picker button:last-child').click()")
        await until(lambda: len(heard) == 2)
        await page.comes("document.querySelector('.reactions') !== null")
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)
    assert {feedback.kind for feedback in heard} == {"ack", "vote_down"}
