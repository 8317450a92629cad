"""The next-byte feature map against sums written out, and the data-processing inequality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.innerproduct.geometries import get_geometry
from behaviordist.innerproduct.geometries.next_byte import features


def log_probabilities(seed, rows, width):
    p = np.random.default_rng(seed).dirichlet(np.full(width, 0.3), size=rows)
    with np.errstate(divide="ignore"):
        return np.log(p).astype(np.float32)


def test_masses_are_summed_over_the_first_byte():
    log_p = np.log(np.array([[0.1, 0.2, 0.3, 0.4]], dtype=np.float32))
    root = features(log_p, np.array([97, 256, 97, 98]))
    expected = np.zeros(257)
    expected[[97, 98, 256]] = np.sqrt([0.4, 0.4, 0.2])
    np.testing.assert_allclose(root[0], expected, atol=1e-6)


@given(st.integers(0, 10_000))
def test_what_only_bytes_show_is_at_most_what_tokens_show(seed):
    p, q = log_probabilities(seed, 3, 40), log_probabilities(seed + 1, 3, 40)
    first = np.random.default_rng(seed).integers(0, 257, 40)
    of_bytes = ((features(p, first) - features(q, first)).astype(float) ** 2).sum(axis=1)
    hellinger = get_geometry("hellinger").features
    of_tokens = ((hellinger(p, None) - hellinger(q, None)).astype(float) ** 2).sum(axis=1)
    assert (of_bytes <= of_tokens + 1e-5).all()
    np.testing.assert_allclose((features(p, first).astype(float) ** 2).sum(axis=1), 1, atol=1e-5)


def test_it_cannot_guess_the_bytes():
    with pytest.raises(TypeError, match="first byte"):
        features(np.zeros((1, 3), dtype=np.float32))
