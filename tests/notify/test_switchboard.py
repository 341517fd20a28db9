from builders import CHANNELS, NOW, TOKEN, delivery
from receiver import receiving

from monitor.demo.slack import SlackStandIn
from monitor.notify import open_notifiers, open_slack
from monitor.records import AppriseTarget, NotPosted, Posted, WebhookTarget


async def test_each_channel_leads_to_its_own_target() -> None:
    async with (
        SlackStandIn(CHANNELS, token=TOKEN, burst=None) as slack,
        receiving() as hooked,
        receiving() as noted,
    ):
        targets = [
            WebhookTarget(channel="webhook://ops", url=f"http://{hooked.address}/", secret="s" * 16),
            AppriseTarget(channel="apprise://ops", urls=(f"json://{noted.address}/",)),
        ]
        async with open_notifiers(open_slack(slack.api_url, TOKEN), targets, now=lambda: NOW) as notifier:
            for channel in ("#news-alerts", "webhook://ops", "apprise://ops"):
                assert isinstance(await notifier.post(delivery(channel=channel)), Posted)
            gone = delivery(channel="webhook://gone")
            nobody = NotPosted(reason="the configuration does not name webhook://gone any more")
            assert await notifier.post(gone) == await notifier.look_up(gone) == nobody
        posted = (len(slack.messages("news-alerts")), len(hooked.requests), len(noted.requests))
        assert posted == (1, 1, 1)
