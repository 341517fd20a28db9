"""Front door of the configuration: reads a folder as a whole, so that every problem is told at once.

monitor.yaml + environment ──► settings ─┐ defaults
feeds.yaml ──────────────────► feeds ◄───┤
                                 │ labels│
watchlists/*.yaml ───────────► topics ◄──┘
                                 │ names
routes.yaml ─────────────────► routes, channels
templates/*.json.j2 ─────────► templates
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from monitor.errors import ConfigurationError
from monitor.feedlist import FeedList, read_feedlist
from monitor.notify import read_templates
from monitor.records import ChannelPlan, FeedSpec, Problem, Route, Topic
from monitor.routesfile import Known, Routes, read_routes
from monitor.routing import Timing
from monitor.settings import Settings, read_settings
from monitor.watchlist import Watchlists, read_watchlists

__all__ = ["Configuration", "load_configuration", "load_feedlist", "load_settings", "load_topics"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A configuration without errors; ``warnings`` are what deserves a second thought.

    ``channels`` says by channel what it asks for beside its stories, if anything; ``templates`` are layouts
    of messages by what they are for.
    """

    settings: Settings
    feeds: tuple[FeedSpec, ...]
    topics: tuple[Topic, ...]
    routes: tuple[Route, ...] = ()
    channels: Mapping[str, ChannelPlan] = field(default_factory=dict)
    warnings: tuple[Problem, ...]
    templates: Mapping[str, str] = field(default_factory=dict)

    @property
    def timing(self) -> Timing:
        """When stories are told where no route says otherwise."""
        alerts = self.settings.alerts
        return Timing(
            wait_before_first=alerts.wait_before_first,
            update_every=alerts.update_every,
            remind_after=alerts.remind_after,
        )


def load_configuration(folder: Path, environ: Mapping[str, str]) -> Configuration:
    """Read a configuration folder; ConfigurationError with every problem of all files, in reading order."""
    folder = _shown(folder)
    try:
        next(folder.iterdir(), None)
    except OSError as e:
        message = f"cannot read this folder: {(e.strerror or 'unknown trouble').lower()}"
        raise ConfigurationError([Problem(path=folder, line=1, column=1, message=message)]) from None
    settings, problems = read_settings(folder / "monitor.yaml", environ)
    feeds = read_feedlist(folder / "feeds.yaml", settings.fetch.every)
    watchlists = read_watchlists(folder / "watchlists", feeds.labels, settings.slack.channel)
    routes = _read_routes(folder / "routes.yaml", feeds, watchlists)
    templates, faults = read_templates(folder / "templates")
    found = sorted(
        (*problems, *feeds.problems, *watchlists.problems, *routes.problems, *faults),
        key=lambda problem: (str(problem.path), problem.line, problem.column),
    )
    _refuse_errors(found)
    return Configuration(
        settings=settings,
        feeds=feeds.feeds,
        topics=watchlists.topics,
        routes=routes.routes,
        channels=routes.channels,
        warnings=tuple(found),
        templates=templates,
    )


def _read_routes(path: Path, feeds: FeedList, watchlists: Watchlists) -> Routes:
    if not os.path.lexists(path):
        return Routes(routes=(), channels={}, problems=())
    known = Known(
        topics=watchlists.ids or None,
        watchlists=watchlists.names or None,
        tags=feeds.tags if feeds.labels else None,
        channels=frozenset(topic.channel for topic in watchlists.topics),
    )
    return read_routes(path, known)


def load_settings(folder: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings alone, defaults where there are none; ConfigurationError if they are wrong."""
    settings, problems = read_settings(_shown(folder) / "monitor.yaml", environ)
    _refuse_errors(problems)
    return settings


def load_feedlist(folder: Path, settings: Settings) -> FeedList:
    """Read the feeds of a folder alone, none where it has no list; ConfigurationError if one is wrong."""
    path = _shown(folder) / "feeds.yaml"
    if not path.exists():
        return FeedList(feeds=(), labels=frozenset(), tags=frozenset(), problems=())
    feeds = read_feedlist(path, settings.fetch.every)
    _refuse_errors(feeds.problems)
    return feeds


def load_topics(path: Path, settings: Settings, labels: frozenset[str] = frozenset()) -> tuple[Topic, ...]:
    """Read one watchlist or a folder of them; ConfigurationError if they are wrong or there is none.

    ``labels`` are the feed names and tags that topics may ask for, empty to leave that unchecked.
    """
    watchlists = read_watchlists(_shown(path), labels, settings.slack.channel)
    _refuse_errors(watchlists.problems)
    if not watchlists.topics:
        raise ConfigurationError(watchlists.problems)
    return watchlists.topics


def _refuse_errors(problems: Sequence[Problem]) -> None:
    if any(problem.severity == "error" for problem in problems):
        raise ConfigurationError(problems)


def _shown(folder: Path) -> Path:
    absolute, here = folder.absolute(), Path.cwd()
    return absolute.relative_to(here) if absolute.is_relative_to(here) else absolute
