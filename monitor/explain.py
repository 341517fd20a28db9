"""Answers what people ask of the ledger: what happened to this item, and how are the feeds?"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from monitor.configuration import Configuration
from monitor.grouping import REASONS as PLACES
from monitor.identity import canonical_url
from monitor.policy import REASONS
from monitor.records import DeliveryStatus, Evidence, History, Score, StoryPlace, TopicHistory
from monitor.relevance import KEPT_FROM
from monitor.storage import open_storage
from monitor.vectors import logit, points
from monitor.watchlist import SENSITIVITIES


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
    cuts = {topic.id: topic.cut for topic in config.topics}
    scored = {topic.score.topic_id for topic in history.topics}
    for topic in history.topics:
        id_ = topic.score.topic_id
        text += _topic_lines(topic, names.get(id_, id_), cuts.get(id_))
    others = [topic.name for topic in config.topics if topic.id not in scored]
    if others:
        text.append(f"  under {KEPT_FROM:.0f}, or not among the topic's feeds: {', '.join(others)}")
    return [*text, ""]


def _topic_lines(topic: TopicHistory, name: str, cut: float | None) -> list[str]:
    score = topic.score
    verdict = "match" if score.matched else "no match"
    text = [f"  {name}: {score.score:.0f}, {verdict}", f"    {_parts_line(score.evidence, cut)}"]
    if "passage" in score.evidence.parts:
        text.append(f"    in the article: “{score.evidence.text}”")
    text += [f"    {line}" for line in _what_if(score, cut)]
    if topic.verdict is not None:
        reason = topic.verdict.reason
        meaning = REASONS[reason][1] if reason in REASONS else reason
        text.append(f"    {topic.verdict.decision}: {meaning} ({reason})")
    elif score.matched:
        text.append("    waits for a decision")
    if topic.story is not None:
        text.append(f"    {_story_line(topic.story)}")
    return text + [f"    {_delivery_line(delivery)}" for delivery in topic.deliveries]


def _story_line(place: StoryPlace) -> str:
    """Return which story an item is in, and why it has joined it or opened it."""
    why = PLACES.get(place.reason, place.reason)
    like = f"; most like “{place.like}”, {place.score:.0f} %" if place.like else ""
    return f"story {place.story_id} of {place.items} items, “{place.headline}”: {why} ({place.reason}){like}"


def _parts_line(evidence: Evidence, cut: float | None) -> str:
    """Return the parts of a score in words; their points add up to it."""
    parts = dict(evidence.parts)
    close = f"close to “{evidence.sentence}”"
    told = [f"{close} {parts.pop('closeness'):.0f}" if "closeness" in parts else close]
    if "words" in parts:
        found = ", ".join(evidence.words) or "none of the topic's"
        told.append(f"words: {found} {parts.pop('words'):+.0f}")
    if "not_about" in parts:
        told.append(f"pushed down by not_about “{evidence.not_about or ''}” {parts.pop('not_about'):+.0f}")
    told += [f"{part} {points:+.0f}" for part, points in parts.items()]
    return "; ".join(told if cut is None else [*told, f"cut {cut:g}"])


def _what_if(score: Score, cut: float | None) -> list[str]:
    """Return what kept an item from matching, and what would have let it."""
    evidence, reached = score.evidence, sum(score.evidence.parts.values())
    if score.matched or cut is None:
        return []
    told = []
    if evidence.gate:
        told.append(f"kept out: {evidence.gate}" + (", else it would have matched" if reached >= cut else ""))
    if reached < cut:
        told.append(f"{cut - reached:.0f} points short")
        opposing = {"not_about": f"not_about “{evidence.not_about or ''}”", "votes": "the votes"}
        told += [
            f"without {what} it would have matched"
            for part, what in opposing.items()
            if evidence.parts.get(part, 0.0) < 0 and _without(evidence, part) >= cut
        ]
        wide_enough = [word for word, least in SENSITIVITIES.items() if least <= reached]
        if wide_enough:
            told.append(f"at sensitivity {wide_enough[0]} it would have")
    return ["; ".join(told)]


def _without(evidence: Evidence, left_out: str) -> float:
    """Return the points without a part: parts are told one after the other, and add up in logits."""
    before, steps = 0.0, 0.0
    for part, added in evidence.parts.items():
        step = _logit(before + added) - _logit(before) if before else _logit(added)
        steps += 0.0 if part == left_out else step
        before += added
    return points(steps)


def _logit(points: float) -> float:
    return logit(min(max(points, 0.005), 99.995) / 100.0)


def _delivery_line(delivery: DeliveryStatus) -> str:
    receipt = delivery.receipt
    kind = "" if delivery.kind == "post" else f"{delivery.kind}, "
    line = f"{delivery.channel}: {kind}{delivery.state}"
    if receipt is not None:
        link = f"https://slack.com/archives/{receipt.channel}/p{receipt.ts.replace('.', '')}"
        in_slack = receipt.channel != "console" and "://" not in receipt.channel
        return f"{line}, {link}" if in_slack else line
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
