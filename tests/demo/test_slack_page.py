"""The Slack stand-in from outside: its control address, its page, and its own process."""

import asyncio
import os
import signal
import sys
from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn

CHANNEL = "news-alerts"


async def test_control_from_another_process(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    async with aiohttp.ClientSession(base_url=standin.url) as session:

        async def put(fault: dict[str, Any]) -> int:
            async with session.post("/control/faults", json=fault) as response:
                return response.status

        for bad in ({"kind": "earthquake"}, {"sort": "down"}, {"kind": "kicked", "channel": "nowhere"}):
            assert await put(bad) == 400
        assert await put({"kind": "drop_after"}) == 200
        assert await put({"kind": "archived", "channel": "isis-watch"}) == 200
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await slack.chat_postMessage(channel=CHANNEL, text="a")
        assert await put({"kind": "down"}) == 200
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await slack.chat_postMessage(channel=CHANNEL, text="a")
        state = await (await session.get("/control/state")).json()
        async with session.delete("/control/faults") as response:
            assert response.status == 200
        await slack.chat_postMessage(channel=CHANNEL, text="b")
        recovered = await (await session.get("/control/state")).json()
    assert state["requests"] == {"chat.postMessage": 2}
    assert [fault["kind"] for fault in state["faults"]] == ["down"]
    assert [channel["is_archived"] for channel in state["channels"]] == [False, True]
    assert [message["text"] for message in state["channels"][0]["messages"]] == ["a"]
    assert recovered["faults"] == []
    assert [channel["is_archived"] for channel in recovered["channels"]] == [False, False]


async def test_the_page_and_its_files_come_under_a_strict_policy(standin: SlackStandIn) -> None:
    async with aiohttp.ClientSession(base_url=standin.url) as session:
        bodies = []
        for path in ("/", "/slack_page.css", "/slack_page.js", "/page/state"):
            response = await session.get(path)
            assert response.status == 200
            assert response.headers["Content-Security-Policy"].startswith("default-src 'self'")
            bodies.append(await response.text())
    assert "style=" not in bodies[0]
    assert "//" not in bodies[0].replace("<!doctype", "")
    assert "innerHTML" not in bodies[2]


async def test_the_page_hears_of_changes(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    async with aiohttp.ClientSession(base_url=standin.url) as session:

        async def look(version: int | None = None) -> dict[str, Any]:
            params = {} if version is None else {"version": str(version)}
            state: dict[str, Any] = await (await session.get("/page/state", params=params)).json()
            return state

        before = await look()
        assert await look(before["version"]) == {"version": before["version"]}
        parent = await slack.chat_postMessage(channel=CHANNEL, text="*a*")
        await slack.chat_postMessage(channel=CHANNEL, text="b", thread_ts=parent["ts"])
        (message,) = (await look(before["version"]))["channels"][0]["messages"]
    (span,) = message["blocks"][0]["paragraphs"][0]["spans"]
    assert (span["text"], span["styles"]) == ("a", ["bold"])
    assert len(message["replies"]) == 1


async def test_on_its_own_until_told_to_stop() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "monitor.demo.slack", "--port", "0", "--channel", "one", "two"),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).decode().split()
    try:
        slack = AsyncWebClient(token="any", base_url=line[-1], retry_handlers=[])
        await slack.chat_postMessage(channel="two", text="a")
        async with aiohttp.ClientSession() as session, session.get(line[-3]) as response:
            assert response.status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
