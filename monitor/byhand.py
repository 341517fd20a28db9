"""Feeds by hand: look for them, look at one, and carry lists of them in and out.

Nothing here is stored but entries of ``feeds.yaml``; the service takes them up at its next start.
"""

import os
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import chain, count
from typing import Any

from monitor.checkup import Checkup, examine, remarks, written_age
from monitor.errors import MonitorError
from monitor.feedlist import FeedList, NewFeed, alike
from monitor.feeds import (
    Discovery,
    FetchLimits,
    FoundFeed,
    Outline,
    Page,
    Pages,
    Redirect,
    find_feeds,
    open_pages,
)
from monitor.fields import duration, interval, split_url, web_url, written_duration
from monitor.records import Fetched, FetchFailed, NotModified, PollHints
from monitor.settings import Settings, fetch_proxy
from monitor.text import clean
from monitor.yamlfile import mask_secrets

_NAME_LIMIT = 100


def address(written: str) -> str:
    """Complete an address as people type it, often without ``https://``; ValueError if it is none."""
    return web_url(written if "://" in written else f"https://{written}")


# --- finding ---------------------------------------------------------------------------------------


async def find(url: str, settings: Settings) -> Discovery:
    """Find the feeds at an address; MonitorError if it does not answer."""
    async with open_pages(_limits(settings)) as pages:
        answer = await find_feeds(pages, url)
    if isinstance(answer, FetchFailed):
        raise MonitorError(f"{url}: {answer.message}")
    return answer


def found_lines(discovery: Discovery) -> Iterator[str]:
    """Yield what was found as text, numbered from 1."""
    for number, feed in enumerate(discovery.found, start=1):
        dates = [item.published for item in feed.fetched.items if item.published]
        newest = f"newest {_time(max(dates))}" if dates else "none dated"
        title = feed.fetched.title or "(no title)"
        yield f"{number}. {title} ({feed.fetched.format}, {len(feed.fetched.items)} items, {newest})"
        yield f"   {feed.url}"
    for url, failed in discovery.unreadable:
        yield f"-  {url}: {failed.message}"


def new_feeds(
    found: Iterable[FoundFeed],
    known: FeedList,
    *,
    name: str | None,
    tags: Iterable[str],
    every: timedelta | None,
) -> list[NewFeed]:
    """Turn found feeds that are not in the list yet into entries, called by their titles unless named."""
    outlines = (
        Outline(url=feed.url, name=name or clean(feed.fetched.title, _NAME_LIMIT), tags=frozenset(tags))
        for feed in found
    )
    return [_entry(outline, called, every) for outline, called in _newly_named(outlines, known)]


# --- looking at one --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a look at one address showed; ``trouble`` says why it is no usable feed, None if it is one.

    ``conditional`` is ``honoured``, ``ignored`` or ``not offered``; ``hints`` are how long the feed or its
    server wants to be left alone between polls; ``size`` counts decompressed bytes.
    """

    url: str
    trouble: str | None
    status: int | None = None
    redirects: tuple[Redirect, ...] = ()
    format: str | None = None
    title: str | None = None
    charset: str | None = None
    size: int | None = None
    conditional: str | None = None
    hints: PollHints | None = None
    checkup: Checkup | None = None
    remarks: tuple[str, ...] = ()


async def look(url: str, settings: Settings, now: datetime) -> Report:
    """Fetch an address as the service would, and once more with its validators, and judge what came."""
    async with open_pages(_limits(settings)) as pages:
        page = await pages.get(url)
        if not isinstance(page, Page):
            assert isinstance(page, FetchFailed), "nothing was asked conditionally"
            return Report(url=url, trouble=page.message, status=page.status)
        fetched = await pages.read(page)
        if isinstance(fetched, FetchFailed):
            hint = f" Try `monitor feeds add {page.url}`." if fetched.kind == "html" else ""
            return Report(
                url=url, trouble=fetched.message + hint, status=page.status, redirects=page.redirects
            )
        conditional = await _conditional(pages, url, fetched)
    checkup = examine(fetched.items, now)
    said = tuple(remarks(checkup, now))
    charset = page.declared_charset
    return Report(
        url=url,
        trouble=None if checkup.usable else said[0],
        status=page.status,
        redirects=page.redirects,
        format=fetched.format,
        title=fetched.title,
        charset=f"{charset[0]} ({charset[1]})" if charset else None,
        size=len(page.content),
        conditional=conditional,
        hints=fetched.hints,
        checkup=checkup,
        remarks=(*_remarks(url, page, conditional), *said),
    )


async def _conditional(pages: Pages, url: str, fetched: Fetched) -> str:
    if not (fetched.etag or fetched.last_modified):
        return "not offered"
    again = await pages.get(url, etag=fetched.etag, last_modified=fetched.last_modified)
    return "honoured" if isinstance(again, NotModified) else "ignored"


def _remarks(url: str, page: Page, conditional: str) -> Iterator[str]:
    if (lasting := page.lasting_url(url)) != url:
        yield f"the feed has moved for good; write its new address: {lasting}"
    if conditional == "ignored":
        yield "the server sends the whole document although nothing changed; that costs it and you traffic"


def report_lines(report: Report) -> Iterator[str]:
    """Yield a report as text, the verdict last."""
    yield report.url
    for redirect in report.redirects:
        kept = "for good" if redirect.permanent else "for now"
        yield f"  redirected   {redirect.url} ({redirect.status}, {kept})"
    if report.status is not None:
        yield f"  status       {report.status}"
    if report.checkup is not None:
        yield f"  title        {report.title or '(none)'}"
        yield f"  format       {report.format}, {report.charset or 'no charset named'}, {report.size:,} bytes"
        yield from _checkup_lines(report.checkup)
        yield f"  conditional  {report.conditional}"
        if report.hints:
            asked = written_age(report.hints.min_interval)
            yield f"  asks for     {asked} between polls ({report.hints.source})"
    yield from (f"  note         {remark}" for remark in report.remarks)
    yield f"unusable: {report.trouble}" if report.trouble else "usable"


def _checkup_lines(checkup: Checkup) -> Iterator[str]:
    counts = f"{checkup.dated} dated, {checkup.with_link} with a link, {checkup.with_guid} with a guid"
    repeated = f" ({checkup.repeated_guids} repeated)" if checkup.repeated_guids else ""
    yield f"  items        {checkup.items}: {counts}{repeated}"
    if checkup.newest and checkup.oldest:
        yield f"  newest       {_time(checkup.newest)}, oldest {_time(checkup.oldest)}"
    yield f"  rhythm       {checkup.rhythm}"
    yield f"  summaries    {checkup.summary_words} words"


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as plain JSON values, times in ISO format."""
    plain = asdict(report)
    for key in ("newest", "oldest"):
        if report.checkup and (moment := getattr(report.checkup, key)):
            plain["checkup"][key] = moment.isoformat()
    if report.hints:
        seconds = report.hints.min_interval.total_seconds()
        plain["hints"] = {"min_interval_seconds": seconds, "source": report.hints.source}
    return {**plain, "usable": report.trouble is None}


