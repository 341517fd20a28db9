"""Owns ``monitor.yaml``: what its settings are called, their defaults, and what the environment says instead.

The environment counts as a second document that wins over the file: ``MONITOR__FETCH__EVERY=5m`` is
``fetch: {every: 5m}``. Secrets come from the environment only.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator, SecretStr

from monitor.errors import ConfigurationError
from monitor.fields import (
    Channel,
    Duration,
    Interval,
    Section,
    Text,
    WebUrl,
    did_you_mean,
    secret_key_refused,
    short_interval_warning,
    split_url,
    text_of,
    validate,
    web_url,
)
from monitor.records import AppriseTarget, Problem, Target, WebhookTarget
from monitor.yamlfile import Document, mask_secrets, parse_yaml, quoted, read_yaml

__all__ = [
    "AlertSettings",
    "EncoderSettings",
    "FetchSettings",
    "Settings",
    "SlackSettings",
    "StorageSettings",
    "WebSettings",
    "fetch_proxy",
    "read_settings",
    "slack_app_token",
    "slack_bot_token",
    "target_of",
]

ENVIRONMENT = Path("environment")
PREFIX = "MONITOR__"
_LONGEST_PROMPT = 500
_FEWEST_TOKENS = 16
_SHORTEST_SECRET = 16


# --- values ----------------------------------------------------------------------------------------


def _storage_url(value: object) -> str:
    url = text_of(value)
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///"):
        return url
    if not url.startswith("postgresql://"):
        raise ValueError(
            "this database is not supported; write sqlite:///data/monitor.db "
            "(with a fourth slash for an absolute path) or postgresql://user@host/database"
        )
    parts = split_url(url)
    if parts.password is not None or "password=" in parts.query.lower():
        raise ValueError("a password may not stand in a file; put it in the environment variable PGPASSWORD")
    if not parts.hostname or not parts.path.strip("/"):
        raise ValueError("this URL names no host or no database; write postgresql://user@host/database")
    return url


def _network(value: object) -> IPv4Network | IPv6Network:
    text = text_of(value)
    try:
        return ip_network(text)
    except ValueError:
        raise ValueError(
            f"{quoted(text)} is not a network; write one such as 10.0.0.0/8 or fd00::/8"
        ) from None


def _port(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65_535:
        return value
    raise ValueError(f"{quoted(value)} is not a port; write a number from 0 to 65535, without quotes")


def _public_url(value: object) -> str:
    url = web_url(value)
    if "?" in url or "#" in url:
        raise ValueError("paths are added to this URL, so it may hold no '?' and no '#'")
    return url


def _prompt(value: object) -> str:
    # Space at its end parts it from the text.
    if isinstance(value, str) and len(value) <= _LONGEST_PROMPT:
        return value
    raise ValueError(
        'a prompt is a text in quotes, such as "query: ", of '
        f'{_LONGEST_PROMPT} characters at most; null is the model\'s own, "" is none'
    )


def _max_tokens(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= _FEWEST_TOKENS:
        return value
    raise ValueError(f"{quoted(value)} is no length; write a number of word pieces, {_FEWEST_TOKENS} or more")


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError(f"{quoted(value)} is not a number of stories; write 1 or more, without quotes")


StorageUrl = Annotated[str, PlainValidator(_storage_url)]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(_network)]
Port = Annotated[int, PlainValidator(_port)]
PublicUrl = Annotated[str, PlainValidator(_public_url)]
Prompt = Annotated[str, PlainValidator(_prompt)]
MaxTokens = Annotated[int, PlainValidator(_max_tokens)]
Count = Annotated[int, PlainValidator(_count)]


# --- sections --------------------------------------------------------------------------------------


class StorageSettings(Section):
    """Where everything is remembered, and for how long: for ever if ``keep`` is None."""

    url: StorageUrl = "sqlite:///data/monitor.db"
    keep: Interval | None = None


class EncoderSettings(Section):
    """What turns text into vectors: the bundled model, or a model's name or folder.

    None: what the model itself says of its prompts, and of how many word pieces it reads.
    """

    model: Text = "all-MiniLM-L6-v2"
    query_prompt: Prompt | None = None
    passage_prompt: Prompt | None = None
    max_tokens: MaxTokens | None = None


class SlackSettings(Section):
    """Where Slack is, where alerts go by default, and where the service speaks of its own health."""

    api_url: WebUrl = "https://slack.com/api/"
    channel: Channel = "#news-alerts"
    ops_channel: Channel | None = None


class FetchSettings(Section):
    """How feeds are polled, the private networks they may live in, and the proxy they are asked through."""

    every: Interval = timedelta(minutes=10)
    allow_private: Annotated[tuple[Network, ...], Field(strict=False)] = ()
    proxy: WebUrl | None = None


class AlertSettings(Section):
    """What is still news, when a story is told and told again, and when many are told as one list.

    ``max_age``: older items never alert. ``cooldown`` lies between two broadcasts of a story. A story found
    ``late_after`` its publication is told in a list; so are those above ``most_per_topic`` or
    ``most_per_channel`` within ``burst_window``. ``remind_after`` None: nobody is reminded.
    """

    max_age: Interval = timedelta(hours=48)
    wait_before_first: Duration = timedelta(0)
    update_every: Interval = timedelta(minutes=5)
    remind_after: Interval | None = None
    cooldown: Interval = timedelta(hours=1)
    late_after: Interval = timedelta(hours=3)
    burst_window: Interval = timedelta(minutes=10)
    most_per_topic: Count = 10
    most_per_channel: Count = 20


class WebSettings(Section):
    """Where the web page is served (port 0 takes any free one), and where others reach it, if they can."""

    host: Text = "127.0.0.1"
    port: Port = 8080
    public_url: PublicUrl | None = None


class Settings(Section):
    """All settings; each has a default."""

    storage: StorageSettings = StorageSettings()
    encoder: EncoderSettings = EncoderSettings()
    slack: SlackSettings = SlackSettings()
    fetch: FetchSettings = FetchSettings()
    alerts: AlertSettings = AlertSettings()
    web: WebSettings = WebSettings()


# --- reading ---------------------------------------------------------------------------------------


def read_settings(path: Path, environ: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
    """Read the settings file, if there is one, and the environment over it; defaults where they are wrong."""
    document = read_yaml(path) if os.path.lexists(path) else Document(path=path, content={})
    problems = list(document.problems)
    merged = Settings()
    if document.content is not None:
        settings, found = validate(Settings, document)
        problems += found
        merged = settings or merged
        if settings and (warning := short_interval_warning(settings.fetch.every)):
            problems.append(document.problem(("fetch", "every"), warning, severity="warning"))
    names = {
        f"{PREFIX}{section}__{key}".upper(): (section, key)
        for section, part in merged
        for key in type(part).model_fields
    }
    for name in sorted(name for name in environ if name.startswith(PREFIX)):
        merged, found = _override(merged, name, environ[name], names)
        problems += found
    return merged, tuple(problems)


def _override(
    settings: Settings, name: str, value: str, names: Mapping[str, tuple[str, str]]
) -> tuple[Settings, tuple[Problem, ...]]:
    if name not in names:
        refused = secret_key_refused(name) or f"there is no such setting; {did_you_mean(name, names)}"
        return settings, (_environment_problem(name, refused),)
    section, key = names[name]
    # A shell has taken the quotes away already, so here # starts no comment.
    written = f"'{value}'" if value.startswith("#") else value
    parsed = parse_yaml(f"{key}: {written}", ENVIRONMENT)
    document = Document(path=ENVIRONMENT, content={section: parsed.content})
    override, found = validate(Settings, document)
    # What cannot be read has no value to complain about.
    if messages := [problem.message for problem in parsed.problems or found]:
        return settings, tuple(_environment_problem(name, message) for message in messages)
    assert override is not None
    part = getattr(settings, section).model_copy(update={key: getattr(getattr(override, section), key)})
    return settings.model_copy(update={section: part}), ()


def _environment_problem(name: str, message: str) -> Problem:
    return Problem(path=ENVIRONMENT, line=1, column=1, message=f"{name}: {message}")


# --- secrets ---------------------------------------------------------------------------------------


def slack_bot_token(environ: Mapping[str, str]) -> SecretStr | None:
    """Return the bot token: ``SLACK_BOT_TOKEN``, or what the file ``SLACK_BOT_TOKEN_FILE`` holds, or None.

    ConfigurationError if both are set, or the file cannot be read, or what they hold is not a token.
    """
    return _secret("SLACK_BOT_TOKEN", environ)


def slack_app_token(environ: Mapping[str, str]) -> SecretStr | None:
    """Return the app-level token, without which nobody is heard: ``SLACK_APP_TOKEN`` or its file, or None.

    ConfigurationError as with the bot token.
    """
    return _secret("SLACK_APP_TOKEN", environ)


def fetch_proxy(settings: FetchSettings, environ: Mapping[str, str]) -> str | None:
    """Return the proxy's URL, which may hold a password: ``FETCH_PROXY`` or its file, else ``fetch.proxy``.

    ConfigurationError if both variables are set, or what they hold is not a URL of a proxy.
    """
    secret = _secret("FETCH_PROXY", environ)
    if secret is None:
        return settings.proxy
    url = secret.get_secret_value()
    if not _is_web_address(url):
        raise _secret_error("FETCH_PROXY", "this is not a proxy; write http://user:password@host:port")
    return url


def target_of(channel: str, environ: Mapping[str, str]) -> Target | None:
    """Return where a channel leads that is none of Slack's, by the secrets of its name; None for Slack's.

    ``apprise://ops`` needs ``APPRISE_OPS``, one URL of Apprise or several with space between them;
    ``webhook://ops`` needs ``WEBHOOK_OPS_URL`` and ``WEBHOOK_OPS_SECRET``. Each may be in the file that the
    same name with ``_FILE`` names. ConfigurationError if one is missing, or cannot be used.
    """
    scheme, _, name = channel.partition("://")
    variable = f"{scheme}_{name}".upper().replace("-", "_")
    match scheme:
        case "apprise":
            urls = _needed(channel, variable, environ, words=True).split()
            if not all("://" in url for url in urls):
                raise _secret_error(
                    variable, "every URL of Apprise has a scheme, as mailto://user:password@host"
                )
            return AppriseTarget(channel=channel, urls=tuple(urls))
        case "webhook":
            url = _needed(channel, f"{variable}_URL", environ)
            secret = _needed(channel, f"{variable}_SECRET", environ)
            if not _is_web_address(url):
                raise _secret_error(f"{variable}_URL", "this is not a web address; write https://host/path")
            if len(secret) < _SHORTEST_SECRET:
                short = f"this is too short to sign with; make it {_SHORTEST_SECRET} characters or more"
                raise _secret_error(f"{variable}_SECRET", short)
            return WebhookTarget(channel=channel, url=url, secret=secret)
        case _:
            return None


def _is_web_address(url: str) -> bool:
    try:
        parts = split_url(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _needed(channel: str, name: str, environ: Mapping[str, str], *, words: bool = False) -> str:
    secret = _secret(name, environ, words=words)
    if secret is None:
        raise _secret_error(name, f"not set, and {channel} is named; set it, or {name}_FILE")
    return secret.get_secret_value()


def _secret(name: str, environ: Mapping[str, str], *, words: bool = False) -> SecretStr | None:
    # Container tools pass variables on that are not set as empty ones.
    value, file = environ.get(name, "").strip(), environ.get(f"{name}_FILE", "").strip()
    if value and file:
        raise _secret_error(name, f"{name}_FILE is set too; unset one of them")
    if not value and not file:
        return None
    source = f"{name}_FILE" if file else name
    secret = value or _secret_in_file(source, Path(file))
    if words:
        secret = " ".join(secret.split())
    if not (secret.isascii() and secret.isprintable()) or (" " in secret and not words):
        raise _secret_error(source, "this must be one line of ASCII without spaces")
    return SecretStr(secret)


def _secret_in_file(source: str, path: Path) -> str:
    # People put the token itself here, so the name of a file is masked like any other text.
    shown = repr(mask_secrets(str(path)))
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as e:
        reason = e.strerror if isinstance(e, OSError) and e.strerror else "not a text file"
        raise _secret_error(source, f"cannot read {shown}: {reason.lower()}") from None
    if not secret:
        raise _secret_error(source, f"{shown} is empty")
    return secret


def _secret_error(name: str, message: str) -> ConfigurationError:
    return ConfigurationError([_environment_problem(name, message)])
