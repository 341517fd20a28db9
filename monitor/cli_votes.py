"""The commands ``monitor votes …``: add, undo, list, show."""

import getpass
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from monitor.terminal import CONFIG, ConfigOption, JsonOption, exit_codes, load, print_json

votes_app = typer.Typer(help="Say which items a topic's subscribers want.", no_args_is_help=True)

TopicArgument = Annotated[str, typer.Argument(help="The topic's id.")]


class Way(StrEnum):
    """Wanted, or not."""

    UP = "up"
    DOWN = "down"


@votes_app.command("add")
def votes_add(
    topic: TopicArgument,
    url: Annotated[str, typer.Argument(help="The item's address.")],
    way: Annotated[Way, typer.Argument(help="Whether items like it are wanted.")],
    by: Annotated[str | None, typer.Option(help="Whose vote it is; you when absent.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Vote on an item that a feed has shown; the vote before on the same item is replaced."""
    with exit_codes():
        loaded = load(config)
        from monitor import ballots
        from monitor.clock import utc_now

        voter = by or getpass.getuser()
        vote = ballots.add_vote(loaded, topic, url, up=way is Way.UP, by=voter, now=utc_now())
        if as_json:
            print_json(ballots.vote_rows([vote])[0])
        else:
            typer.echo("\n".join(ballots.vote_lines([vote])))


@votes_app.command("undo")
def votes_undo(
    vote: Annotated[int | None, typer.Argument(help="The vote's number; the last one when absent.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Take back a vote, by default the last one."""
    with exit_codes():
        loaded = load(config)
        from monitor import ballots
        from monitor.clock import utc_now

        undone = ballots.undo_vote(loaded, vote, utc_now())
        if as_json:
            print_json(ballots.vote_rows([undone])[0])
        else:
            typer.echo("undone: " + ballots.vote_lines([undone])[0].strip())


@votes_app.command("list")
def votes_list(
    topic: Annotated[str | None, typer.Argument(help="The topic's id; all when absent.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List the votes that stand, the oldest first."""
    with exit_codes():
        loaded = load(config)
        from monitor import ballots

        votes = ballots.standing(loaded, topic)
        if as_json:
            print_json(ballots.vote_rows(votes))
        else:
            typer.echo("\n".join(ballots.vote_lines(votes)))


@votes_app.command("show")
def votes_show(topic: TopicArgument, config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show what examples and votes make of a topic, those that weigh most first."""
    with exit_codes():
        loaded = load(config)
        from monitor import ballots

        shift, pulls = ballots.weights(loaded, topic)
        if as_json:
            print_json({"shift": shift, "pulls": [asdict(pull) for pull in pulls]})
        else:
            typer.echo("\n".join(ballots.weights_lines(shift, pulls)))
