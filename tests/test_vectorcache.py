"""Vectors are remembered between runs, and a run without a memory still runs."""

from pathlib import Path

import numpy as np
from builders import opened
from words import WordEncoder

from monitor.vectorcache import remembering

TEXTS = ["soldiers find a camp", "harvest", "soldiers find a camp"]


def test_what_was_encoded_is_looked_up(tmp_path: Path) -> None:
    encoder = WordEncoder()
    with remembering(encoder, tmp_path) as first:
        fresh = first.encode(TEXTS)
    assert encoder.encoded == [["soldiers find a camp", "harvest"]]
    with remembering(encoder, tmp_path) as second:
        known = second.encode([*TEXTS, "another"])
    assert encoder.encoded[1:] == [["another"]]
    np.testing.assert_allclose(known[:3], fresh, atol=1e-3)


def test_models_do_not_mix(tmp_path: Path) -> None:
    with remembering(WordEncoder(), tmp_path) as one:
        one.encode(TEXTS)
    other = WordEncoder("other@1")
    with remembering(other, tmp_path) as two:
        two.encode(TEXTS)
    assert other.encoded


def test_while_another_process_has_the_memory_one_goes_without(tmp_path: Path) -> None:
    encoder = WordEncoder()
    with opened(tmp_path / "vectors.db"), remembering(encoder, tmp_path) as forgetful:
        assert forgetful is encoder


def test_a_spoiled_memory_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "vectors.db").write_bytes(b"no database at all, but some bytes" * 100)
    encoder = WordEncoder()
    with remembering(encoder, tmp_path) as forgetful:
        assert forgetful is encoder
