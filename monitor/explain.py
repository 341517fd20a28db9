"""Answers what people ask of the ledger: what happened to this item, and how are the feeds?"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor.configuration import Configuration
from monitor.identity import canonical_url
from monitor.policy import REASONS
from monitor.records import DeliveryStatus, History, TopicHistory
from monitor.storage import open_storage


def histories(config: Configuration, url: str) -> list[History]:
    """Return what happened to every item with this address, tracking parameters aside."""
    urls = frozenset({url, canonical_url(url) or url})
    storage = open_storage(config.settings.storage.url, read_only=True)
    try:
        return storage.ledger.history(urls)
    finally:
        storage.close()


def lines(config: Configuration, found: list[History]) -> list[str]:
    """Return histories as text, an indented block per item."""
    names = {topic.id: topic.name for topic in config.topics}
    return [line for history in found for line in _history_lines(config, history, names)]


def _history_lines(config: Configuration, history: History, names: dict[str, str]) -> list[str]:
    item = history.item
    text = [item.title or "(no title)", f"  {item.url or 'no address'}"]
    text.append(f"  seen {_time(item.first_seen)} in {item.feed_name}, published {_time(item.published)}")
    if item.edited_at:
        text.append(f"  edited by its publisher, last seen {_time(item.edited_at)}")
    if item.full_text:
        text.append(f"  article read: {len(item.full_text.split())} words")
    elif item.full_text_missing:
        text.append(f"  article not read: {item.full_text_missing}")
    if history.scored_at is None:
        return [*text, "  waits for its score", ""]
    scored = {topic.score.topic_id for topic in history.topics}
    for topic in history.topics:
        text += _topic_lines(topic, names.get(topic.score.topic_id, topic.score.topic_id))
    others = [topic.name for topic in config.topics if topic.id not in scored]
    if others:
        text.append(f"  under 5, or not among the topic's feeds: {', '.join(others)}")
    return [*text, ""]


def _topic_lines(topic: TopicHistory, name: str) -> list[str]:
    score = topic.score
    verdict = "match" if score.matched else "no match"
    text = [f"  {name}: {score.score:.0f}, {verdict}"]
    parts = ", ".join(f"{part} {value:+.0f}" for part, value in score.evidence.parts.items())
    text.append(f"    closest: “{score.evidence.sentence}”" + (f" ({parts})" if parts else ""))
    if "passage" in score.evidence.parts:
        text.append(f"    in the article: “{score.evidence.text}”")
    if score.evidence.gate:
        text.append(f"    kept out: {score.evidence.gate}")
    if topic.verdict is not None:
        reason = topic.verdict.reason
        text.append(f"    {topic.verdict.decision}: {REASONS.get(reason, reason)} ({reason})")
    elif score.matched:
        text.append("    waits for a decision")
    return text + [f"    {_delivery_line(delivery)}" for delivery in topic.deliveries]


def _delivery_line(delivery: DeliveryStatus) -> str:
    receipt = delivery.receipt
    line = f"{delivery.channel}: {delivery.state}"
    if receipt is not None:
        link = f"https://slack.com/archives/{receipt.channel}/p{receipt.ts.replace('.', '')}"
        return f"{line}, {link}" if receipt.channel != "console" else line
    return f"{line} after {delivery.attempt} attempts: {delivery.last_error}" if delivery.last_error else line


def as_json(found: list[History]) -> list[dict[str, Any]]:
    """Return histories as plain JSON values, times in ISO format."""
    return [_plain(asdict(history)) for history in found]


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "without a date"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case set() | frozenset():
            return sorted(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)
