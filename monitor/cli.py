"""The command ``monitor``: reads the configuration, calls the app, prints, and picks the exit code.

Exit codes: 0 fine, 1 the thing asked for failed, 2 bad usage or configuration. Heavy libraries are
imported inside the commands that need them, so that ``check`` and ``--help`` answer at once.
"""

import os
import sys
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from monitor import __version__
from monitor.cli_care import care_app
from monitor.cli_deliveries import deliveries_app
from monitor.cli_digest import digest_app
from monitor.cli_feeds import feeds_app
from monitor.cli_relevance import relevance_app
from monitor.cli_routes import routes_app
from monitor.cli_silence import silence_app
from monitor.cli_stories import stories_app
from monitor.cli_votes import votes_app
from monitor.configuration import load_settings
from monitor.errors import ConfigurationError, MonitorError
from monitor.fields import channel_of, interval
from monitor.targets import named_channels, read_targets, send_test
from monitor.terminal import (
    CONFIG,
    MOST_DAYS,
    ConfigOption,
    JsonOption,
    VerboseOption,
    exit_codes,
    load,
    print_json,
    run_async,
    usable,
)

app = typer.Typer(
    name="monitor",
    help="Watches news feeds for topics described in plain sentences, and tells Slack, with the reason.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(feeds_app, name="feeds")
app.add_typer(relevance_app)
app.add_typer(digest_app)
app.add_typer(care_app)
app.add_typer(deliveries_app, name="deliveries")
app.add_typer(routes_app, name="routes")
app.add_typer(silence_app, name="silence")
app.add_typer(stories_app, name="stories")
app.add_typer(votes_app, name="votes")


def main() -> None:
    """Run the command line."""
    app()


@app.callback(invoke_without_command=True)
def version(
    ctx: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Print the version if that is all that was asked."""
    if show:
        typer.echo(f"monitor {__version__}")
        raise typer.Exit
    _ = ctx


@app.command()
def check(config: ConfigOption = CONFIG) -> None:
    """Validate every file of the configuration: one FILE:LINE:COL: message per error; exit 0, or 2."""
    with exit_codes():
        loaded = load(config)
        try:
            read_targets(named_channels(loaded), os.environ)
        except ConfigurationError as error:
            # Where this is checked need not be where it will run.
            for problem in error.problems:
                typer.echo(str(replace(problem, severity="warning")), err=True)
        counts = f"{len(loaded.feeds)} feeds, {len(loaded.topics)} topics, {len(loaded.routes)} routes"
        typer.echo(f"{config}: fine: {counts}")


@app.command()
def run(config: ConfigOption = CONFIG, verbose: VerboseOption = False) -> None:
    """Serve until SIGTERM: poll, score, alert, deliver; then drain for at most 25 s."""
    with exit_codes():
        loaded = load(config)
        _log(verbose)
        from monitor import app as service

        run_async(service.run(loaded, os.environ))


@app.command()
def once(config: ConfigOption = CONFIG, verbose: VerboseOption = False) -> None:
    """Make one pass over what is due, all the way to the channels, and exit; for cron."""
    with exit_codes():
        loaded = load(config)
        _log(verbose)
        from monitor import app as service

        run_async(service.once(loaded, os.environ))


@app.command("notify-test")
def notify_test(channel: str, config: ConfigOption = CONFIG) -> None:
    """Post a test message to one channel, such as #news or webhook://ops; exit 1, and why, if it fails."""
    with exit_codes():
        loaded = load(config)
        _log(verbose=False, level="WARNING")
        from monitor.clock import utc_now

        run_async(send_test(loaded, usable(channel_of, channel), os.environ, utc_now))
        typer.echo(f"{channel}: posted")


@app.command()
def demo(
    config: ConfigOption = CONFIG,
    bodies: Annotated[
        Path | None, typer.Option(help="Captured feed bodies: a folder, or a tar archive (.tar, .tar.xz, …).")
    ] = None,
    index: Annotated[
        Path | None, typer.Option(help="What was captured when: JSON lines with feed, captured_at, file.")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="How many times faster than the captures: a number, or max.")
    ] = "max",
    port: Annotated[int, typer.Option(help="Port of the Slack stand-in's page; 0 for any free one.")] = 8089,
    database: Annotated[
        Path | None, typer.Option(help="Keep the demo's database in this file instead of throwing it away.")
    ] = None,
    ends: Annotated[bool, typer.Option("--once", help="End when everything is delivered.")] = False,
    verbose: VerboseOption = False,
) -> None:
    """Replay sample feeds through the real pipeline into a local Slack stand-in; needs no set-up at all."""
    with exit_codes():
        from monitor.demo import show
        from monitor.demo.replay import parse_speed

        _log(verbose, level="ERROR")  # what goes wrong is part of the show
        watched = config if config.exists() or config != CONFIG else show.shipped_config()
        loaded = load(watched)
        run_async(
            show.demo(
                loaded,
                bodies=bodies,
                index=index,
                speed=parse_speed(speed),
                port=port,
                database=database,
                once=ends,
            )
        )


@app.command()
def explain(url: str, config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Tell what happened to an item: seen when, score per topic and why, decision and reason, message."""
    with exit_codes():
        loaded = load(config)
        from monitor import explain as explaining

        histories = explaining.histories(loaded, url)
        if as_json:
            print_json(explaining.as_json(histories))
        elif histories:
            typer.echo("\n".join(explaining.lines(loaded, histories)))
        if not histories:
            raise MonitorError(f"{url}: no feed has shown this address")


@app.command()
def prune(
    older_than: Annotated[
        str | None,
        typer.Option(help="How long ago they were first seen, such as 90d; storage.keep if absent."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Remove old items that their feeds no longer show, with all that belongs to them; never what waits."""
    with exit_codes():
        settings = load_settings(config, os.environ)
        keep = usable(interval, older_than) if older_than else settings.storage.keep
        if keep is None:
            raise typer.BadParameter("give --older-than, or set storage.keep in monitor.yaml")
        from monitor.clock import utc_now
        from monitor.prune import prune_now, removed_before

        now = utc_now()
        before = removed_before(keep, settings.alerts.max_age, now)
        removal = asdict(prune_now(settings.storage.url, before, now, dry_run=dry_run))
        if as_json:
            print_json(removal | {"before": before.isoformat(), "dry_run": dry_run})
            return
        counts = ", ".join(f"{count} {what}" for what, count in removal.items())
        verb = "would be removed" if dry_run else "removed"
        typer.echo(f"{verb}, first seen before {before:%Y-%m-%d %H:%M} UTC: {counts}")


@app.command()
def reembed(
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_DAYS,
            help="How many days back; twice alerts.max_age if absent, as the service does.",
        ),
    ] = None,
    drop_old: Annotated[
        bool, typer.Option("--drop-old", help="Then remove the vectors of all other models.")
    ] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Encode stored items with the model in use, after a change of model; goes on where it was stopped."""
    with exit_codes():
        settings = load_settings(config, os.environ)
        from monitor.clock import utc_now
        from monitor.policy import told_since
        from monitor.reembed import reembed_now

        _log(verbose=False, level="ERROR")  # the bar is there
        now = utc_now()
        since = now - timedelta(days=days) if days else told_since(settings.alerts.max_age, now)
        with typer.progressbar(length=0, label="items", file=sys.stderr) as bar:

            def progress(done: int, items: int) -> None:
                bar.length = items
                bar.update(done - bar.pos)

            done = run_async(reembed_now(settings, since, drop_old=drop_old, on_progress=progress))
        if as_json:
            print_json(asdict(done))
        else:
            typer.echo(f"{done.model}: {done.encoded} texts encoded, {done.dropped} old vectors removed")


def _log(verbose: bool, level: str = "INFO") -> None:
    from monitor import log

    log.configure("DEBUG" if verbose else level)
