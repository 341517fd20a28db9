"""Settings: defaults, what the file may say, what the environment says over it, and secrets."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from monitor.errors import ConfigurationError
from monitor.settings import (
    FetchSettings,
    Settings,
    fetch_proxy,
    read_settings,
    slack_app_token,
    slack_bot_token,
)


def read(folder: Path, text: str = "", **environ: str) -> tuple[Settings, list[str]]:
    if text:
        (folder / "monitor.yaml").write_text(text, encoding="utf-8")
    settings, problems = read_settings(folder / "monitor.yaml", environ)
    return settings, [str(problem).removeprefix(f"{folder}/") for problem in problems]


def test_without_a_file_the_defaults_hold(tmp_path: Path) -> None:
    settings, problems = read(tmp_path)
    assert problems == []
    assert (settings.storage.url, settings.storage.keep) == ("sqlite:///data/monitor.db", None)
    assert settings.encoder.model == "all-MiniLM-L6-v2"
    assert settings.slack.api_url == "https://slack.com/api/"
    assert (settings.slack.channel, settings.slack.ops_channel) == ("#news-alerts", None)
    assert (settings.fetch.every, settings.fetch.allow_private) == (timedelta(minutes=10), ())
    alerts = settings.alerts
    assert (alerts.max_age, alerts.late_after) == (timedelta(hours=48), timedelta(hours=3))
    assert (alerts.wait_before_first, alerts.update_every) == (timedelta(0), timedelta(minutes=5))
    assert (alerts.remind_after, alerts.cooldown) == (None, timedelta(hours=1))
    assert (alerts.most_per_topic, alerts.most_per_channel) == (10, 20)
    assert alerts.burst_window == timedelta(minutes=10)
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8080)


def test_a_file_may_say_everything(tmp_path: Path) -> None:
    settings, problems = read(
        tmp_path,
        "storage: {url: postgresql://user@host/db, keep: 90d}\nencoder: {model: models/large}\n"
        'slack: {api_url: "http://127.0.0.1:9/api/", channel: C0123456789, ops_channel: "#ops"}\n'
        "fetch: {every: 1.5h, allow_private: [10.0.0.0/8, fd00::/8, 192.168.1.7]}\n"
        "alerts: {max_age: 7d, wait_before_first: 0s, remind_after: 30m, most_per_topic: 1}\n"
        "web: {host: 0.0.0.0, port: 0}\n",
    )
    assert problems == []
    assert settings.storage.url == "postgresql://user@host/db"
    assert settings.storage.keep == timedelta(days=90)
    assert (settings.slack.channel, settings.slack.ops_channel) == ("C0123456789", "#ops")
    assert settings.fetch.every == timedelta(minutes=90)
    assert settings.fetch.allow_private == tuple(map(ip_network, ("10.0.0.0/8", "fd00::/8", "192.168.1.7")))
    assert (settings.alerts.wait_before_first, settings.alerts.most_per_topic) == (timedelta(0), 1)
    assert settings.alerts.remind_after == timedelta(minutes=30)
    assert settings.web.port == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a]\n", "1:1: a mapping is needed here"),
        ("storge: {}\n", "1:1: unknown key 'storge'; did you mean 'storage'?"),
        ("web:\n  prot: 1\n", "2:3: unknown key 'prot'; did you mean 'port'?"),
        ("web:\n  zzz: 1\n", "2:3: unknown key 'zzz'; known here: 'host', 'port', 'public_url'"),
        ("web: 8080\n", "1:6: a mapping is needed here"),
        ("web:\nfetch: {}\n", "1:4: a mapping is needed here"),
        ("web: {public_url: monitor.example}\n", "1:19: a URL must start with https:// or http://"),
        ("web: {public_url: 'https://m.example/?a'}\n", "1:19: paths are added to this URL"),
        ("web: {public_url: 'https://m.example/#a'}\n", "1:19: paths are added to this URL"),
        ("web: {port: 65536}\n", "1:13: 65536 is not a port"),
        ("web: {port: -1}\n", "1:13: -1 is not a port"),
        ("web: {port: true}\n", "1:13: true is not a port"),
        ("web: {port: '80'}\n", "1:13: '80' is not a port"),
        ("web: {host: true}\n", "1:13: a text is needed here, and this is true or false to YAML"),
        ("web: {host: 1}\n", "1:13: a text is needed here, and this is a number to YAML"),
        ("web: {host: ' '}\n", "1:13: this text is empty"),
        ("web: {host: [a]}\n", "1:13: one text is needed here, not a list"),
        ("web: {host: }\n", "1:11: a text is missing here"),
        ("fetch: {every: 10 minutes}\n", "1:16: '10 minutes' is not a duration"),
        ("fetch: {every: 5}\n", "1:16: 5 is not a duration"),
        ("fetch: {every: -1h}\n", "1:16: '-1h' is not a duration"),
        ("fetch: {every: 1h30m}\n", "1:16: '1h30m' is not a duration"),
        ("fetch: {every: ٣m}\n", "1:16: '٣m' is not a duration"),
        ("fetch: {every: 0m}\n", "1:16: '0m' is too short; 1s"),
        ("fetch: {every: 0.5s}\n", "1:16: '0.5s' is too short; 1s"),
        ("fetch: {every: 999999999w}\n", "1:16: '999999999w' is too long; 3650d"),
        ("fetch: {every: 30s}\n", "1:16: warning: polling more often than once a minute"),
        ("fetch: {allow_private: 10.0.0.0/8}\n", "1:24: a list is needed here"),
        ("fetch: {allow_private: [10.0.0.1/8]}\n", "1:25: '10.0.0.1/8' is not a network"),
        ("fetch: {allow_private: [10.0.0.0/8, here]}\n", "1:37: 'here' is not a network"),
        ("fetch: {allow_private: [10]}\n", "1:25: a text is needed here"),
        ("alerts: {max_age: 0h}\n", "1:19: '0h' is too short"),
        ("alerts: {wait_before_first: soon}\n", "1:29: 'soon' is not a duration"),
        ("alerts: {update_every: 0s}\n", "1:24: '0s' is too short; 1s"),
        ("alerts: {remind_after: never}\n", "1:24: 'never' is not a duration"),
        ("alerts: {most_per_topic: 0}\n", "1:26: 0 is not a number of stories; write 1 or more"),
        ("alerts: {most_per_channel: true}\n", "1:28: true is not a number of stories"),
        ("alerts: {remind: 5m}\n", "1:10: unknown key 'remind'; did you mean 'remind_after'?"),
        ("storage: {keep: for ever}\n", "1:17: 'for ever' is not a duration"),
        ("storage: {keep: 0d}\n", "1:17: '0d' is too short"),
        ("storage: {url: mysql://host/db}\n", "1:16: this database is not supported; write sqlite:///"),
        ("storage: {url: 'sqlite:///'}\n", "1:16: this database is not supported"),
        ("storage: {url: sqlite://data.db}\n", "1:16: this database is not supported"),
        ("storage: {url: postgresql://user:canary@host/db}\n", "1:16: a password may not stand in a file"),
        ("storage: {url: 'postgresql://u@h/db?password=canary'}\n", "1:16: a password may not stand"),
        ("storage: {url: postgresql://user@host}\n", "1:16: this URL names no host or no database"),
        ("slack:\n  channel: #news\n", '2:12: to YAML an unquoted # starts a comment; quote it: "#news"'),
        ("slack:\n  ops_channel: #news\n", "2:16: to YAML an unquoted # starts a comment"),
        ("slack:\n  channel:\n", "2:10: a text is missing here"),
        ("slack: {channel: news}\n", "1:18: 'news' is not a Slack channel"),
        ("slack: {channel: '#News'}\n", "1:18: '#News' is not a Slack channel"),
        ("slack: {channel: '#news desk'}\n", "1:18: '#news desk' is not a Slack channel"),
        ("slack: {channel: GENERAL}\n", "1:18: 'GENERAL' is not a Slack channel"),
        ("slack: {api_url: slack.com/api}\n", "1:18: a URL must start with https:// or http://"),
        ("slack:\n  bot_token: hunter-canary\n", "2:3: a secret is no setting; put the bot token in the"),
        ("slack:\n  channel: xoxb-1-canary\n", "2:12: a Slack token or webhook address may not stand here"),
    ],
)
def test_mistakes_are_told_at_their_place(tmp_path: Path, text: str, expected: str) -> None:
    _, (problem,) = read(tmp_path, text)
    assert problem.startswith(f"monitor.yaml:{expected}")
    assert "canary" not in problem


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings, problems = read(
        tmp_path,
        'fetch: {every: 1h}\nweb: {port: 1}\nslack: {ops_channel: "#ops"}\n',
        MONITOR__FETCH__EVERY="5m",
        MONITOR__FETCH__ALLOW_PRIVATE="[10.0.0.0/8, 192.168.0.0/16]",
        MONITOR__SLACK__CHANNEL="#desk",
        MONITOR__SLACK__OPS_CHANNEL="null",
        MONITOR__STORAGE__URL="sqlite:////var/lib/monitor.db",
        MONITOR="unrelated",
    )
    assert problems == []
    assert settings.fetch.every == timedelta(minutes=5)
    assert settings.fetch.allow_private == tuple(map(ip_network, ("10.0.0.0/8", "192.168.0.0/16")))
    assert (settings.slack.channel, settings.slack.ops_channel) == ("#desk", None)
    assert settings.storage.url == "sqlite:////var/lib/monitor.db"
    assert settings.web.port == 1


def test_every_setting_can_be_set_by_the_environment(tmp_path: Path) -> None:
    values = {timedelta: "5h", int: "1234", tuple: "[10.1.0.0/16]"}
    others = {"keep": "90d", "max_tokens": "128", "remind_after": "30m"}
    urls = {"url": "sqlite:///x"} | dict.fromkeys(("api_url", "proxy", "public_url"), "http://x:3128/")
    for section, part in Settings():
        for key, default in part:
            value = (urls | others).get(key, values.get(type(default), '"#x"'))
            settings, problems = read(tmp_path, **{f"MONITOR__{section}__{key}".upper(): value})
            assert problems == []
            assert getattr(getattr(settings, section), key) != default


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("MONITOR__FETCH__EVERY", "5", "5 is not a duration"),
        ("MONITOR__FETCH__EVERY", "", "nothing is not a duration"),
        ("MONITOR__FETCH__EVERY", "[5m", "this bracket is never closed"),
        ("MONITOR__FETCH__EVRY", "5m", "there is no such setting; did you mean 'MONITOR__FETCH__EVERY'?"),
        ("MONITOR__WEB", "x", "there is no such setting"),
        ("MONITOR__SLACK__BOT_TOKEN", "canary", "a secret is no setting; put the bot token in"),
        ("MONITOR__SLACK__CHANNEL", "xoxb-1-canary", "a Slack token or webhook address may not stand here"),
        ("MONITOR__STORAGE__URL", "postgresql://u:canary@h/d", "a password may not stand in a file"),
        ("MONITOR__WEB__PORT", "1\nhots: 2", "unknown key 'hots'; did you mean 'host'?"),
    ],
)
def test_the_environment_is_checked_as_well(tmp_path: Path, name: str, value: str, expected: str) -> None:
    settings, (problem,) = read(tmp_path, **{name: value})
    assert problem.startswith(f"environment:1:1: {name}: {expected}")
    assert "canary" not in problem
    assert settings == Settings()


def test_prompts_keep_their_spaces_and_may_be_empty(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text('encoder: {query_prompt: "query: ", passage_prompt: ""}\n')
    settings, problems = read(tmp_path)
    assert problems == []
    assert (settings.encoder.query_prompt, settings.encoder.passage_prompt) == ("query: ", "")
    settings, problems = read(tmp_path, MONITOR__ENCODER__PASSAGE_PROMPT='"passage: "')
    assert problems == []
    assert settings.encoder.passage_prompt == "passage: "


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("query_prompt: 7", "a prompt is a text in quotes"),
        (f"passage_prompt: {'x' * 501}", "of 500 characters at most"),
        ("max_tokens: 15", "15 is no length; write a number of word pieces, 16 or more"),
        ("max_tokens: true", "is no length"),
        ('max_tokens: "512"', "is no length"),
    ],
)
def test_prompts_and_lengths_that_cannot_be_are_refused(tmp_path: Path, written: str, expected: str) -> None:
    (tmp_path / "monitor.yaml").write_text(f"encoder:\n  {written}\n")
    settings, (problem,) = read(tmp_path)
    assert expected in problem
    assert settings == Settings()


def test_the_token_comes_from_the_variable_or_the_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("xoxb-canary\n")
    from_variable = slack_bot_token({"SLACK_BOT_TOKEN": "xoxb-canary", "SLACK_BOT_TOKEN_FILE": ""})
    from_file = slack_bot_token({"SLACK_BOT_TOKEN_FILE": str(file)})
    assert from_variable is not None
    assert from_variable.get_secret_value() == "xoxb-canary"
    assert from_file == from_variable
    assert "canary" not in f"{from_file!r} {from_file}"
    assert slack_bot_token({}) is None
    assert slack_app_token({"SLACK_APP_TOKEN_FILE": str(file)}) == from_file
    assert slack_app_token({"SLACK_BOT_TOKEN": "xoxb-canary"}) is None


@pytest.mark.parametrize(
    ("variable", "content", "expected"),
    [
        ("xoxb-canary", b"xoxb-canary", "SLACK_BOT_TOKEN: SLACK_BOT_TOKEN_FILE is set too"),
        ("xoxb-canary two", None, "SLACK_BOT_TOKEN: this must be one line of ASCII"),
        ("xoxb-canary\x1b", None, "SLACK_BOT_TOKEN: this must be one line of ASCII"),
        ("", b"  \n", "SLACK_BOT_TOKEN_FILE: '{path}' is empty"),
        ("", b"\xff\xfecanary", "SLACK_BOT_TOKEN_FILE: cannot read '{path}': not a text file"),
        ("", b"xoxb-canary\nxoxb-canary", "SLACK_BOT_TOKEN_FILE: this must be one line of ASCII"),
    ],
)
def test_an_unusable_token_is_a_problem_that_does_not_show_it(
    tmp_path: Path, variable: str, content: bytes | None, expected: str
) -> None:
    path = tmp_path / "token"
    environ = {"SLACK_BOT_TOKEN": variable}
    if content is not None:
        path.write_bytes(content)
        environ["SLACK_BOT_TOKEN_FILE"] = str(path)
    with pytest.raises(ConfigurationError) as caught:
        slack_bot_token(environ)
    assert str(caught.value).startswith(f"environment:1:1: {expected}".replace("{path}", str(path)))
    assert "canary" not in repr(caught.value)


def test_the_proxy_comes_from_the_variable_or_the_settings() -> None:
    plain = FetchSettings(proxy="http://proxy.example:3128")
    assert fetch_proxy(FetchSettings(), {}) is None
    assert fetch_proxy(plain, {}) == "http://proxy.example:3128"
    assert fetch_proxy(plain, {"FETCH_PROXY": "https://u:canary@p.example"}) == "https://u:canary@p.example"


@pytest.mark.parametrize("url", ["socks5://u:canary@p.example", "http://", "canary:3128", "http://[canary"])
def test_an_unusable_proxy_is_a_problem_that_does_not_show_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        fetch_proxy(FetchSettings(), {"FETCH_PROXY": url})
    assert "FETCH_PROXY: this is not a proxy" in str(caught.value)
    assert "canary" not in repr(caught.value)


def test_a_proxy_in_a_file_names_no_password(tmp_path: Path) -> None:
    _, (problem,) = read(tmp_path, "fetch: {proxy: 'http://u:canary@p.example:3128'}")
    assert "a user name or password may not stand in a URL" in problem
    assert "canary" not in problem


def test_a_token_given_for_a_file_name_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        slack_bot_token({"SLACK_BOT_TOKEN_FILE": "xoxb-1-canary"})
    assert "cannot read" in str(caught.value)
    assert "canary" not in repr(caught.value)
