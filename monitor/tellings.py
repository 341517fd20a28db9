"""Items, stories and topics as grouping sees them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from monitor.background import Reference
from monitor.copies import Triples, triples
from monitor.passages import item_text
from monitor.records import Item
from monitor.vectors import Array, PieceIds, Vectors, unit

__all__ = ["Story", "Subject", "Telling", "story", "subject", "telling"]

_MEMBERS = 60
_PIECES = 96
_LONGEST_TEXT = 800
_OLDEST = timedelta(days=10)
"""A date that lies further back than this from when the item was first seen is not believed."""

# "May" is a verb more often than a month.
_MONTH = re.compile(
    r"\b(January|February|March|April|June|July|August|September|October|November|December)\b"
)
_MAGNITUDE = re.compile(
    r"\bmagnitude(?:[- ]of)?[- ](\d+(?:\.\d+)?)|\b(\d+(?:\.\d+)?)[- ]magnitude\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a topic's own sentences have in common: their mean ``direction`` (d,), relative to ordinary news,
    and of each of the ``pieces`` (n,) the share of sentences that hold it, ``shares`` (n,)."""

    direction: Array
    pieces: PieceIds
    shares: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """An item as grouping sees it: ``centred`` (d,) is its vector relative to ordinary news.

    ``pieces`` are the word pieces of its text, the first ``headline`` of them the headline's; ``when`` is
    the time of what it tells, None where nothing is known.
    """

    item_id: int
    feed_id: int
    seen: datetime
    when: datetime | None
    outlet: str
    address: str | None
    headline_key: str | None
    centred: Array
    pieces: PieceIds
    headline: int
    triples: Triples
    months: frozenset[str]
    magnitudes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One event: its first telling and the last 59, oldest first, and what they have in common.

    ``direction`` (d,) is their mean, ``shares`` (n,) says of each of the ``pieces`` (n,) how many of them
    hold it. ``touched`` is when the last one was seen.
    """

    id: int
    tellings: tuple[Telling, ...]
    touched: datetime
    direction: Array
    pieces: PieceIds
    shares: Array


def telling(
    item: Item, outlet: str, vector: Vectors, pieces: PieceIds, headline: int, reference: Reference
) -> Telling:
    """Return an item as grouping sees it.

    ``vector`` (d,) and ``pieces`` are those of ``item_text``, the vector as it is stored; ``headline`` is the
    number of word pieces of the title.
    """
    text = item_text(item.title, item.summary)[:_LONGEST_TEXT]
    return Telling(
        item_id=item.id,
        feed_id=item.feed_id,
        seen=item.first_seen,
        when=_when(item),
        outlet=outlet,
        address=item.canonical_url,
        headline_key=item.headline_key,
        centred=unit(vector.astype(np.float64) - reference.mean),
        pieces=pieces[:_PIECES],
        headline=min(headline or len(pieces), _PIECES),
        triples=triples(text),
        months=frozenset(_MONTH.findall(text)),
        magnitudes=frozenset(before or after for before, after in _MAGNITUDE.findall(text)),
    )


def _when(item: Item) -> datetime | None:
    """Return the date where it can be true, else when the item was first seen, if that says anything."""
    if item.published is None:
        return None if item.backlog else item.first_seen
    believed = item.first_seen - _OLDEST <= item.published <= item.first_seen
    return item.published if believed else item.first_seen


def story(id_: int, tellings: Sequence[Telling]) -> Story:
    """Return the story that these items tell, at least one; their order is of no account."""
    ordered = sorted(tellings, key=lambda of: (of.seen, of.item_id))
    kept = ordered if len(ordered) <= _MEMBERS else [ordered[0], *ordered[1 - _MEMBERS :]]
    pieces, counts = np.unique(np.concatenate([np.unique(of.pieces) for of in kept]), return_counts=True)
    return Story(
        id=id_,
        tellings=tuple(kept),
        touched=ordered[-1].seen,
        direction=np.mean([of.centred for of in kept], axis=0),
        pieces=pieces,
        shares=counts / len(kept),
    )


def subject(vectors: Vectors, pieces: Sequence[PieceIds], reference: Reference) -> Subject:
    """Return what sentences, at least one, have in common; ``vectors`` (sentences, d) and their pieces."""
    held, counts = np.unique(np.concatenate([np.unique(of) for of in pieces]), return_counts=True)
    centred = unit(vectors.astype(np.float64) - reference.mean)
    return Subject(direction=centred.mean(axis=0), pieces=held, shares=counts / len(pieces))
