"""The commands that test and tune what is relevant: test, evaluate, backtest, near-misses."""

import os
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from monitor.configuration import Configuration, load_settings, load_topics
from monitor.errors import MonitorError
from monitor.records import Topic
from monitor.terminal import (
    CONFIG,
    MOST_DAYS,
    ConfigOption,
    JsonOption,
    exit_codes,
    load,
    log_warnings,
    print_json,
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
        Path | None, typer.Option(help="Write every pair with a score of 1 or more to this TSV file.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw SVG plots of the scores in this folder.")] = None,
    config: ConfigOption = CONFIG,
) -> None:
    """Replay a labelled stream in time order, as the service would have decided, and report the quality."""
    with exit_codes():
        settings = load_settings(config, os.environ)
        topics = load_topics(watchlist, settings)
        log_warnings()
        from monitor import evaluate as evaluating
        from monitor.labelled import read_items, read_labels
        from monitor.vectorise import load_encoder

        began = time.monotonic()
        known, stream = read_labels(labels), list(read_items(items))
        with progress("items", len(stream)) as on_items:
            evaluation = run_async(
                evaluating.evaluate(
                    topics,
                    stream,
                    known,
                    load=partial(load_encoder, settings.encoder),
                    alerts=settings.alerts,
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


@relevance_app.command("test")
def run_tests(
    topics: Annotated[list[str] | None, typer.Argument(help="Ids of topics; all when absent.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write the results as JUnit XML to this file.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Run the watchlists' own examples against the model; exit 1 if one falls on the wrong side."""
    with exit_codes():
        loaded = load(config)
        chosen = _chosen(loaded.topics, topics)
        log_warnings()
        from monitor import examples
        from monitor.vectorise import load_encoder

        began = time.monotonic()
        total = sum(len(topic.relevant) + len(topic.irrelevant) for topic in chosen)
        model = partial(load_encoder, loaded.settings.encoder)
        with progress("examples", total) as on_examples:
            results = run_async(
                examples.run_examples(chosen, load=model, on_result=lambda _result: on_examples(1))
            )
        seconds = time.monotonic() - began
        if junit is not None:
            examples.write_junit(results, seconds, junit)
        if as_json:
            print_json(examples.as_json(results))
        else:
            typer.echo("\n".join(examples.lines(chosen, results, seconds)))
        if failed := sum(not result.passed for result in results):
            raise MonitorError(f"{failed} of {len(results)} examples fell on the wrong side")


@relevance_app.command()
def backtest(
    watchlist: Annotated[
        Path | None,
        typer.Option(
            exists=True, help="The changed watchlist, or a folder of them; the current ones if absent."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days of stored history.")] = 30,
    items: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Use this stream, .jsonl or .jsonl.xz, not the history."
        ),
    ] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show stored history under a changed watchlist: alerts a day now and then, what is new, what is gone."""
    with exit_codes():
        loaded = load(config)
        changed = _changed(loaded, watchlist)
        log_warnings()
        from monitor import backtest as backtesting
        from monitor.clock import utc_now
        from monitor.labelled import read_items
        from monitor.vectorise import load_encoder

        since = utc_now() - timedelta(days=days)
        url = loaded.settings.storage.url
        read = backtesting.of_stream(read_items(items)) if items else backtesting.stored(url, since)
        with progress("items") as on_items:
            tested = run_async(
                backtesting.backtest(
                    loaded.topics,
                    changed,
                    read,
                    load=partial(load_encoder, loaded.settings.encoder),
                    max_age=loaded.settings.alerts.max_age,
                    on_items=on_items,
                )
            )
        if as_json:
            print_json(backtesting.as_json(tested))
            return
        print_table(backtesting.HEADERS, backtesting.rows(tested))
        typer.echo("\n".join(backtesting.lines(tested)))


@relevance_app.command("near-misses")
def near_misses(
    topics: Annotated[list[str] | None, typer.Argument(help="Ids of topics; all when absent.")] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days to look back.")] = 7,
    limit: Annotated[int, typer.Option(min=1, help="How many to list.")] = 20,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List what nearly matched, closest to the cut first, with the command that votes for it."""
    with exit_codes():
        loaded = load(config)
        chosen = _chosen(loaded.topics, topics)
        from monitor import nearmisses
        from monitor.clock import utc_now

        since = utc_now() - timedelta(days=days)
        found = nearmisses.near_misses(loaded.settings.storage.url, chosen, since, limit)
        if as_json:
            print_json(nearmisses.as_json(found))
        else:
            typer.echo("\n".join(nearmisses.lines(found) or ["nothing nearly matched"]))


def _chosen(topics: Sequence[Topic], ids: Sequence[str] | None) -> Sequence[Topic]:
    known = {topic.id: topic for topic in topics}
    if unknown := [id_ for id_ in ids or () if id_ not in known]:
        raise typer.BadParameter(f"there is no topic {unknown[0]}; there are {', '.join(known)}")
    return [known[id_] for id_ in ids] if ids else topics


def _changed(loaded: Configuration, watchlist: Path | None) -> Sequence[Topic]:
    """Return the topics as changed: a file replaces the topics of the watchlist that has its name."""
    if watchlist is None:
        return loaded.topics
    labels = frozenset(label for feed in loaded.feeds for label in (feed.name, *feed.tags))
    changed = load_topics(watchlist, loaded.settings, labels)
    if watchlist.is_dir():
        return changed
    ids, names = {topic.id for topic in changed}, {topic.watchlist for topic in changed}
    kept = [topic for topic in loaded.topics if topic.id not in ids and topic.watchlist not in names]
    return [*kept, *changed]
