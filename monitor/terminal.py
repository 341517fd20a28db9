"""What every command shares: options, the configuration, exit codes, output for programs."""

import json
import os
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from monitor.configuration import Configuration, load_configuration
from monitor.errors import ConfigurationError, MonitorError
from monitor.fields import did_you_mean

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", help="The folder with monitor.yaml, feeds.yaml and watchlists/.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
CONFIG = Path("config")
MOST_DAYS = 36_500
"""That a command may look back: a calendar begins somewhere."""
T = TypeVar("T")


def load(config: Path) -> Configuration:
    """Read the whole configuration, its warnings going to stderr; ConfigurationError if it is wrong."""
    loaded = load_configuration(config, os.environ)
    for warning in loaded.warnings:
        typer.echo(str(warning), err=True)
    return loaded


def log_warnings() -> None:
    """Have only warnings logged, to stderr: the command itself says the rest."""
    from monitor import log

    log.configure("WARNING")


def usable(read: Callable[[str], T], written: str) -> T:
    """Read what stands in an option; a ValueError's text is shown as bad usage."""
    try:
        return read(written)
    except ValueError as e:
        raise typer.BadParameter(str(e)) from None


def known_topic(config: Configuration, written: str) -> str:
    """Return the id of a topic as it was written; bad usage, with what may have been meant, if it is none."""
    known = {topic.id for topic in config.topics}
    if written not in known:
        raise typer.BadParameter(f"there is no topic {written}; {did_you_mean(written, known)}")
    return written


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in an event loop of its own."""
    import asyncio
    import signal

    # SIGTERM unwinds like Ctrl-C, so that temporary files go; `run` listens for both itself.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return asyncio.run(coroutine)


def print_json(value: Any) -> None:
    """Print a plain value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout: names in the first column, figures in the others."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, header in enumerate(headers):
        table.add_column(header, no_wrap=True, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    # Into a file or a pipe there is no width to keep to.
    Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr, if that is a terminal, while things are counted with what is yielded."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=total)
        yield lambda count: bar.advance(task, count)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what a person can mend into its message on stderr and its exit code."""
    try:
        yield
    except ConfigurationError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except MonitorError as error:
        typer.echo(f"monitor: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        sys.exit(130)
