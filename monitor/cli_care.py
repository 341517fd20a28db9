"""The commands that look after an installation: ``backup``, ``migrate``, ``doctor``."""

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from monitor.configuration import load_settings
from monitor.errors import MonitorError
from monitor.terminal import CONFIG, ConfigOption, JsonOption, exit_codes, print_json, run_async

care_app = typer.Typer()


@care_app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Copy the database to a file, as it is at one moment, also beside a running service."""
    with exit_codes():
        settings = load_settings(config, os.environ)
        if not force and os.path.lexists(file):
            raise MonitorError(f"{file}: there is such a file already; --force replaces it")
        from monitor.storage import back_up

        began = time.monotonic()
        size = back_up(settings.storage.url, file)
        seconds = round(time.monotonic() - began, 1)
        if as_json:
            print_json({"file": str(file), "bytes": size, "seconds": seconds})
        else:
            typer.echo(f"{file}: {size / 2**20:,.1f} MiB in {seconds} s, checked")


@care_app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether there is something to do.")
    ] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Bring the database to this version's schema, as the next start would; keeps a copy of what it was.

    With --check exit 1 if there is something to do.
    """
    with exit_codes():
        settings = load_settings(config, os.environ)
        from monitor import log
        from monitor.storage import open_storage, schema_versions

        log.configure("INFO")
        before, newest = schema_versions(settings.storage.url)
        if before == newest:
            typer.echo(f"the schema is up to date: {newest}")
            return
        if check:
            raise MonitorError(f"the schema is {before or 'unknown'}, and this version's is {newest}")
        open_storage(settings.storage.url).close()
        typer.echo(f"the schema is {newest} now; it was {before or 'unknown'}")


@care_app.command()
def doctor(
    live: Annotated[
        bool, typer.Option("--live", help="Ask Slack too; without it nothing leaves this machine.")
    ] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Examine the installation, and say what to do about what is wrong; exit 1 if something has failed."""
    with exit_codes():
        from monitor import doctor as examining
        from monitor import log
        from monitor.clock import utc_now
        from monitor.records import Check

        log.configure("ERROR")  # what is wrong is said in the checks
        found: list[Check] = []

        async def examine() -> None:
            async for check in examining.examine(config, os.environ, utc_now, live=live):
                found.append(check)
                if not as_json:
                    typer.echo("\n".join(examining.check_lines(check)))

        run_async(examine())
        if as_json:
            print_json([asdict(check) for check in found])
        if any(check.state == "failed" for check in found):
            raise typer.Exit(1)
