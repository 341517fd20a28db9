import asyncio

from builders import CHANNELS, NOW, TOKEN, delivery
from receiver import receiving

from monitor.demo.slack import SlackStandIn
from monitor.notify import open_notifiers, open_slack
from monitor.records import AppriseTarget, NotPosted, Posted, Target, WebhookTarget

SLACK, WEBHOOK, APPRISE = "#news-alerts", "webhook://ops", "apprise://ops"


def targets(hooked: str, noted: str) -> list[Target]:
    return [
        WebhookTarget(channel=WEBHOOK, url=f"http://{hooked}/", secret="s" * 16),
        AppriseTarget(channel=APPRISE, urls=(f"json://{noted}/?rto=60",)),
    ]


async def test_each_channel_leads_to_its_own_target() -> None:
    async with (
        SlackStandIn(CHANNELS, token=TOKEN, burst=None) as slack,
        receiving() as hooked,
        receiving() as noted,
        open_notifiers(
            open_slack(slack.api_url, TOKEN), targets(hooked.address, noted.address), now=lambda: NOW
        ) as notifier,
    ):
        for channel in (SLACK, WEBHOOK, APPRISE):
            assert isinstance(await notifier.post(delivery(channel=channel)), Posted)
        posted = (len(slack.messages("news-alerts")), len(hooked.requests), len(noted.requests))
        assert posted == (1, 1, 1)
        gone = delivery(channel="webhook://gone")
        nobody = NotPosted(reason="the configuration does not name webhook://gone any more")
        assert await notifier.post(gone) == await notifier.look_up(gone) == nobody


async def test_a_target_that_hangs_holds_up_nobody_else() -> None:
    async with (
        SlackStandIn(CHANNELS, token=TOKEN, burst=None) as slack,
        receiving() as hanging,
        receiving() as noted,
        open_notifiers(
            open_slack(slack.api_url, TOKEN),
            [
                *targets(hanging.address, noted.address),
                AppriseTarget(channel="apprise://slow", urls=(f"json://{hanging.address}/?rto=60",)),
            ],
            now=lambda: NOW,
        ) as notifier,
    ):
        hanging.gate.clear()
        slow = [
            asyncio.create_task(notifier.post(delivery(channel=channel)))
            for channel in (WEBHOOK, "apprise://slow")
        ]
        for _ in slow:
            await hanging.arrived.get()
        for channel in (SLACK, APPRISE):
            assert isinstance(await notifier.post(delivery(channel=channel)), Posted)
        assert not any(task.done() for task in slow)
        hanging.gate.set()
        assert all(isinstance(outcome, Posted) for outcome in await asyncio.gather(*slow))
