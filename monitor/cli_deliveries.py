"""The commands ``monitor deliveries …``: list, retry."""

from enum import StrEnum
from typing import Annotated

import typer

from monitor.terminal import CONFIG, ConfigOption, JsonOption, exit_codes, load, print_json

deliveries_app = typer.Typer(
    help="Look at messages that have not reached their channel, and have failed ones tried again.",
    no_args_is_help=True,
)


class Unsent(StrEnum):
    """Where a message stands that is not known to be in its channel."""

    PENDING = "pending"
    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    FAILED = "failed"


@deliveries_app.command("list")
def deliveries_list(
    state: Annotated[Unsent | None, typer.Option(help="Only those that stand so.")] = None,
    channel: Annotated[str | None, typer.Option(help="Only this channel's; its # may be left out.")] = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List what has not reached its channel, or not for certain, with the last error, the oldest first."""
    with exit_codes():
        loaded = load(config)
        from monitor import outbox

        found = outbox.unsent(loaded, state.value if state else None, channel)
        if as_json:
            print_json(outbox.unsent_rows(found))
        else:
            typer.echo("\n".join(outbox.unsent_lines(found)))


@deliveries_app.command("retry")
def deliveries_retry(
    delivery: Annotated[str | None, typer.Argument(help="The delivery's id, as `list` tells it.")] = None,
    all_failed: Annotated[bool, typer.Option("--all-failed", help="All that failed.")] = False,
    config: ConfigOption = CONFIG,
) -> None:
    """Have a message tried again that its channel would not take; beside a running service, too."""
    with exit_codes():
        if (delivery is None) is not all_failed:
            raise typer.BadParameter("give either a delivery's id or --all-failed")
        loaded = load(config)
        from monitor import outbox

        count = outbox.retry(loaded, delivery)
        typer.echo(f"deliveries that are tried again: {count}")
