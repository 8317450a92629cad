"""The JAX sums give the same numbers as the NumPy ones."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.innerproduct import pair_moments
from behaviordist.innerproduct.pairs import choose_backend
from tests.innerproduct.test_pairs import random_fingerprints


def test_same_numbers():
    prints = random_fingerprints(7, n_probes=50, size=16)
    weights = np.random.default_rng(0).random(50)
    for given in (None, weights) * 4:  # repeated: a race with the read buffer shows now and then
        a = pair_moments(prints, weights=given, backend="numpy")
        b = pair_moments(prints, weights=given, backend="jax", block_bytes=1)
        np.testing.assert_allclose(a.squared, b.squared, rtol=1e-6)
        np.testing.assert_allclose(a.squared_standard_errors, b.squared_standard_errors, rtol=1e-5)


def test_choice():
    assert choose_backend("numpy") == "numpy"
    assert choose_backend("auto") == "numpy"  # the tests run on a CPU
    with pytest.raises(InputError, match="unknown backend"):
        choose_backend("cuda")