# --- lists in and out ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What importing a list means: entries to add, how many there are already, what is left out and why."""

    new: tuple[NewFeed, ...]
    known: int
    left_out: tuple[str, ...]


def merged(outlines: Sequence[Outline], known: FeedList, tags: Iterable[str]) -> Merged:
    """Merge imported feeds into a list: each address once, with the tags of all its places."""
    usable: dict[str, Outline] = {}
    left_out: dict[str, str] = {}
    for outline in outlines:
        try:
            _readable(outline)
        except ValueError as error:
            left_out[outline.url] = f"{mask_secrets(clean(outline.url, _NAME_LIMIT))}: {error}"
            continue
        first = usable.get(alike(outline.url), outline)
        usable[alike(outline.url)] = Outline(
            url=first.url,
            name=first.name or outline.name,
            tags=first.tags | outline.tags | frozenset(tags),
            every=first.every or outline.every,
            alert_backlog=first.alert_backlog or outline.alert_backlog,
            full_text=first.full_text or outline.full_text,
        )
    new = tuple(_entry(outline, called) for outline, called in _newly_named(usable.values(), known))
    return Merged(new=new, known=len(usable) - len(new), left_out=tuple(left_out.values()))


def outlines(known: FeedList, settings: Settings) -> Iterator[Outline]:
    """Yield the feeds of a list for export; what is a default stays unsaid."""
    for feed in known.feeds:
        yield Outline(
            url=feed.url,
            name=feed.name,
            tags=feed.tags,
            every=written_duration(feed.every) if feed.every != settings.fetch.every else None,
            alert_backlog=written_duration(feed.alert_backlog) if feed.alert_backlog else None,
            full_text=feed.full_text,
        )


def _readable(outline: Outline) -> None:
    web_url(outline.url)
    if clean(outline.url) != outline.url or mask_secrets(outline.url) != outline.url:
        raise ValueError("the address holds what may not stand in a file")
    if outline.every:
        interval(outline.every)
    if outline.alert_backlog:
        duration(outline.alert_backlog)


def _newly_named(outlines: Iterable[Outline], known: FeedList) -> Iterator[tuple[Outline, str]]:
    """Yield the outlines that are not in the list, each with a name that no other feed has."""
    there = {alike(feed.url) for feed in known.feeds}
    names = {feed.name for feed in known.feeds}
    for outline in outlines:
        if alike(outline.url) in there:
            continue
        there.add(alike(outline.url))
        host = split_url(outline.url).hostname or ""
        # A feed without a name is called by its host, and many feeds of a host may be.
        name = "" if outline.name == host else mask_secrets(outline.name)
        called = _free(name, host, names) if name else ""
        names.add(called)
        yield outline, called


def _free(name: str, host: str, taken: Set[str]) -> str:
    tries = chain((name, f"{name} ({host})"), (f"{name} ({number})" for number in count(2)))
    return next(candidate for candidate in tries if candidate not in taken)


def _entry(outline: Outline, name: str, every: timedelta | None = None) -> NewFeed:
    return NewFeed(
        url=outline.url,
        name=name,
        tags=outline.tags,
        every=interval(outline.every) if outline.every else every,
        alert_backlog=duration(outline.alert_backlog) if outline.alert_backlog else timedelta(0),
        full_text=outline.full_text,
    )


def _limits(settings: Settings) -> FetchLimits:
    return FetchLimits(
        allow_private=settings.fetch.allow_private, proxy=fetch_proxy(settings.fetch, os.environ)
    )


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
