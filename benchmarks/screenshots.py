"""Takes the pictures of docs/images again: the real pipeline's messages on the stand-in's page, in Chromium.

    PYTHONPATH=.:tests python benchmarks/screenshots.py [FOLDER]

The events and outlets are those of the tests in tests/service; nothing on the pictures is made by hand.
"""

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from io import BytesIO
from itertools import islice, product
from pathlib import Path

from browser import Page, opened
from forty import BETWEEN, TOLD, TOPIC
from newsroom import HOUR, MINUTE, Newsroom, newsroom
from PIL import Image
from service_parts import until
from threehundred import TOPICS, three_hundred, world_desk

OUTLETS = [
    f"{where}-{what}"
    for what, where in product(
        ("mail", "post", "times", "echo", "herald"),
        ("calder", "northern", "harbour", "valley", "coast", "island", "metro", "evening"),
    )
]
WIDTH = 1000
LAST = "document.querySelector('#messages > .message:last-child')"
FIRST = "document.querySelector('#messages > .message')"
URGENT = """\
routes:
  - {name: Duty officer, sources: 2, to: ["#duty"], level: urgent, mention: here, remind_after: 30m}
"""
DIGEST = """\
routes: []
channels:
  '#desk': {time_zone: UTC, digests: ['daily 08:00']}
"""
WEEK = {"Strikes": "Strike", "Power cuts": "Power cut", "Data leaks": "Hackers"}
A_DAY = (3, 5, 2, 6, 4, 7)
"""Stories of each of the days that the digest's chart shows, but for the last."""
NEARLY = "Teenager finds hole in data protection of toy museum"


async def main(folder: Path) -> None:
    for take in (a_story, an_urgent_story, a_digest, a_burst):
        with tempfile.TemporaryDirectory() as scratch:
            async with newsroom(Path(scratch), OUTLETS) as room:
                await take(room, folder)


async def a_story(room: Newsroom, folder: Path) -> None:
    """A story when it is new, and with its thread."""
    room.write(TOPIC)
    async with room.running(), page_of(room) as page:
        await room.after(MINUTE)
        await tell(room, TOLD[:1])
        await page.comes(LAST + " !== null")
        save(folder / "new-story.png", await page.picture(LAST))
        for number, told in enumerate(TOLD[1:20], start=1):
            await tell(room, [told], first=number)
        await room.after(15 * MINUTE)
        await page.comes(FIRST + ".textContent.includes('20 items')")
        await page.evaluate(FIRST + ".querySelector('details').open = true")
        save(folder / "grown-story.png", await page.picture(FIRST, most=1000))


async def an_urgent_story(room: Newsroom, folder: Path) -> None:
    """An urgent story, before and after somebody has acknowledged it."""
    room.write(TOPIC, routes=URGENT)
    room.listening = True
    async with room.running(), page_of(room, "duty") as page:
        await until(lambda: room.slack.sockets.connections == 1)
        await room.after(MINUTE)
        await tell(room, TOLD[:2])
        await room.after(31 * MINUTE)
        await page.comes("document.querySelectorAll('#messages > .message').length == 2")
        before = await page.picture(FIRST, LAST)
        await page.evaluate("document.querySelector('button.button').click()")
        await page.comes("!document.querySelector('button.button').disabled")
        await room.after(MINUTE)
        await page.comes(FIRST + ".textContent.includes('Acknowledged')")
        save(folder / "urgent-story.png", before, await page.picture(FIRST))


async def a_digest(room: Newsroom, folder: Path) -> None:
    """A digest after a week of stories."""
    room.write(world_desk(*WEEK), routes=DIGEST)
    (room.folder / "watchlists" / "industry.yaml").write_text(TOPIC)
    headlines = [title for title in three_hundred() if title.startswith(tuple(WEEK.values()))]
    stories = iter(headlines)
    async with room.running(), page_of(room) as page:
        await room.after(MINUTE)
        for number in A_DAY:
            for outlet in range(number):
                room.publish(OUTLETS[outlet], next(stories))
            await room.after(MINUTE)
            await room.after(24 * HOUR - MINUTE)
        for outlet, title in enumerate([*islice(stories, 4), NEARLY], start=20):
            room.publish(OUTLETS[outlet], title)
        await tell(room, TOLD[:12])
        await room.after(22 * HOUR)
        await page.comes(LAST + ".textContent.includes('digest, 30 Nov')")
        await page.comes(LAST + ".querySelector('img')?.naturalHeight > 0")
        save(folder / "digest.png", await page.picture(LAST))


async def a_burst(room: Newsroom, folder: Path) -> None:
    """Three hundred stories within a few minutes."""
    room.write(TOPICS)
    headlines = three_hundred()
    async with room.running(), page_of(room) as page:
        await room.after(MINUTE)
        for poll in range(3):
            for headline in headlines[100 * poll : 100 * poll + 100]:
                room.publish("northern-post", headline)
            await room.after(2 * MINUTE)
        await room.after(HOUR)
        await page.comes(
            LAST + ".textContent.includes('280 stories') && " + LAST + ".textContent.includes('13 replies')"
        )
        save(folder / "burst.png", await page.picture(LAST))


async def tell(
    room: Newsroom, told: Sequence[tuple[str, str]], *, first: int = 0, wait: timedelta = BETWEEN
) -> None:
    for number, (title, summary) in enumerate(told, start=first):
        room.publish(OUTLETS[number], title, summary)
        await room.after(wait)


@asynccontextmanager
async def page_of(room: Newsroom, channel: str = "desk") -> AsyncIterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "on Debian: apt-get install chromium"
    with tempfile.TemporaryDirectory() as profile:
        async with opened(chromium, Path(profile), f"{room.slack.url}#{channel}") as page:
            size = {"width": WIDTH, "height": 3000, "deviceScaleFactor": 1, "mobile": False}
            await page.call("Emulation.setDeviceMetricsOverride", **size)
            await page.call("Emulation.setTimezoneOverride", timezoneId="UTC")
            yield page


def save(file: Path, *pictures: bytes) -> None:
    """Write pictures below one another."""
    opened_ = [Image.open(BytesIO(picture)).convert("RGB") for picture in pictures]
    size = max(one.width for one in opened_), sum(one.height for one in opened_)
    whole, top = Image.new("RGB", size, "white"), 0
    for one in opened_:
        whole.paste(one, (0, top))
        top += one.height
    whole.quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    asyncio.run(main(parser.parse_args().folder))
