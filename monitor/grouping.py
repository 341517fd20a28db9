"""Which story an item tells: one topic's matches grouped into real-world events, one by one. Pure.

    in a story already? ──► a copy? ──► same event in other words? ──► else a new story

    logit(item, member) = 4 · closeness + 5 · words − 2 · log(1 + days) − 1.5 · [same outlet] − 1.75
    logit(item, story)  = half the mean over its members, half the best;  from 0 upward it is the same event

closeness   cosine of the two, relative to ordinary news and to what all stories of the topic have in common
words       late interaction: how well the words of each headline are found in the other item, each word
            by how rare it is among the topic's stories
days        between the times of publication
outlet      one outlet seldom tells one event twice in other words

"The topic's stories" are its 100 last ones, and each counts once, however many items tell it: a burst about
one event must not make that event's own words common. The topic's own sentences count as ten more: with its
first stories a topic would not know what all of them share. A story is open for 7 days after its last item.

All that is known of a topic is its stories, and all that is known of a story is its items: what ``place``
answers is a function of the tables, and rebuilding changes nothing. The numbers were found on labelled
stories; ``docs/design.md`` has the figures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from monitor.background import Reference
from monitor.copies import shared
from monitor.tellings import Story, Subject, Telling, story, subject, telling
from monitor.vectors import Array, PieceIds, Vectors, points, unit

__all__ = [
    "REASONS",
    "STORIES",
    "WINDOW",
    "Lexicon",
    "Placement",
    "Story",
    "Subject",
    "Telling",
    "grown",
    "place",
    "story",
    "subject",
    "telling",
]

REASONS = {
    "known": "it is in this story already",
    "same_address": "an item of the story has the same address",
    "same_headline": "an item of the story has the same headline",
    "copy": "most of its text is that of an item of the story",
    "same_event": "it tells the story's event in other words",
    "first": "the topic has had no story for a week",
    "months_differ": "it is like a story, but names another month",
    "magnitudes_differ": "it is like a story, but names another magnitude",
    "too_far": "no story of the past week is like it",
    "by_hand": "somebody put it there",
}
"""What each reason to join a story, or to open one, means, for a person; the last is no rule's."""

WINDOW = timedelta(days=7)
"""How long after its last item a story is open."""
STORIES = 100
"""How many of a topic's stories say what is common in it, those that last got an item."""

