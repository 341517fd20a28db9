"""The commands ``monitor routes …``: test, list."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from monitor.errors import MonitorError
from monitor.terminal import (
    CONFIG,
    ConfigOption,
    JsonOption,
    exit_codes,
    load,
    log_warnings,
    print_json,
    run_async,
)

routes_app = typer.Typer(help="Where stories go, and where an item would.", no_args_is_help=True)


@routes_app.command("test")
def routes_test(
    item: Annotated[
        Path,
        typer.Option(
            help="JSON: title, summary, url, feed, tags; scores by topic (else the model's); sources; time."
        ),
    ],
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show where an item would go, and why not by the other routes; exit 1 if nowhere."""
    with exit_codes():
        loaded = load(config)
        log_warnings()
        from monitor import routestest
        from monitor.clock import utc_now
        from monitor.vectorise import load_encoder

        sample = routestest.read_sample(item, loaded)
        now = sample.at or utc_now()
        model = partial(load_encoder, loaded.settings.encoder)
        scored = run_async(routestest.score_sample(sample, loaded.topics, now=now, load=model))
        trial = routestest.try_routes(loaded, sample, scored, now)
        if as_json:
            print_json(routestest.as_json(trial))
        else:
            typer.echo("\n".join(routestest.lines(loaded, trial)))
        if not trial.matched:
            raise MonitorError("it would go nowhere")


@routes_app.command("list")
def routes_list(config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """List the routes in their order, and what channels ask for beside their stories."""
    with exit_codes():
        loaded = load(config)
        from monitor import routeslist

        if as_json:
            print_json(routeslist.as_json(loaded))
        else:
            typer.echo("\n".join(routeslist.lines(loaded)))
