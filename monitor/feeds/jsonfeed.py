"""JSON Feed 1.0 and 1.1, read as tolerantly as XML: what has the wrong type counts as absent. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Any

from monitor.feeds.cleaning import (
    AUTHOR_LIMIT,
    SUMMARY_LIMIT,
    TITLE_LIMIT,
    absolute,
    bounded_guid,
    moment,
    plain,
)
from monitor.feeds.frames import Document
from monitor.records import FetchFailed, ParsedItem

_VERSION = re.compile(r"https?://(?:www\.)?jsonfeed\.org/version/(\d)(?:\.(\d))?")


def read_json_feed(text: str, base: str) -> Document | FetchFailed:
    """Read a document that begins as JSON does."""
    try:
        feed = json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        reason = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        return FetchFailed(kind="parse", message=f"The document begins as JSON and cannot be read{reason}.")
    version = _VERSION.match(str(feed.get("version"))) if isinstance(feed, dict) else None
    if version is None or not isinstance(feed.get("items"), list):
        return FetchFailed(
            kind="parse", message="The address answers with JSON that is not a JSON Feed; look for the feed."
        )
    hubs = _mappings(feed.get("hubs"))
    return Document(
        format=f"jsonfeed{version[1]}{version[2] or 0}",
        title=plain(feed.get("title"), TITLE_LIMIT),
        items=tuple(_item(item, base) for item in _mappings(feed["items"])),
        whole=True,
        hub=next((hub for entry in hubs if (hub := absolute(entry.get("url"), base))), None),
        self_url=absolute(feed.get("feed_url"), base),
    )


def _item(item: Mapping[str, Any], base: str) -> ParsedItem:
    identifier = item.get("id")
    if isinstance(identifier, int | float) and not isinstance(identifier, bool):
        identifier = f"{identifier}"
    summary = (
        plain(item.get("summary"), SUMMARY_LIMIT)
        or plain(item.get("content_text"), SUMMARY_LIMIT)
        or plain(item.get("content_html"), SUMMARY_LIMIT, "text/html")
    )
    # The first version had one author; the next has a list of them.
    authors = (*_mappings(item.get("authors")), *_mappings([item.get("author")]))
    links = (item.get("url"), item.get("external_url"), identifier if "://" in str(identifier) else None)
    return ParsedItem(
        guid=bounded_guid(identifier),
        url=next((url for link in links if (url := absolute(link, base))), None),
        title=plain(item.get("title"), TITLE_LIMIT),
        summary=summary,
        author=next((name for one in authors if (name := plain(one.get("name"), AUTHOR_LIMIT))), None),
        published=moment(item.get("date_published")) or moment(item.get("date_modified")),
    )


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
