"""The commands ``monitor feeds …``: list, add, check, import, export."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.configuration import load_feedlist, load_settings
from monitor.errors import MonitorError
from monitor.feedlist import add_feeds
from monitor.fields import interval, text_of
from monitor.terminal import CONFIG, ConfigOption, JsonOption, exit_codes, load, print_json, run_async, usable

if TYPE_CHECKING:
    from monitor.feeds import Discovery, FoundFeed, Outline

feeds_app = typer.Typer(help="Look at the feeds, and change which there are.", no_args_is_help=True)

TagOption = Annotated[
    list[str] | None, typer.Option("--tag", help="A tag for topics to choose by; repeatable.")
]


@feeds_app.command("list")
def feeds_list(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """List the configured feeds with what is known of their health."""
    with exit_codes():
        loaded = load(config)
        from monitor import feedtable

        feeds = feedtable.feed_table(loaded)
        if as_json:
            print_json(feeds.rows)
        else:
            feedtable.print_feeds(feeds)


@feeds_app.command("add")
def feeds_add(
    url: Annotated[str, typer.Argument(help="A feed, or a site whose feeds are looked for.")],
    name: Annotated[str | None, typer.Option(help="What to call it; its title when absent.")] = None,
    tag: TagOption = None,
    every: Annotated[str | None, typer.Option(help="How often to poll it, such as 5m.")] = None,
    pick: Annotated[int | None, typer.Option(min=1, help="Which of several found feeds to add.")] = None,
    take_all: Annotated[bool, typer.Option("--all", help="Add every feed that is found.")] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Find the feed at an address, show it, and add it to the end of feeds.yaml."""
    if take_all and (pick or name):
        raise typer.BadParameter("--all goes with neither --pick nor --name")
    with exit_codes():
        from monitor import byhand

        address = usable(byhand.address, url)
        pace = usable(interval, every) if every else None
        tags = [usable(text_of, label) for label in tag or ()]
        settings = load_settings(config, os.environ)
        known = load_feedlist(config, settings)
        discovery = run_async(byhand.find(address, settings))
        typer.echo("\n".join(byhand.found_lines(discovery)))
        chosen = _chosen(discovery, address, pick, take_all)
        new = byhand.new_feeds(chosen, known, name=name, tags=tags, every=pace)
        if not new:
            raise MonitorError(f"{config / 'feeds.yaml'} has it already")
        add_feeds(config / "feeds.yaml", new)
        for feed in new:
            typer.echo(f"added to {config / 'feeds.yaml'}: {feed.name or feed.url}")


@feeds_app.command("check")
def feeds_check(url: str, config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Judge one feed: what it holds, its rhythm, its trouble; exit 1 if it is unusable."""
    with exit_codes():
        from monitor import byhand
        from monitor.clock import utc_now

        settings, now = load_settings(config, os.environ), utc_now()
        report = run_async(byhand.look(usable(byhand.address, url), settings, now))
        if as_json:
            print_json(byhand.as_json(report))
        else:
            typer.echo("\n".join(byhand.report_lines(report)))
        if report.trouble:
            raise MonitorError(f"{report.url}: {report.trouble}")


@feeds_app.command("import")
def feeds_import(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="OPML files.")],
    tag: TagOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be added.")] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Add the feeds of OPML files to feeds.yaml, skipping those it has; groups become tags."""
    with exit_codes():
        from monitor import byhand

        tags = [usable(text_of, label) for label in tag or ()]
        known = load_feedlist(config, load_settings(config, os.environ))
        outlines = [outline for file in files for outline in _read(file)]
        merged = byhand.merged(outlines, known, tags)
        for why in merged.left_out:
            typer.echo(f"left out: {why}", err=True)
        if merged.new and not dry_run:
            add_feeds(config / "feeds.yaml", merged.new)
        if dry_run:
            typer.echo("".join(f"{feed.url}  {feed.name}\n" for feed in merged.new), nl=False)
        verb = "would be added" if dry_run else "added"
        typer.echo(
            f"{config / 'feeds.yaml'}: {len(merged.new)} feeds {verb}, {merged.known} already there, "
            f"{len(merged.left_out)} left out"
        )
        if not outlines:
            raise MonitorError("no feeds in there; an OPML file has outlines with an xmlUrl")


@feeds_app.command("export")
def feeds_export(
    file: Annotated[Path | None, typer.Argument(help="Where to write; stdout when absent.")] = None,
    config: ConfigOption = CONFIG,
) -> None:
    """Write the configured feeds as OPML 2.0, for other readers and for `monitor feeds import`."""
    with exit_codes():
        from monitor import byhand
        from monitor.feeds import write_opml

        settings = load_settings(config, os.environ)
        opml = write_opml(byhand.outlines(load_feedlist(config, settings), settings))
        if file is None:
            typer.echo(opml, nl=False)
            return
        try:
            file.write_bytes(opml)
        except OSError as e:
            raise MonitorError(f"cannot write {file}: {(e.strerror or 'unknown trouble').lower()}") from e


def _chosen(discovery: "Discovery", url: str, pick: int | None, take_all: bool) -> "Sequence[FoundFeed]":
    found = discovery.found
    if not found:
        raise MonitorError(f"{url}: no feed found; look on the site for a link called RSS, Atom or Feed")
    if pick is not None:
        if pick > len(found):
            raise MonitorError(f"there is no feed {pick}, only {len(found)}")
        return found[pick - 1 : pick]
    if len(found) > 1 and not take_all:
        raise MonitorError(f"{len(found)} feeds found; choose with --pick N, or take them with --all")
    return found


def _read(file: Path) -> "Sequence[Outline]":
    from monitor.feeds import MAX_OPML_BYTES, read_opml

    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_OPML_BYTES + 1)
    except OSError as e:
        raise MonitorError(f"cannot read {file}: {(e.strerror or 'unknown trouble').lower()}") from e
    if len(data) > MAX_OPML_BYTES:
        raise MonitorError(f"{file} is larger than {MAX_OPML_BYTES // 1_000_000} MB; split it")
    opml = read_opml(data)
    if opml.mended:
        typer.echo(f"{file}: warning: mended: {', '.join(opml.mended)}", err=True)
    return opml.feeds
