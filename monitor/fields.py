"""Owns what a value in the configuration may look like, and the words in which a wrong one is refused.

Every type here takes any YAML value and returns what the service works with, or raises a ValueError whose
text is shown to the user. ``validate`` puts those texts at their places in the file.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from monitor.records import Problem
from monitor.yamlfile import Document, Trail, quoted

__all__ = [
    "Channel",
    "Duration",
    "Interval",
    "Mention",
    "Section",
    "Sentences",
    "Text",
    "Texts",
    "TopicId",
    "WebUrl",
    "channel_of",
    "did_you_mean",
    "duration",
    "interval",
    "repeats",
    "secret_key_refused",
    "short_interval_warning",
    "split_url",
    "text_of",
    "validate",
    "web_url",
    "written_duration",
]

Model = TypeVar("Model", bound="Section")

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONGEST = timedelta(days=3650)
SECRET_KEYS = re.compile(r"token|secret|password|webhook", re.IGNORECASE)


class Section(BaseModel):
    """A mapping in a configuration file: frozen, and without room for a key nobody knows."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)


# --- values ----------------------------------------------------------------------------------------


def text_of(value: object) -> str:
    """Return a text without the space around it; ValueError if YAML made something else of it, or nothing."""
    match value:
        case str():
            if stripped := value.strip():
                return stripped
            raise ValueError("this text is empty")
        case None:
            raise ValueError("a text is missing here")
        case dict():
            raise ValueError(
                "a text is needed here, and YAML reads ': ' as the end of a key; quote the sentence"
            )
        case list():
            raise ValueError("one text is needed here, not a list")
        case _:
            raise ValueError(f"a text is needed here, and this is {_kind(value)} to YAML; put it in quotes")


def _kind(value: object) -> str:
    return "true or false" if isinstance(value, bool) else "a number"


def duration(value: object) -> timedelta:
    """Read a duration such as ``90s`` or ``10m``; ValueError if it is none, or longer than ten years."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([smhdw])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            f"{quoted(value)} is not a duration; write a number and s, m, h, d or w, such as 90s, 10m or 48h"
        )
    # Compared before it becomes a timedelta, which cannot hold every number.
    seconds = float(found[1]) * UNITS[found[2]]
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"{quoted(value)} is too long; {LONGEST.days}d is the longest")
    return timedelta(seconds=seconds)


def interval(value: object) -> timedelta:
    """Read a duration of at least a second; ValueError if it is none."""
    read = duration(value)
    if read < timedelta(seconds=1):
        raise ValueError(f"{quoted(value)} is too short; 1s is the shortest")
    return read


def written_duration(span: timedelta) -> str:
    """Write a duration as ``duration`` reads it, in the largest unit that leaves no remainder."""
    seconds = span.total_seconds()
    unit = next((unit for unit in reversed(UNITS) if seconds and seconds % UNITS[unit] == 0), "s")
    number = f"{seconds / UNITS[unit]:.6f}".rstrip("0").rstrip(".")
    return f"{number}{unit}"


def short_interval_warning(interval: timedelta) -> str | None:
    """Say why a polling interval under a minute deserves a second thought, or None if it is longer."""
    if interval >= timedelta(minutes=1):
        return None
    return "polling more often than once a minute gets services blocked; do so only on your own server"


def split_url(url: str) -> SplitResult:
    """Split a URL into its parts; ValueError, which never shows it, unless every part can be read."""
    if re.search(r"[\s\\]", url):
        raise ValueError("a URL holds no spaces and no backslashes; write them as %20 and %5C")
    try:
        parts = urlsplit(url)
        _ = parts.port, parts.hostname
    except ValueError:
        raise ValueError("this is not a URL: its host or port cannot be read") from None
    return parts


def web_url(value: object) -> str:
    """Read the address of a web page; ValueError, which never shows it, if it may not stand in a file."""
    url = text_of(value)
    parts = split_url(url)
    if parts.scheme.lower() not in {"http", "https"}:
        raise ValueError("a URL must start with https:// or http://")
    if not parts.hostname:
        raise ValueError("this URL names no host; write it as https://host/path")
    if "@" in parts.netloc:
        raise ValueError("a user name or password may not stand in a URL; take out everything before the '@'")
    return url


def channel_of(value: object) -> str:
    """Read a channel of Slack's, or the name of another target; ValueError, which shows no address."""
    channel = text_of(value)
    if "://" in channel:
        return _target(channel)
    if re.fullmatch(r"#[\w-]{1,80}", channel) and channel == channel.lower():
        return channel
    # Slack ids always hold a digit; without one it is a name in capitals.
    if re.fullmatch(r"[CGD](?=[A-Z]*[0-9])[A-Z0-9]{1,20}", channel):
        return channel
    raise ValueError(
        f"{quoted(channel)} is not a Slack channel; "
        'write its name in lower case and in quotes, such as "#news-alerts", or its id, such as C0123456789; '
        "other targets are written apprise://NAME or webhook://NAME"
    )


