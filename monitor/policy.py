"""Whether to tell, and why or why not. Pure.

====================  ========  ==================================================================
reason                decision  when
====================  ========  ==================================================================
``new``               alert     nothing below applies
``backlog``           quiet     the feed's first poll showed it, and it is older than ``alert_backlog``
``too_old``           quiet     published longer ago than ``alerts.max_age``
``duplicate``         quiet     an item with its address or headline has alerted the topic already
``topic_gone``        quiet     its topic left the watchlists before the decision
====================  ========  ==================================================================
"""

from datetime import datetime, timedelta

from monitor.records import Item, Topic, Verdict

REASONS = {
    "new": "nobody has been told of it yet",
    "backlog": "the feed's first poll showed it, and it is older than the feed's alert_backlog",
    "too_old": "it is older than alerts.max_age",
    "duplicate": "an item with the same address or headline has been told already",
    "topic_gone": "its topic was removed from the watchlists",
}
"""What each reason means, for a person."""


def told_since(max_age: timedelta, now: datetime) -> datetime:
    """Return since when what has been told counts as told.

    Twice the age limit covers every item that could still alert, and its late copies.
    """
    return now - 2 * max_age


def decide(item: Item, topic: Topic | None, told: Item | None, max_age: timedelta, now: datetime) -> Verdict:
    """Return the verdict on an item that matched ``topic`` (None when the topic has been removed since).

    ``told`` is the item that told the topic's subscribers the same before, if any.

    An undated item counts as new when a later poll brings it, and as old when the first poll does.
    """
    if topic is None:
        return Verdict(decision="quiet", reason="topic_gone")
    published = item.published
    if item.backlog and (published is None or now - published > item.alert_backlog):
        return Verdict(decision="quiet", reason="backlog")
    if now - (published or item.first_seen) > max_age:
        return Verdict(decision="quiet", reason="too_old")
    if told is not None:
        return Verdict(decision="quiet", reason="duplicate")
    return Verdict(decision="alert", reason="new")
