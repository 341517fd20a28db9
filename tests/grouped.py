"""Items grouped one by one, as the alert stage will, with words that stand for nothing but themselves."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from builders import item
from words import WordEncoder

from monitor.background import Reference
from monitor.grouping import Lexicon, Placement, Story, Subject, Telling, grown, place, telling
from monitor.headlines import headline_key
from monitor.identity import canonical_url
from monitor.passages import item_text

ENCODER = WordEncoder()
_DIMENSIONS = 256
REFERENCE = Reference(
    mean=np.zeros(_DIMENSIONS),
    covariance=np.eye(_DIMENSIONS),
    shares=np.full(_DIMENSIONS, 0.002),
    same_word=0.2,
)
LEXICON = Lexicon(reference=REFERENCE, vectors=lambda ids: np.eye(_DIMENSIONS, dtype=np.float32)[ids])


def told(outlet: str = "wire.example", **changes: Any) -> Telling:
    """An item as grouping sees it; its address and headline key follow from its own."""
    of = item(**changes)
    text = item_text(of.title, of.summary)
    pieces, headline = ENCODER.piece_ids([text, of.title])
    address = canonical_url(changes.get("url") or "")
    keyed = item(**changes | {"canonical_url": address, "headline_key": headline_key(of.title)})
    return telling(keyed, outlet, ENCODER.encode([text])[0], pieces, len(headline), REFERENCE)


def grouped(
    tellings: Iterable[Telling], lexicon: Lexicon = LEXICON, about: Subject | None = None
) -> tuple[list[Placement], tuple[Story, ...]]:
    """Place items in this order; a new story is called after its first item."""
    stories: tuple[Story, ...] = ()
    placements = []
    for of in tellings:
        placement = place(of, stories, lexicon, about)
        placements.append(placement)
        id_ = of.item_id if placement.story_id is None else placement.story_id
        stories = grown(stories, of, id_)
    return placements, stories
