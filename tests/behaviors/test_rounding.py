"""Simulated quantisation against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.behaviors.rounding import GROUP, LEVELS, round_weights


@given(
    st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 70), st.sampled_from(sorted(LEVELS))
)
def test_every_weight_goes_to_the_nearest_point_of_its_groups_grid(seed, out, inputs, quant):
    weights = np.random.default_rng(seed).normal(size=(out, inputs)).astype(np.float32)
    rounded = round_weights(weights, quant)
    assert rounded.shape == weights.shape
    size = inputs if quant == "int8" else GROUP
    for row in range(out):
        for start in range(0, inputs, size):
            group = weights[row, start : start + size]
            grid = np.abs(group).max() * np.arange(-LEVELS[quant], LEVELS[quant] + 1)
            grid = grid / LEVELS[quant]
            nearest = np.abs(group[:, None] - grid).min(axis=1)
            error = np.abs(group - rounded[row, start : start + size])
            np.testing.assert_allclose(error, nearest, atol=1e-6)


@pytest.mark.parametrize("quant", sorted(LEVELS))
def test_zeros_stay_and_rounding_twice_is_rounding_once(quant):
    weights = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)
    weights[1] = 0
    once = round_weights(weights, quant)
    assert not once[1].any()
    np.testing.assert_allclose(round_weights(once, quant), once, atol=1e-6)
