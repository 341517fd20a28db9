"""The command ``monitor digest``."""

from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import MonitorError
from monitor.records import DigestPlan, Period
from monitor.routing import topics_of
from monitor.targets import named_channels
from monitor.terminal import CONFIG, ConfigOption, JsonOption, exit_codes, load, print_json

digest_app = typer.Typer()


class Span(StrEnum):
    """A day, or a week."""

    DAILY = "daily"
    WEEKLY = "weekly"


@digest_app.command()
def digest(
    channel: Annotated[str, typer.Argument(help="A channel that stories go to; its # may be left out.")],
    period: Annotated[Span, typer.Option(help="Of the last day, or of the last week.")] = Span.DAILY,
    png: Annotated[Path | None, typer.Option(help="Draw its chart to this file.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Print what a channel's digest would say now: its stories, what nearly matched, how much was read."""
    with exit_codes():
        loaded = load(config)
        topics = {name: topics_of(name, loaded.topics, loaded.routes) for name in named_channels(loaded)}
        known = [name for name in sorted(topics) if topics[name]]
        # A shell takes what begins with # for a comment.
        name = channel if channel in known else f"#{channel}"
        if name not in known:
            raise typer.BadParameter(f"no story goes to {channel}; there are {', '.join(known)}")
        from monitor import digestpreview
        from monitor.clock import utc_now
        from monitor.notify import digest_chart, digest_lines

        of: Period = "weekly" if period is Span.WEEKLY else "daily"
        found = digestpreview.preview(
            loaded.settings.storage.url,
            name,
            topics[name],
            DigestPlan(period=of, at=time(), time_zone="UTC"),
            utc_now(),
        )
        if as_json:
            print_json(digestpreview.as_json(found))
        else:
            typer.echo("\n".join(digest_lines(found)))
        if png is not None and (drawn := digest_chart(found)):
            try:
                png.write_bytes(drawn)
            except OSError as e:
                raise MonitorError(f"cannot write {png}: {(e.strerror or 'unknown trouble').lower()}") from e
            typer.echo(f"drawn: {png}", err=True)
        elif png is not None:
            typer.echo("no chart: no story in seven days", err=True)