def _target(channel: str) -> str:
    """Read the name of a target beside Slack; what else has such a form is an address, and never shown."""
    if re.fullmatch(r"(apprise|webhook)://[a-z0-9][a-z0-9-]{0,39}", channel):
        return channel
    name = "a NAME of small letters, digits and hyphens, at most 40"
    if channel.lower().startswith(("http://", "https://", "webhook://")):
        raise ValueError(
            f"a web address is a secret and may not stand here; write webhook://NAME, with {name}, and put "
            "the address in the environment variable WEBHOOK_NAME_URL, what signs in WEBHOOK_NAME_SECRET"
        )
    raise ValueError(
        f"an Apprise URL is a secret and may not stand here; write apprise://NAME, with {name}, and put "
        "the URL in the environment variable APPRISE_NAME, or in the file that APPRISE_NAME_FILE names"
    )


def _mention(value: object) -> str | None:
    mention = None if value is None else text_of(value)
    if mention is None or mention in {"here", "channel"}:
        return mention
    if re.fullmatch(r"[UWS](?=[A-Z]*[0-9])[A-Z0-9]{1,20}", mention):
        return mention
    raise ValueError(
        f"{quoted(mention)} cannot be mentioned; write here, channel, a user id (U… or W…) or a group id (S…)"
    )


def _topic_id(value: object) -> str:
    topic_id = text_of(value)
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", topic_id):
        return topic_id
    raise ValueError(
        f"{quoted(topic_id)} is not an id; use small letters a–z, digits and hyphens, at most 64, "
        "and start with a letter or digit"
    )


Text = Annotated[str, PlainValidator(text_of)]
Duration = Annotated[timedelta, PlainValidator(duration)]
Interval = Annotated[timedelta, PlainValidator(interval)]
WebUrl = Annotated[str, PlainValidator(web_url)]
Channel = Annotated[str, PlainValidator(channel_of)]
Mention = Annotated[str | None, PlainValidator(_mention)]
TopicId = Annotated[str, PlainValidator(_topic_id)]
# A YAML list is never a tuple, so only the members can be strict.
Texts = Annotated[tuple[Text, ...], Field(strict=False)]
Sentences = Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]


# --- places ----------------------------------------------------------------------------------------


def validate(
    model: type[Model], document: Document, trail: Trail = ()
) -> tuple[Model | None, tuple[Problem, ...]]:
    """Read the mapping at a trail as a model; None, and each problem at its place, if it does not fit."""
    try:
        return model.model_validate(document.at(trail)), ()
    except ValidationError as e:
        found = [_problem(model, document, trail, error) for error in e.errors(include_url=False)]
        return None, tuple(problem for problem in found if problem)


def _problem(
    model: type[Section], document: Document, root: Trail, error: Mapping[str, Any]
) -> Problem | None:
    trail = (*root, *error["loc"])
    if trail in document.refused:
        return None
    if trail[-1:] == ("[key]",):
        return document.problem(trail[:-1], str(error["ctx"]["error"]), at_key=True)
    match error["type"]:
        case "extra_forbidden":
            known = _keys(model, error["loc"][:-1])
            return document.problem(trail, _unknown_key(str(trail[-1]), known), at_key=True)
        case "too_short" if document.count(trail):
            return None  # only bad entries are left out of the count, and they have problems of their own
        case "missing":
            return document.problem(trail[:-1], f"the key '{trail[-1]}' is missing here")
        case "value_error":
            return document.problem(trail, str(error["ctx"]["error"]))
        case kind:
            return document.problem(trail, NEEDED.get(kind, NEEDED["model_type"]))


NEEDED = {
    "model_type": "a mapping is needed here: lines of 'key: value'",
    "tuple_type": "a list is needed here: lines that start with '- ', or [one, two]",
    "too_short": "this list is empty; it needs at least one entry",
    "bool_type": "true or false is needed here",
}


def _keys(model: Any, trail: Iterable[str]) -> list[str]:
    for step in trail:
        model = model.model_fields[step].annotation
    return list(model.model_fields)


def _unknown_key(key: str, known: list[str]) -> str:
    return secret_key_refused(key) or f"unknown key {quoted(key)}; {did_you_mean(key, known)}"


def secret_key_refused(key: str) -> str | None:
    """Say where a secret belongs if an unknown key asks for one, else None."""
    if not SECRET_KEYS.search(key):
        return None
    return (
        "a secret is no setting; put the bot token in the environment variable SLACK_BOT_TOKEN, "
        "or in the file that SLACK_BOT_TOKEN_FILE names"
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the known word closest to a wrong one, or the known words if none is close."""
    candidates = sorted(known)
    # Comparing long texts takes time with the square of their length, and no known word is long.
    if close := get_close_matches(word[:80], candidates, n=1):
        return f"did you mean {quoted(close[0])}?"
    shown = ", ".join(quoted(candidate) for candidate in candidates[:12])
    return f"known here: {shown}{', …' if len(candidates) > 12 else ''}"


def repeats(texts: Iterable[tuple[str, Document, Trail]], what: str) -> Iterator[Problem]:
    """Find texts that stand there twice; each problem is at the second and names the place of the first."""
    firsts: dict[str, tuple[Path, int]] = {}
    for text, document, trail in texts:
        path, line = document.path, document.values[trail][0]
        if text not in firsts:
            firsts[text] = path, line
            continue
        first_path, first_line = firsts[text]
        where = f"on line {first_line}" if first_path == path else f"in {first_path}:{first_line}"
        yield document.problem(trail, f"this {what} is already {where}")