_CLOSENESS, _WORDS, _DAYS, _OUTLET, _BIAS = 4.0, 5.0, 2.0, 1.5, -1.75
_ALONE = 0.875
"""Two word pieces by themselves are more alike than one in its sentence and one by itself: there
is so much less room above chance."""
_PRIOR, _ABOUT = 20.0, 10.0
"""Stories whose weight ordinary news, and the topic's own sentences, have beside the topic's stories."""
_COMMON = 1.0
_LEAST_SHARE = 1 / 20_000
"""Of ordinary news that hold a word piece: none is rarer, whatever the model's vocabulary."""
_UNDATED = 3.5
"""Days that an item without any time counts as apart from every other."""
_COPY = 0.7
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """What a model knows: ordinary news, and the vectors (n, d), each of length 1, of n word pieces."""

    reference: Reference
    vectors: Callable[[PieceIds], Vectors]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an item belongs: the story that it joins, or None for a new one, and why (one of ``REASONS``).

    ``score`` (0–100) is how sure it is that it tells the event of the story ``nearest``; ``like`` is the item
    of that story which it is most like. ``parts`` are the parts of the logit by name, where it came to that.
    """

    story_id: int | None
    reason: str
    score: float = 0.0
    nearest: int | None = None
    like: int | None = None
    parts: Mapping[str, float]


def grown(stories: Sequence[Story], told: Telling, story_id: int) -> tuple[Story, ...]:
    """Return the topic's stories after an item has joined the one with this id, or opened it.

    Those that no later item can need are left out: neither open nor among the last 100.
    """
    before = next((of.tellings for of in stories if of.id == story_id), ())
    new = story(story_id, [*(of for of in before if of.item_id != told.item_id), told])
    known = _by_touch([*(of for of in stories if of.id != story_id), new])
    # Twice the window: items are not always placed in the order in which they were seen.
    older, recent = known[:-STORIES], known[-STORIES:]
    return (*(of for of in older if told.seen - of.touched <= 2 * WINDOW), *recent)


def _by_touch(stories: Sequence[Story]) -> list[Story]:
    return sorted(stories, key=lambda of: (of.touched, of.id))


def place(
    told: Telling, stories: Sequence[Story], lexicon: Lexicon, about: Subject | None = None
) -> Placement:
    """Return which of a topic's stories an item belongs to; ``about`` is the topic's, if it is known.

    ``stories`` are those that got an item within the ``WINDOW`` before this one was seen, and in any case the
    last ``STORIES``; more do no harm, and their order is of no account.
    """
    for of in stories:
        if any(member.item_id == told.item_id for member in of.tellings):
            return _joins(of.id, "known", told.item_id)
    ordered = _by_touch(stories)
    open_ = [of for of in ordered if told.seen - of.touched <= WINDOW]
    if not open_:
        return Placement(story_id=None, reason="first", parts={})
    common = _Common(stories=ordered[-STORIES:], about=about)
    return _copied(told, open_) or _compared(told, open_, common, lexicon)


def _joins(story_id: int, reason: str, like: int) -> Placement:
    return Placement(story_id=story_id, reason=reason, score=100.0, nearest=story_id, like=like, parts={})


def _copied(told: Telling, stories: Sequence[Story]) -> Placement | None:
    members = [(of.id, member) for of in stories for member in of.tellings]
    for id_, member in members:
        # Items of one feed have told each other apart already, and some link them all to one page.
        elsewhere = told.feed_id != member.feed_id
        if told.address is not None and told.address == member.address and elsewhere:
            return _joins(id_, "same_address", member.item_id)
    for id_, member in members:
        if told.headline_key is not None and told.headline_key == member.headline_key:
            return _joins(id_, "same_headline", member.item_id)
    share, id_, like = max(
        (shared(told.triples, member.triples), id_, member.item_id) for id_, member in members
    )
    return _joins(id_, "copy", like) if share >= _COPY else None


def _compared(told: Telling, open_: Sequence[Story], common: "_Common", lexicon: Lexicon) -> Placement:
    """Return the story whose event it tells in other words, or why there is none."""
    whole = _parts(told, [member for of in open_ for member in of.tellings], common, lexicon.reference)
    ends = np.cumsum([len(of.tellings) for of in open_])
    parts = [
        {name: part[end - len(of.tellings) : end] for name, part in whole.items()}
        for of, end in zip(open_, ends, strict=True)
    ]
    near = _within_reach(parts)
    words = _words(told, [member for n in near for member in open_[n].tellings], common, lexicon)
    nearest: Placement | None = None
    for n in near:
        own, words = np.split(words, [len(open_[n].tellings)])
        found = _candidate(told, open_[n], parts[n] | {"words": _WORDS * own})
        if nearest is None or _rank(found) >= _rank(nearest):
            nearest = found
    assert nearest is not None
    return nearest


def _within_reach(parts: Sequence[Mapping[str, Array]]) -> list[int]:
    """Return which stories could be joined if all words were alike, or else the nearest alone.

    Comparing words is most of the work, and most stories are too long ago.
    """
    totals = [np.sum(list(of.values()), axis=0) for of in parts]
    most = [(float(total.mean()) + float(total.max())) / 2.0 + _WORDS for total in totals]
    return [n for n, logit in enumerate(most) if logit >= 0.0] or [int(np.argmax(most))]


def _rank(placement: Placement) -> tuple[bool, float]:
    """Order candidates: those that can be joined first, among equals the one that got an item last."""
    return placement.story_id is not None, placement.score


def _candidate(told: Telling, of: Story, parts: Mapping[str, Array]) -> Placement:
    """Return what would become of an item if this were the only story; ``parts`` are those of its members."""
    best = int(np.argmax(sum(parts.values(), np.zeros(len(of.tellings)))))
    mixed = {name: float(part.mean() + part[best]) / 2.0 for name, part in parts.items()}
    logit = sum(mixed.values())
    reason = _difference(told, of) or "same_event" if logit >= 0.0 else "too_far"
    return Placement(
        story_id=of.id if reason == "same_event" else None,
        reason=reason,
        score=points(logit),
        nearest=of.id,
        like=of.tellings[best].item_id,
        parts=mixed,
    )


def _difference(told: Telling, of: Story) -> str | None:
    """Return what tells look-alikes apart for certain, if anything does."""
    months = frozenset[str]().union(*(member.months for member in of.tellings))
    if told.months and months and not told.months & months:
        return "months_differ"
    magnitudes = frozenset[str]().union(*(member.magnitudes for member in of.tellings))
    if told.magnitudes and magnitudes and not told.magnitudes & magnitudes:
        return "magnitudes_differ"
    return None


def _parts(
    told: Telling, members: Sequence[Telling], common: "_Common", reference: Reference
) -> dict[str, Array]:
    """Return the parts of the logit (members,) of an item with each member, by name, but for words."""
    mean = common.direction
    closeness = unit(np.stack([member.centred for member in members]) - mean) @ unit(told.centred - mean)
    same_outlet = np.array([told.outlet == member.outlet != "" for member in members])
    return {
        "closeness": _CLOSENESS * reference.closeness * closeness,
        "days": -_DAYS * np.log1p([_days(told.when, member.when) for member in members]),
        "outlet": -_OUTLET * same_outlet,
        "bias": np.full(len(members), _BIAS),
    }


def _days(one: datetime | None, other: datetime | None) -> float:
    return _UNDATED if one is None or other is None else abs(one - other) / timedelta(days=1)


def _words(told: Telling, members: Sequence[Telling], common: "_Common", lexicon: Lexicon) -> Array:
    """Return how well the words of both headlines are found in the other item, 0–1, with each member."""
    found = np.zeros(len(members))
    rows = [row for row, member in enumerate(members) if len(member.pieces)]
    if not rows or not len(told.pieces):
        return found
    texts = [told.pieces, *(members[row].pieces for row in rows)]
    pieces, places = np.unique(np.concatenate(texts), return_inverse=True)
    own, theirs = places[: len(told.pieces)], places[len(told.pieces) :]
    starts = np.cumsum([0, *(len(text) for text in texts[1:-1])])
    weights = _weights(pieces, common, lexicon.reference)
    vectors, room = lexicon.vectors(pieces), _ALONE * (1.0 - lexicon.reference.same_word)
    alike = np.maximum(0.0, (vectors[own] @ vectors.T).astype(np.float64) - (1.0 - room)) / room

    asked = own[: told.headline]
    best = np.maximum.reduceat(alike[: told.headline, theirs], starts, axis=1)
    here = weights[asked] @ best / max(_NOTHING, float(weights[asked].sum()))
    at = np.concatenate([np.arange(len(text)) for text in texts[1:]])
    headline = np.repeat([members[row].headline for row in rows], np.diff([*starts, len(theirs)]))
    counting = np.where(at < headline, weights[theirs], 0.0)
    there = np.add.reduceat(counting * alike.max(axis=0)[theirs], starts)
    there /= np.maximum(_NOTHING, np.add.reduceat(counting, starts))
    found[rows] = (here + there) / 2.0
    return found


def _weights(pieces: PieceIds, common: "_Common", reference: Reference) -> Array:
    """Return how much each word piece counts: by its rareness in the topic's stories, 0 if it is common."""
    usual = _PRIOR * np.maximum(reference.share(pieces), _LEAST_SHARE) + common.held(pieces)
    weights: Array = np.maximum(0.0, np.log(common.weight / usual) - _COMMON)
    return weights


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What a topic's stories have in common: its last ones, and, while they are few, its own sentences."""

    stories: Sequence[Story]
    about: Subject | None

    @property
    def weight(self) -> float:
        """How many stories all this counts as, ordinary news included."""
        return _PRIOR + (_ABOUT if self.about else 0.0) + len(self.stories)

    @property
    def direction(self) -> Array:
        """The mean direction (d,), ordinary news being the origin."""
        total: Array = np.sum([of.direction for of in self.stories], axis=0)
        return (total if self.about is None else total + _ABOUT * self.about.direction) / self.weight

    def held(self, pieces: PieceIds) -> Array:
        """Return how many stories hold each of some word pieces (n,), which are in order."""
        held = np.zeros(len(pieces))
        sources = [(of.pieces, of.shares) for of in self.stories]
        if self.about is not None:
            sources.append((self.about.pieces, _ABOUT * self.about.shares))
        for known, shares in sources:
            at = np.minimum(np.searchsorted(pieces, known), len(pieces) - 1)
            there = pieces[at] == known
            held[at[there]] += shares[there]
        return held
