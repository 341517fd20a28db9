"""Targets beside Slack: their names, their secrets, and what happens when one is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from builders import HOUR, NOW, TOKEN, delivery, new_delivery, opened, stored_deliveries
from receiver import free_port_address, receiving

from monitor import explain
from monitor.configuration import Configuration
from monitor.demo.show import AllInSlack
from monitor.demo.slack import SlackStandIn
from monitor.errors import ConfigurationError, MonitorError
from monitor.fields import channel_of
from monitor.notify import open_slack
from monitor.records import AppriseTarget, Posted, Receipt, WebhookTarget
from monitor.settings import Settings, SlackSettings, StorageSettings, target_of
from monitor.targets import named_channels, read_targets, send_test

REPOSITORY = Path(__file__).parents[1]
SECRET = "canary-0123456789"
HOOK = {"WEBHOOK_OPS_URL": "https://hook.example/canary", "WEBHOOK_OPS_SECRET": SECRET}


def config(channel: str) -> Configuration:
    slack = SlackSettings(channel="#news", ops_channel=channel)
    return Configuration(settings=Settings(slack=slack), feeds=(), topics=(), warnings=())


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["apprise://ops", "webhook://duty-desk-2", "apprise://" + "a" * 40])
def test_a_target_has_a_name(channel: str) -> None:
    assert channel_of(channel) == channel


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("mailto://user:canary@host", "an Apprise URL is a secret .* APPRISE_NAME"),
        ("tgram://canary/1", "an Apprise URL is a secret .* APPRISE_NAME_FILE"),
        ("apprise://mailto://u:canary@host", "an Apprise URL is a secret"),
        ("apprise://Canary", "apprise://NAME, with a NAME of small letters"),
        ("apprise://" + "a" * 41, "apprise://NAME"),
        ("apprise://", "apprise://NAME"),
        ("https://hook.example/canary", "a web address is a secret .* WEBHOOK_NAME_URL"),
        ("HTTPS://hook.example/canary", "webhook://NAME"),
        ("webhook://hook.example/canary", "WEBHOOK_NAME_SECRET"),
        ("webhook://-canary", "webhook://NAME"),
    ],
)
def test_an_address_is_refused_and_not_shown(channel: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        channel_of(channel)
    assert "canary" not in str(caught.value).lower()


# --- secrets -----------------------------------------------------------------------------------------


def test_secrets_come_from_variables_or_files(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text("json://a.example\n  mailto://u:canary@b.example\n")
    expected = AppriseTarget(
        channel="apprise://duty-desk", urls=("json://a.example", "mailto://u:canary@b.example")
    )
    assert target_of("apprise://duty-desk", {"APPRISE_DUTY_DESK_FILE": str(file)}) == expected
    assert target_of("apprise://duty-desk", {"APPRISE_DUTY_DESK": file.read_text()}) == expected
    webhook = WebhookTarget(channel="webhook://ops", url=HOOK["WEBHOOK_OPS_URL"], secret=SECRET)
    assert target_of("webhook://ops", HOOK) == webhook
    assert "canary" not in f"{expected!r} {webhook!r}"
    assert target_of("#news", HOOK) is None


@pytest.mark.parametrize(
    ("channel", "changed", "expected"),
    [
        (
            "apprise://ops",
            {},
            "APPRISE_OPS: not set, and apprise://ops is named; set it, or APPRISE_OPS_FILE",
        ),
        ("apprise://ops", {"APPRISE_OPS": "canary"}, "APPRISE_OPS: every URL of Apprise has a scheme"),
        ("apprise://ops", {"APPRISE_OPS": "json://canä"}, "APPRISE_OPS: this must be one line of ASCII"),
        ("apprise://ops", {"APPRISE_OPS": "a", "APPRISE_OPS_FILE": "b"}, "APPRISE_OPS_FILE is set too"),
        ("webhook://ops", {"WEBHOOK_OPS_URL": ""}, "WEBHOOK_OPS_URL: not set, and webhook://ops is named"),
        ("webhook://ops", {"WEBHOOK_OPS_SECRET": ""}, "WEBHOOK_OPS_SECRET: not set"),
        (
            "webhook://ops",
            {"WEBHOOK_OPS_URL": "canary.example"},
            "WEBHOOK_OPS_URL: this is not a web address",
        ),
        ("webhook://ops", {"WEBHOOK_OPS_URL": "ftp://canary"}, "WEBHOOK_OPS_URL: this is not a web address"),
        (
            "webhook://ops",
            {"WEBHOOK_OPS_URL": "http://[canary"},
            "WEBHOOK_OPS_URL: this is not a web address",
        ),
        ("webhook://ops", {"WEBHOOK_OPS_SECRET": "canary"}, "WEBHOOK_OPS_SECRET: this is too short"),
        ("webhook://ops", {"WEBHOOK_OPS_SECRET": SECRET + " x"}, "WEBHOOK_OPS_SECRET: this must be one line"),
    ],
)
def test_a_secret_of_no_use_is_a_problem_that_does_not_show_it(
    channel: str, changed: dict[str, str], expected: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"^environment:1:1: ") as caught:
        target_of(channel, HOOK | changed)
    assert expected in str(caught.value)
    assert "canary" not in repr(caught.value)


def test_all_that_is_missing_is_told_at_once() -> None:
    channels = {"#news", "apprise://a", "apprise://b", "webhook://ops"}
    with pytest.raises(ConfigurationError) as caught:
        read_targets(channels, HOOK)
    told = [problem.message.partition(":")[0] for problem in caught.value.problems]
    assert told == ["APPRISE_A", "APPRISE_B"]
    assert len(read_targets(channels, HOOK | {"APPRISE_A": "json://a", "APPRISE_B": "json://b"})) == 3


def test_every_channel_of_the_configuration_counts() -> None:
    assert named_channels(config("webhook://ops")) == {"#news", "webhook://ops"}


def test_explain_links_to_messages_in_slack_only(database_file: Path) -> None:
    with opened(database_file) as storage:
        stored_deliveries(storage, new_delivery(1, "webhook://ops"))
        storage.deliveries.record_receipt("d1", Receipt(channel="webhook://ops", ts="d1"), NOW)
    stored = Settings(storage=StorageSettings(url=f"sqlite:///{database_file}"))
    watched = Configuration(settings=stored, feeds=(), topics=(), warnings=())
    told = explain.lines(watched, explain.histories(watched, "https://wire.example/1"))
    assert "    webhook://ops: sent" in told


async def test_the_demo_shows_every_target_in_its_slack() -> None:
    async with (
        SlackStandIn((), token=TOKEN, create_channels=True, burst=None) as standin,
        open_slack(standin.api_url, TOKEN) as slack,
    ):
        outcome = await AllInSlack(slack).post(delivery(channel="webhook://ops"))
        assert isinstance(outcome, Posted)
        assert len(standin.messages("webhook-ops")) == 1


# --- a test message ----------------------------------------------------------------------------------


async def test_a_test_message_arrives() -> None:
    async with receiving() as receiver:
        environ = HOOK | {"WEBHOOK_OPS_URL": f"http://{receiver.address}/"}
        await send_test(config("#ops"), "webhook://ops", environ, lambda: NOW)
        await send_test(config("#ops"), "webhook://ops", environ, lambda: NOW + HOUR)
    first, second = (json.loads(request.body) for request in receiver.requests)
    assert (first["kind"], first["message"]["type"], first["time"]) == ("post", "notice", NOW.isoformat())
    assert first["id"] != second["id"]


async def test_a_test_message_that_fails_says_why() -> None:
    environ = HOOK | {"WEBHOOK_OPS_URL": f"http://{free_port_address()}/"}
    with pytest.raises(MonitorError, match="webhook://ops: cannot reach the webhook: Connection refused"):
        await send_test(config("#ops"), "webhook://ops", environ, lambda: NOW)


# --- the command line --------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watchlists").mkdir()
    (tmp_path / "feeds.yaml").write_text("feeds:\n  - {url: https://outlet.example/feed, tags: [world]}\n")
    (tmp_path / "watchlists" / "desk.yaml").write_text(
        "watchlist: Desk\nchannel: webhook://ops\ntopics:\n  - {id: a, name: A, about: [Something happens]}\n"
    )
    return tmp_path


def monitor(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    others = ("MONITOR__", "SLACK_", "WEBHOOK_", "APPRISE_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return subprocess.run(
        [sys.executable, "-m", "monitor", *arguments, "--config", "."],
        env={**clean, "PYTHONPATH": str(REPOSITORY), **environ},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_warns_of_a_missing_secret(folder: Path) -> None:
    checked = monitor(folder, "check")
    assert checked.returncode == 0
    assert checked.stderr.startswith("environment:1:1: warning: WEBHOOK_OPS_URL: not set")
    assert monitor(folder, "check", **HOOK).stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "once"])
def test_the_service_does_not_start_without_a_secret(folder: Path, verb: str) -> None:
    refused = monitor(folder, verb)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "environment:1:1: WEBHOOK_OPS_URL: not set, and webhook://ops is named" in refused.stderr
    assert not (folder / "data").exists()


@pytest.mark.slow
def test_the_command_says_what_became_of_a_test_message(folder: Path) -> None:
    sent = monitor(folder, "notify-test", "#news")
    assert sent.returncode == 0
    assert sent.stdout.endswith("#news: posted\n")
    assert "test message" in sent.stdout
    failed = monitor(folder, "notify-test", "webhook://ops", **HOOK)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "monitor: webhook://ops: cannot reach the webhook: " in failed.stderr
    assert "canary" not in failed.stderr
    assert monitor(folder, "notify-test", "apprise://ops").returncode == 2
    refused = monitor(folder, "notify-test", "mailto://user:canary@host")
    assert refused.returncode == 2
    assert "canary" not in refused.stderr
