import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.vectors import packed, text_hash, unpacked


def test_a_packed_vector_comes_back_in_half_the_bytes() -> None:
    vector = np.random.default_rng(1).normal(size=384).astype(np.float32)
    vector /= np.linalg.norm(vector)
    blob = packed(vector)
    back = unpacked(blob)
    assert len(blob) == 2 * 384
    assert back.dtype == np.float32
    assert float(back @ vector) == pytest.approx(1.0, abs=1e-3)
    assert packed(back) == blob


def test_bytes_do_not_depend_on_the_machine() -> None:
    assert packed(np.array([1.0, -0.5], np.float32)).hex() == "003c00b8"


@given(st.text(st.characters()), st.text(st.characters()))
def test_texts_share_a_hash_only_if_they_are_the_same(one: str, other: str) -> None:
    assert (text_hash(one) == text_hash(other)) == (one == other)


def test_a_text_with_half_a_character_has_a_hash() -> None:
    assert len(text_hash("\ud800")) == 32
