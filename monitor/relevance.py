"""How relevant an item is to a topic, 0–100, and why. Pure.

logit = 14.6 · closeness + 11.6 · words − 169 · spread − 8.3 · push + 4.5 / phrases  (+ votes)
score = 100 · logistic(logit), of the best passage and the best of the topic's ``aspects``

closeness   cosine of the passage with the aspect's profile, both relative to ordinary news: the mean of its
            phrases (``about`` and name), moved a little by items that scored above 74 before
words       for every word piece of a phrase, as read in it, the best cosine with any of the passage, each by
            itself; weighted by how rare the piece is; half the best phrase, half the mean of the aspect's
spread      how much ordinary news varies along the aspect: in a busy part of it more is needed to be believed
push        how much closer a ``not_about`` sentence is than the closest ``about`` sentence less 0.1, if it is
phrases     how many make up the aspect: one sentence reaches lower cosines than the profile of four
votes       what examples and votes say beyond all this (``votes``)

A passage of the article counts 0.4 less than headline and summary: an article has many, and so many
chances to come close by accident. ``must_mention`` and ``never_mention`` are gates on headline, summary
and the passage: what they keep out scores 0. The numbers were fitted on twelve labelled topics;
``docs/design.md`` has the figures.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from monitor.aspects import Aspects
from monitor.background import Background
from monitor.passages import passages, word_gate
from monitor.records import Evidence, Item, Score, Topic
from monitor.vectors import Array, TokenVectors, Vectors, points, unit
from monitor.votes import Residual

__all__ = ["CONFIDENT", "KEPT_FROM", "Measured", "Near", "Profile", "TopicVectors", "View", "judge", "look"]

KEPT_FROM = 1.0
"""Lower scores are not stored: nobody asks for them, and they would be most of the database."""
CONFIDENT = 74.0
"""Zero-label score over which a topic learns from an item."""

_CLOSENESS, _WORDS, _SPREAD, _PUSH, _ONE_PHRASE = 14.6, 11.6, 169.0, 8.3, 4.5
_SPREADS = (0.055, 0.080)
"""Least and most that is believed. The constants were found on topics between 0.059 and 0.078; beyond, a
great subject of the reference's years, such as a pandemic, would silence every topic near it."""
_MARGIN = 0.1
_LEAST_IDF = 2.0
"""The rareness from which a word piece counts."""
_PASSAGE = 0.4
_ANCHOR = 14.0
_MOST_OWN = 40.0
"""Items whose weight the phrases have in the profile, and that its own may have together."""
_NEAR = -7.5
"""Logit without words from which they are compared: of 3,800 pairs that score 5 or more, thirty lie below."""
_USUAL_WORDS = 0.36
"""What items at a score of 50 have; the points for words are told against it."""
_DIGITS = 4
"""Of what is learned from: the last bits of a sum depend on how many items were calculated at once."""
_SHOWN, _SHOWN_WORDS, _FOUND = 200, 5, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicVectors:
    """A topic with the vectors of its sentences: ``about`` (n, d), ``not_about`` (m, d), ``name`` (1, d).

    ``phrases`` are the word pieces of each about sentence and of the name.
    """

    topic: Topic
    about: Vectors
    not_about: Vectors
    name: Vectors
    phrases: tuple[TokenVectors, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a topic has learned from its own confident items: for each of its sentences (k, d) the weighted
    sum of the centred vectors of those nearest to it.

    ``key`` tells the sentences and the model that this belongs to; items up to ``since`` do not count.
    """

    key: str
    since: int
    own: Array
    weight: float = 0.0

    def after(self, centred: Array, nearest: NDArray[np.intp], probabilities: Array) -> "Profile":
        """Return the profile after confident items (n, d), each ``nearest`` (n,) to a sentence, with these
        zero-label probabilities (n,)."""
        own, weight = self.own.copy(), self.weight + float(probabilities.sum())
        np.add.at(own, nearest, probabilities[:, None] * centred)
        if weight > _MOST_OWN:
            own, weight = own * (_MOST_OWN / weight), _MOST_OWN
        return replace(self, own=own, weight=weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A topic against the background; word pieces of all phrases in one, ``of_phrase`` says whose each is."""

    topic: Topic
    about: Array
    not_about: Array
    direction: Array
    aspects: Aspects
    profiles: Array
    fixed: Array
    pieces: Vectors
    weights: Array
    words: tuple[str, ...]
    of_phrase: NDArray[np.intp]
    residual: Residual | None
    same_word: float

    def matches(self, tokens: TokenVectors) -> Array:
        """Return how well each word piece of the topic is matched by any of a passage, 0–1."""
        if not len(tokens.ids):
            return np.zeros(len(self.weights))
        best = (self.pieces @ tokens.vectors.T).max(axis=1)
        alike: Array = np.maximum(0.0, best.astype(np.float64) - self.same_word) / (1.0 - self.same_word)
        return alike

    def late(self, matches: Array) -> Array:
        """Return how well the words of each aspect (k,) are matched."""
        shares = np.zeros(len(self.profiles))
        np.add.at(shares, self.of_phrase, matches * self.weights)
        return self.aspects.words(shares)

    def push(self, centred: Array) -> float:
        """Return how much too close a passage is to what the topic is not about."""
        if not len(self.not_about):
            return 0.0
        nearest = float((self.about @ centred).max())
        return max(0.0, float((self.not_about @ centred).max()) - nearest + _MARGIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One passage with one topic, by its best aspect: what each part adds to the logit."""

    aspect: int
    base: float
    words: float
    push: float
    passage: float
    votes: float

    @property
    def zero_label(self) -> float:
        """The logit before votes."""
        return self.base + self.words + self.push + self.passage

    @property
    def logit(self) -> float:
        """The logit, votes included."""
        return self.zero_label + self.votes

    @property
    def unopposed(self) -> float:
        """The logit if neither look-alikes nor votes had anything against it."""
        return self.zero_label - self.push + max(0.0, self.votes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """Passages and the topics that they may be relevant to.

    ``centred`` (n, d), ``aspects`` (n, aspects of all topics) the logits without words and push, ``bases``
    (n, topics) the best of each topic's, ``pairs`` (n, topics) whether it is worth comparing words.
    """

    centred: Array
    aspects: Array
    bases: Array
    pairs: NDArray[np.bool_]

    @property
    def rows(self) -> list[int]:
        """The passages whose word pieces are wanted."""
        return [int(row) for row in np.flatnonzero(self.pairs.any(axis=1))]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All topics against the background as of one block."""

    background: Background
    topics: tuple[_Seen, ...]
    profiles: Array
    fixed: Array
    starts: NDArray[np.intp]
    places: Mapping[str, int]

    def near(self, vectors: Vectors, heard: NDArray[np.bool_]) -> Near:
        """Return which of the passages (n, d) are near to which topics; ``heard`` (n, topics) limits them."""
        centred = self.background.centred(vectors)
        closeness = _CLOSENESS * self.background.reference.closeness
        aspects = closeness * (centred @ self.profiles.T) + self.fixed
        bases = np.maximum.reduceat(aspects, self.starts, axis=1) if self.topics else aspects
        return Near(centred=centred, aspects=aspects, bases=bases, pairs=heard & (bases > _NEAR))

    def measure(
        self, near: Near, row: int, place: int, tokens: TokenVectors, *, of_article: bool = False
    ) -> Measured:
        """Return the parts of one passage's logit with one topic."""
        seen, centred, first = self.topics[place], near.centred[row], self.starts[place]
        residual = seen.residual
        bases = near.aspects[row, first : first + len(seen.profiles)]
        words = _WORDS * seen.late(seen.matches(tokens))
        best = int(np.argmax(bases + words))
        return Measured(
            aspect=best,
            base=float(bases[best]),
            words=float(words[best]),
            push=-_PUSH * self.background.reference.closeness * seen.push(centred),
            passage=-_PASSAGE if of_article else 0.0,
            votes=residual.correction(centred, tokens.ids, seen.direction, self.background)
            if residual
            else 0.0,
        )


def look(
    topics: Sequence[TopicVectors],
    background: Background,
    profiles: Mapping[str, Profile],
    residuals: Mapping[str, Residual],
) -> View:
    """Return the topics as they stand against the background, with what they have learned and were told."""
    mean = background.mean
    seen = tuple(
        _seen(topic, background, mean, profiles.get(topic.topic.id), residuals.get(topic.topic.id))
        for topic in topics
    )
    return View(
        background=background,
        topics=seen,
        profiles=np.vstack([np.zeros((0, len(mean))), *(of.profiles for of in seen)]),
        fixed=np.concatenate([np.zeros(0), *(of.fixed for of in seen)]),
        starts=np.cumsum([0, *(len(of.profiles) for of in seen[:-1])], dtype=np.intp),
        places={of.topic.id: place for place, of in enumerate(seen)},
    )


def _seen(
    topic: TopicVectors,
    background: Background,
    mean: Array,
    profile: Profile | None,
    residual: Residual | None,
) -> _Seen:
    about = unit(topic.about - mean)
    aspects = Aspects.of(np.vstack([about, unit(topic.name - mean)]))
    directions = aspects.directions
    spread = np.clip(background.spread(directions), *_SPREADS)
    # What is near to a sentence is near to those akin to it.
    own = 0.0 if profile is None else aspects.kinship @ profile.own
    counting = [_counting(phrase, background) for phrase in topic.phrases]
    return _Seen(
        topic=topic.topic,
        about=about,
        not_about=unit(topic.not_about - mean) if len(topic.not_about) else np.zeros((0, len(mean))),
        direction=unit(aspects.phrases.mean(axis=0)),
        aspects=aspects,
        profiles=unit(_ANCHOR * unit(directions) + own),
        fixed=_ONE_PHRASE / aspects.sizes - _SPREAD * spread,
        pieces=np.vstack([tokens.vectors for tokens, _ in counting if len(tokens.ids)] or [topic.about[:0]]),
        weights=np.concatenate([weights for _, weights in counting]),
        words=tuple(word for tokens, _ in counting for word in tokens.words),
        of_phrase=np.repeat(np.arange(len(counting)), [len(weights) for _, weights in counting]),
        residual=residual,
        same_word=background.reference.same_word,
    )


def _counting(phrase: TokenVectors, background: Background) -> tuple[TokenVectors, Array]:
    """Return a phrase's word pieces that count, and how much each does: by its rareness, one in all."""
    rareness = background.idf(phrase.ids)
    rare = rareness >= _LEAST_IDF
    if not rare.any():
        rare, rareness = np.ones(len(phrase.ids), bool), np.ones(len(phrase.ids))
    weights: Array = rareness[rare] / max(1e-9, rareness[rare].sum())
    words = tuple(word for word, counts in zip(phrase.words, rare, strict=True) if counts)
    return TokenVectors(ids=phrase.ids[rare], words=words, vectors=phrase.vectors[rare]), weights


def judge(
    view: View, item: Item, near: Near, rows: Sequence[int], tokens: Mapping[int, TokenVectors]
) -> Iterator[Score]:
    """Yield an item's scores worth keeping: 1 or more, or so if look-alikes, votes and words did not
    oppose it.

    ``rows`` are the places of its ``passages`` in ``near``; ``tokens`` holds the word pieces of
    ``near.rows``. The best passage that the topic's words let pass counts; headline and summary are not
    handicapped, so that an article can raise a score and never lower it.
    """
    texts = passages(item)
    for place in np.flatnonzero(near.pairs[rows[0] : rows[-1] + 1].any(axis=0)).tolist():
        found = [
            (view.measure(near, row, place, tokens[row], of_article=row != rows[0]), row)
            for row in rows
            if near.pairs[row, place]
        ]
        if max(points(measured.unopposed) for measured, _ in found) < KEPT_FROM:
            continue
        first = found[0][0].zero_label if found[0][1] == rows[0] else -np.inf
        seen = view.topics[place]
        measured, row, gate = _let_pass(seen.topic, found, texts, rows[0])
        score = 0.0 if gate else round(points(measured.logit), 2)
        shown = item.title or texts[0][:_SHOWN] if row == rows[0] else texts[row - rows[0]][:_SHOWN]
        yield Score(
            item_id=item.id,
            topic_id=seen.topic.id,
            score=score,
            matched=gate is None and score >= seen.topic.cut,
            zero_label=round(points(first), _DIGITS),
            evidence=_evidence(seen, near.centred[row], tokens[row], measured, shown, gate),
        )


def _let_pass(
    topic: Topic, found: Sequence[tuple[Measured, int]], texts: Sequence[str], first: int
) -> tuple[Measured, int, str | None]:
    """Return the best passage that the topic's words let pass, else the best one and what keeps it out."""
    gates = []
    for measured, row in sorted(found, key=lambda pair: -pair[0].logit):
        text = texts[0] if row == first else f"{texts[0]}\n{texts[row - first]}"
        gate = word_gate(topic, text)
        if gate is None:
            return measured, row, None
        gates.append((measured, row, gate))
    return gates[0]


def _evidence(
    seen: _Seen, centred: Array, tokens: TokenVectors, measured: Measured, shown: str, gate: str | None
) -> Evidence:
    nearest_not = int(np.argmax(seen.not_about @ centred)) if measured.push else None
    return Evidence(
        sentence=seen.topic.about[int(np.argmax(seen.about @ centred))],
        text=shown,
        parts=_parts(measured),
        gate=gate,
        words=_words_found(seen, tokens, measured.aspect),
        not_about=None if nearest_not is None else seen.topic.not_about[nearest_not],
    )


def _parts(measured: Measured) -> dict[str, float]:
    """Return the points that each part makes, one after the other; they add up to the score."""
    usual = _WORDS * _USUAL_WORDS
    steps = {
        "closeness": measured.base + usual,
        "words": measured.words - usual,
        "not_about": measured.push,
        "passage": measured.passage,
        "votes": measured.votes,
    }
    parts, logit, before = dict[str, float](), 0.0, 0.0
    for name, step in steps.items():
        if step or name in ("closeness", "words"):
            logit += step
            after = points(logit)
            parts[name] = round(after - before, 2)
            before = after
    return parts


def _words_found(seen: _Seen, tokens: TokenVectors, aspect: int) -> tuple[str, ...]:
    """Return the aspect's words that were found, the weightiest first, with the item's word where it
    differs."""
    if not len(tokens.ids) or not len(seen.weights):
        return ()
    matches = seen.matches(tokens)
    weights = seen.weights * seen.aspects.kinship[aspect][seen.of_phrase]
    found: dict[str, str] = {}
    for piece in np.argsort(-(matches * weights), kind="stable"):
        word = seen.words[piece]
        if matches[piece] < _FOUND or not weights[piece] or len(found) == _SHOWN_WORDS:
            break
        theirs = tokens.words[int(np.argmax(tokens.vectors @ seen.pieces[piece]))]
        same = word.casefold() == theirs.casefold()
        found.setdefault(word.casefold(), word if same else f"{word} ({theirs})")
    return tuple(found.values())
