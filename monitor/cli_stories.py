"""The commands ``monitor stories …``: list, show, split, merge."""

import getpass
from datetime import timedelta
from typing import Annotated

import typer

from monitor.records import StoryHistory
from monitor.terminal import (
    CONFIG,
    MOST_DAYS,
    ConfigOption,
    JsonOption,
    exit_codes,
    known_topic,
    load,
    print_json,
)

stories_app = typer.Typer(help="Look at stories, and put their grouping right.", no_args_is_help=True)

StoryArgument = Annotated[int, typer.Argument(help="The story's number.")]
ByOption = Annotated[str | None, typer.Option(help="Who does it; you when absent.")]


@stories_app.command("list")
def stories_list(
    topic: Annotated[str, typer.Argument(help="The topic's id.")],
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days to look back.")] = 7,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """List a topic's stories that have got an item of late, the latest first."""
    with exit_codes():
        loaded = load(config)
        topic_id = known_topic(loaded, topic)
        from monitor import regroup
        from monitor.clock import utc_now

        found = regroup.stories_of(loaded, topic_id, utc_now() - timedelta(days=days))
        if as_json:
            print_json([regroup.story_row(story) for story in found])
        else:
            typer.echo("\n".join(regroup.summary_lines(found)))


@stories_app.command("show")
def stories_show(story: StoryArgument, config: ConfigOption = CONFIG, as_json: JsonOption = False) -> None:
    """Show a story's items, the first seen first, and why each of them is in it."""
    with exit_codes():
        loaded = load(config)
        from monitor import regroup

        _print(regroup.found_story(loaded, story), as_json=as_json)


@stories_app.command("split")
def stories_split(
    story: StoryArgument,
    items: Annotated[list[int], typer.Argument(help="Numbers of items, as `show` tells them.")],
    by: ByOption = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Move items of a story into a new one; what has been posted stays the old story's."""
    with exit_codes():
        loaded = load(config)
        from monitor import regroup
        from monitor.clock import utc_now

        moved = frozenset(items)
        new = regroup.split_story(loaded, story, moved, by=by or getpass.getuser(), now=utc_now())
        _print(new, as_json=as_json)


@stories_app.command("merge")
def stories_merge(
    into: Annotated[int, typer.Argument(help="The story that stays.")],
    other: Annotated[int, typer.Argument(help="The story of the same topic that becomes part of it.")],
    by: ByOption = None,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Make one story of two; where the one that stays has no post, it takes the other's."""
    with exit_codes():
        loaded = load(config)
        from monitor import regroup
        from monitor.clock import utc_now

        merged = regroup.merge_stories(loaded, into, other, by=by or getpass.getuser(), now=utc_now())
        _print(merged, as_json=as_json)


def _print(story: StoryHistory, *, as_json: bool) -> None:
    from monitor import regroup

    if as_json:
        print_json(regroup.story_row(story))
    else:
        typer.echo("\n".join(regroup.detail_lines(story)))
