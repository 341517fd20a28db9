"""Files of the Slack stand-in: uploaded by the real client, shown by blocks, refused as Slack refuses."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from PIL import Image
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from monitor.demo.slack import SlackStandIn
from monitor.demo.slack_methods import ALL_SCOPES
from monitor.demo.slack_render import rendered

CHANNEL = "news-alerts"
Connect = Callable[..., AsyncWebClient]


def picture() -> bytes:
    data = BytesIO()
    Image.new("RGBA", (2, 2), "#2f80d8").save(data, "PNG")
    return data.getvalue()


async def uploaded(slack: AsyncWebClient, content: bytes) -> str:
    """Upload by the client's own three steps."""
    answer = await slack.files_upload_v2(filename="chart.png", content=content, alt_txt="A chart")
    file: str = answer["file"]["id"]
    return file


def image(file: str, **changes: Any) -> dict[str, Any]:
    return {"type": "image", "alt_text": "A chart", "slack_file": {"id": file}} | changes


async def refusal(slack: AsyncWebClient, *blocks: dict[str, Any]) -> str:
    with pytest.raises(SlackApiError) as refused:
        await slack.chat_postMessage(channel=CHANNEL, text="a", blocks=blocks)
    assert refused.value.response["error"] == "invalid_blocks"
    return str(refused.value.response["errors"])


async def test_a_file_that_was_uploaded_can_be_shown(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    file = await uploaded(slack, picture())
    await slack.chat_postMessage(channel=CHANNEL, text="a", blocks=[image(file)])
    (stored,) = standin.messages(CHANNEL)
    (paragraph,) = rendered(stored).blocks[0].paragraphs
    assert (paragraph.kind, paragraph.file, rendered(stored).text) == ("image", file, "A chart")
    assert rendered(stored).links == ()
    async with aiohttp.ClientSession(standin.url) as session, session.get(f"/files/{file}") as response:
        assert (response.content_type, await response.read()) == ("image/png", picture())
    assert [known.content for known in standin.files()] == [picture()]


async def test_a_form_brings_a_file_too(slack: AsyncWebClient, standin: SlackStandIn) -> None:
    place = await slack.files_getUploadURLExternal(filename="a.png", length=len(picture()))
    form = aiohttp.FormData()
    form.add_field("filename", picture(), filename="a.png")
    async with aiohttp.ClientSession() as session, session.post(place["upload_url"], data=form) as response:
        assert response.status == 200
    assert [known.content for known in standin.files()] == [picture()]


@pytest.mark.parametrize("how_far", ["unknown", "begun", "uploaded", "no picture"])
async def test_a_file_that_is_not_there_cannot_be_shown(slack: AsyncWebClient, how_far: str) -> None:
    file = "F0NOWHERE1"
    if how_far == "no picture":
        file = await uploaded(slack, b"plain text")
    elif how_far != "unknown":
        place = await slack.files_getUploadURLExternal(filename="a.png", length=len(picture()))
        file = place["file_id"]
        if how_far == "uploaded":
            async with aiohttp.ClientSession() as session:
                await session.post(place["upload_url"], data=picture())
    told = await refusal(slack, {"type": "divider"}, image(file))
    assert "invalid slack file [json-pointer:/blocks/1/slack_file]" in told


async def test_a_new_file_is_looked_through_first(connect: Connect, clock: Any) -> None:
    async with SlackStandIn([CHANNEL], scan=5, burst=None, clock=clock) as standin:
        slack = connect(standin)
        file = await uploaded(slack, picture())
        assert "invalid slack file" in await refusal(slack, image(file))
        posted = await slack.chat_postMessage(channel=CHANNEL, text="a")
        with pytest.raises(SlackApiError, match="invalid slack file"):
            await slack.chat_update(
                channel=posted["channel"], ts=posted["ts"], text="a", blocks=[image(file)]
            )
        clock.now += 5
        await slack.chat_postMessage(channel=CHANNEL, text="a", blocks=[image(file)])


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (image("x"), "input must match regex pattern"),
        (image("F0NOWHERE1", slack_file={"url": "https://a.example/"}), "by their `id` only"),
        (image("F0NOWHERE1", slack_file="F0NOWHERE1"), "by their `id` only"),
        (image("F0NOWHERE1", image_url="https://a.example/"), "either `image_url` or `slack_file`"),
        ({"type": "image", "alt_text": "a"}, "either `image_url` or `slack_file`"),
        (image("F0NOWHERE1", alt_text=""), "must be more than 0 characters"),
    ],
)
async def test_a_malformed_image_is_refused(
    slack: AsyncWebClient, block: dict[str, Any], complaint: str
) -> None:
    assert complaint in await refusal(slack, block)


@pytest.mark.parametrize("length", [0, -1, 2**31])
async def test_an_upload_of_no_length_is_refused(slack: AsyncWebClient, length: int) -> None:
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await slack.files_getUploadURLExternal(filename="a.png", length=length)


async def test_bytes_must_be_as_many_as_announced_and_come_where_they_belong(
    slack: AsyncWebClient, standin: SlackStandIn
) -> None:
    place = await slack.files_getUploadURLExternal(filename="a.png", length=3)
    async with aiohttp.ClientSession() as session:
        assert (await session.post(place["upload_url"], data=b"four")).status == 400
        assert (await session.post(f"{standin.url}upload/v1/guessed", data=b"abc")).status == 404
        assert (await session.get(f"{standin.url}files/{place['file_id']}")).status == 404
    with pytest.raises(SlackApiError, match="file_not_found"):
        await slack.files_completeUploadExternal(files=[{"id": place["file_id"]}])


async def test_a_file_is_completed_once_and_shared_with_nobody(slack: AsyncWebClient) -> None:
    file = await uploaded(slack, picture())
    with pytest.raises(SlackApiError, match="file_not_found"):
        await slack.files_completeUploadExternal(files=[{"id": file}])
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await slack.files_completeUploadExternal(files=[{"id": file}], channel_id="C0000000001")
    with pytest.raises(SlackApiError, match="invalid_arguments"):
        await slack.api_call("files.completeUploadExternal", json={"files": []})


async def test_uploading_needs_its_scope(connect: Connect) -> None:
    async with SlackStandIn([CHANNEL], scopes=set(ALL_SCOPES) - {"files:write"}) as standin:
        with pytest.raises(SlackApiError, match="files:write"):
            await connect(standin).files_getUploadURLExternal(filename="a.png", length=1)
