"""The commands that test and tune what is relevant: test, evaluate, backtest, near-misses."""

import os
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from monitor.configuration import load_settings, load_topics
from monitor.terminal import (
    CONFIG,
    ConfigOption,
    exit_codes,
    print_table,
    progress,
    run_async,
)

relevance_app = typer.Typer()


@relevance_app.command()
def evaluate(
    watchlist: Annotated[
        Path, typer.Option(exists=True, help="The topics: a watchlist, or a folder of them.")
    ],
    items: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="The stream: JSON lines, .jsonl or .jsonl.xz.")
    ],
    labels: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="TSV: topic, item, grade 2, 1 or 0, story.")
    ],
    votes: Annotated[
        int, typer.Option(min=0, help="Have a simulated person vote on the first N items shown per topic.")
    ] = 0,
    figures: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Write every pair with a score of 5 or more to this TSV file.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw SVG plots of the scores in this folder.")] = None,
    config: ConfigOption = CONFIG,
) -> None:
    """Replay a labelled stream in time order, as the service would have decided, and report the quality."""
    with exit_codes():
        settings = load_settings(config, os.environ)
        topics = load_topics(watchlist, settings)
        from monitor import evaluate as evaluating
        from monitor.labelled import read_items, read_labels
        from monitor.scoring import open_encoder

        began = time.monotonic()
        known, stream = read_labels(labels), list(read_items(items))
        with progress("items", len(stream)) as on_items:
            evaluation = run_async(
                evaluating.evaluate(
                    topics,
                    stream,
                    known,
                    load=partial(open_encoder, settings.encoder.model),
                    max_age=settings.alerts.max_age,
                    votes=votes,
                    on_items=on_items,
                )
            )
        seconds = time.monotonic() - began
        if decisions is not None:
            evaluating.write_decisions(evaluation, decisions)
        if figures is not None:
            evaluating.write_json(evaluation, seconds, figures)
        print_table(evaluating.HEADERS, evaluating.rows(evaluation))
        typer.echo(evaluating.summary(evaluation, seconds))
        for path in evaluating.write_plots(evaluation, plots) if plots is not None else ():
            typer.echo(f"drawn: {path}")
