"""The whole service as a process, between a feed server and a Slack stand-in that outlive it."""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from xml.sax.saxutils import escape

TOKEN, APP_TOKEN = "xoxb-test-canary", "xapp-test-canary"
MATCHING = [
    "Police arrest members of ISIS sleeper cell in Mosul",
    "Drone strike kills ISIS paymaster on desert road near Palmyra",
    "Islamic State gunmen ambush oil tankers outside Deir ez-Zor",
    "Iraqi jets bomb cave where ISIS fighters hid near Wadi al-Shay",
    "Suicide vests for ISIS attack on Shiite pilgrims seized in Karbala",
    "Tribal fighters repel Islamic State night raid on Diyala village",
    "ISIS smugglers who moved fighters across the Euphrates by boat held",
    "Airborne troops land in Anbar desert to hunt ISIS remnants",
    "ISIS bomb maker killed as his own device explodes in Hawija",
    "Sinjar farmers flee as ISIS sleeper cells burn wheat fields",
    "ISIS drone with grenades shot down over Ramadi barracks",
    "Kurdish forces storm al-Hol camp to arrest ISIS women recruiters",
    "Islamic State cell kidnaps truffle hunters east of Hama",
    "Counter-terrorism unit kills ISIS governor of Samarra in dawn raid",
]
"""Each is a story of its own, by its headline alone."""
SUMMARY = "Police arrested members of an ISIS sleeper cell that had planned attacks for Islamic State."
NOISE = ["Bakery wins prize for best sourdough loaf in town", "Home side draws after late penalty in derby"]


def rss(titles: list[str]) -> bytes:
    """A feed with an item per title, dated now, newest first; an unknown title has a summary that matches."""
    now = formatdate(time.time(), usegmt=True)
    summaries = dict.fromkeys(MATCHING, "") | dict.fromkeys(NOISE, "Nothing else happened.")
    items = []
    for number, title in enumerate(titles):
        items.append(
            f"<item><title>{escape(title)}</title><guid isPermaLink='false'>item-{number}</guid>"
            f"<link>https://outlet.example/{number}</link><pubDate>{now}</pubDate>"
            f"<description>{summaries.get(title, SUMMARY)}</description></item>"
        )
    return f"<rss version='2.0'><channel><title>Outlet</title>{''.join(items[::-1])}</channel></rss>".encode()


@dataclass
class Outlet:
    """A feed server of one feed; tests change ``body`` and ``headers``."""

    url: str
    body: bytes
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)


class Service:
    """Starts ``monitor`` as a process of its own, and ends it."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._log = config.parent / "stderr.log"
        self._processes: list[asyncio.subprocess.Process] = []

    async def start(self, verb: str = "run") -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "monitor", verb, "--config", str(self._config))
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command,
                env={
                    **os.environ,
                    "SLACK_BOT_TOKEN": TOKEN,
                    "SLACK_APP_TOKEN": APP_TOKEN,
                    "HF_HUB_OFFLINE": "1",
                },
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )
        self._processes.append(process)
        return process

    def log(self) -> str:
        """Everything the processes have written to standard error."""
        return self._log.read_text()

    async def end_all(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Wait for a condition; fail when it has not come true in a time that only a hang takes."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)
