"""The commands ``monitor silence …``: add, list, end."""

import getpass
from datetime import datetime
from functools import partial
from typing import Annotated

import typer

from monitor.configuration import Configuration
from monitor.fields import did_you_mean, interval, text_of
from monitor.terminal import (
    CONFIG,
    ConfigOption,
    JsonOption,
    exit_codes,
    known_topic,
    load,
    print_json,
    usable,
)
from monitor.text import clean

silence_app = typer.Typer(
    help="Mute a topic, a feed or a word for some time, and say why.", no_args_is_help=True
)


@silence_app.command("add")
def silence_add(
    reason: Annotated[str, typer.Option(help="Why, for those who will wonder.")],
    topic: Annotated[str | None, typer.Option(help="Only matches of this topic (its id).")] = None,
    feed: Annotated[
        str | None, typer.Option(help="Only items of this feed, or of feeds with this tag.")
    ] = None,
    term: Annotated[
        str | None, typer.Option(help="Only items with this word or phrase in headline or summary.")
    ] = None,
    lasts: Annotated[str | None, typer.Option("--for", help="How long, such as 90m, 2h or 3d.")] = None,
    until: Annotated[
        str | None, typer.Option(help="Until when, such as 2026-12-01T08:00+01:00; UTC without a zone.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Whose silence it is; yours when absent.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Mute what meets all the conditions given, at least one, until a time; told is nothing of it."""
    with exit_codes():
        if not (topic or feed or term):
            raise typer.BadParameter("give at least one of --topic, --feed and --term")
        loaded = load(config)
        from monitor import mutes
        from monitor.clock import utc_now

        now = utc_now()
        added = mutes.add_silence(
            loaded,
            topic_id=known_topic(loaded, topic) if topic else None,
            feed=usable(partial(_label, loaded), feed) if feed else None,
            term=usable(_words, term) if term else None,
            until=_end(lasts, until, now),
            author=usable(_words, by or getpass.getuser()),
            reason=usable(_words, reason),
            now=now,
        )
        if as_json:
            row = mutes.silence_row(added.silence, now)
            print_json({**row, "muted": added.muted, "matches": added.matches})
        else:
            typer.echo("\n".join(mutes.silence_lines([added.silence], now)))
            days = mutes.LOOK_BACK.days
            typer.echo(f"of the {added.matches} matches of the last {days} days it covers {added.muted}")


@silence_app.command("list")
def silence_list(
    past: Annotated[bool, typer.Option("--all", help="Those that are over or ended, too.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the silences that hold, the oldest first."""
    with exit_codes():
        loaded = load(config)
        from monitor import mutes
        from monitor.clock import utc_now

        now = utc_now()
        silences = mutes.known_silences(loaded, now, past=past)
        if as_json:
            print_json([mutes.silence_row(silence, now) for silence in silences])
        else:
            typer.echo("\n".join(mutes.silence_lines(silences, now)))


@silence_app.command("end")
def silence_end(
    silence: Annotated[int, typer.Argument(help="The silence's number.")],
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """End a silence before its time; what it has muted stays untold."""
    with exit_codes():
        loaded = load(config)
        from monitor import mutes
        from monitor.clock import utc_now

        now = utc_now()
        ended = mutes.end_silence(loaded, silence, now)
        if as_json:
            print_json(mutes.silence_row(ended, now))
        else:
            typer.echo("\n".join(mutes.silence_lines([ended], now)))


def _end(lasts: str | None, until: str | None, now: datetime) -> datetime:
    from monitor.mutes import moment

    if lasts and not until:
        return now + usable(interval, lasts)
    if until and not lasts:
        return usable(partial(moment, now=now), until)
    raise typer.BadParameter("give either --for or --until")


def _words(written: str) -> str:
    return text_of(clean(written))


def _label(config: Configuration, written: str) -> str:
    labels = {label for feed in config.feeds for label in (feed.name, *feed.tags)}
    if written not in labels:
        raise ValueError(f"no feed has the tag or name {written}; {did_you_mean(written, labels)}")
    return written
