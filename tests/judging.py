"""The real model and the topics as they ship, without a database: before anything has been learned."""

from collections.abc import Sequence

import numpy as np

from monitor.background import Background, Learned
from monitor.passages import passages
from monitor.records import Item, Score, Topic
from monitor.relevance import TopicVectors, View, judge, look
from monitor.scoring import Encoder, open_reference


def described(encoder: Encoder, topic: Topic) -> TopicVectors:
    about, name = encoder.encode(topic.about), encoder.encode([topic.name])
    return TopicVectors(
        topic=topic,
        about=about,
        not_about=encoder.encode(topic.not_about) if topic.not_about else about[:0],
        name=name,
        phrases=tuple(encoder.tokens_in_context([*topic.about, topic.name])),
    )


def first_view(encoder: Encoder, topics: Sequence[TopicVectors]) -> View:
    """The topics as of an empty database."""
    dimensions = topics[0].about.shape[1]
    nothing = Learned(through=0, count=0, total=np.zeros(dimensions), pieces=np.zeros(0, np.int64))
    reference = open_reference(encoder)
    return look(topics, Background(reference=reference, learned=nothing), {}, {})


def all_scores(encoder: Encoder, view: View, read: Item) -> dict[str, Score]:
    """The scores of an item that are worth keeping, by topic."""
    texts = passages(read)
    near = view.near(encoder.encode(texts), np.ones((len(texts), len(view.topics)), bool))
    tokens = dict(zip(near.rows, encoder.tokens([texts[row] for row in near.rows]), strict=True))
    return {score.topic_id: score for score in judge(view, read, near, range(len(texts)), tokens)}
