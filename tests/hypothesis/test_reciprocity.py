"""Planted parts come back: symmetric, ranking and cyclic shares, whatever the noise."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis.asymmetry.reciprocity import reciprocity


def world(rng, n=12, seeds=4, symmetric=1.0, potential=0.0, cyclic=0.0, noise=0.0):
    """Costs with parts of known size: variances over ordered pairs."""
    s = rng.normal(size=(n, n))
    s = (s + s.T) / np.sqrt(2)
    u = rng.normal(size=n)
    u = (u - u.mean()) / u.std()
    c = rng.normal(size=(n, n))
    c = (c - c.T) / np.sqrt(2)
    c -= np.subtract.outer(c.sum(axis=1) / n, c.sum(axis=1) / n)  # no ranking in it
    mean = symmetric * s + potential * np.subtract.outer(u, u) / np.sqrt(2) + cyclic * c + 5
    return mean + noise * rng.normal(size=(seeds, n, n)), u


def test_without_noise_the_shares_are_exact():
    rng = np.random.default_rng(0)
    costs, u = world(rng, symmetric=1.0, potential=2.0)
    found = reciprocity(costs)
    assert found.potential.value == pytest.approx(1.0, abs=1e-12)
    assert found.noise == pytest.approx(0.0, abs=1e-12)
    # u_i of the split: a_ij = (c_ij - c_ji) / 2 = 2 (u_i - u_j) / sqrt 2
    np.testing.assert_allclose(found.heights, 2 * u / np.sqrt(2), atol=1e-12)
    costs, _ = world(rng, cyclic=1.0)
    assert reciprocity(costs).potential.value == pytest.approx(0.0, abs=1e-12)
    costs, _ = world(rng, symmetric=1.0)
    assert reciprocity(costs).antisymmetric.value == pytest.approx(0.0, abs=1e-12)


def test_the_split_is_the_least_squares_one():
    rng = np.random.default_rng(1)
    costs = rng.normal(size=(2, 6, 6))
    mean = costs.mean(axis=0)
    one_way = (mean - mean.T) / 2
    i, j = np.triu_indices(6, 1)
    design = np.zeros((len(i), 6))
    design[np.arange(len(i)), i], design[np.arange(len(i)), j] = 1, -1
    fitted = np.linalg.lstsq(design, one_way[i, j], rcond=None)[0]
    np.testing.assert_allclose(reciprocity(costs).heights, fitted - fitted.mean(), atol=1e-12)


def test_noise_does_not_count_as_asymmetry():
    rng = np.random.default_rng(2)
    found = [reciprocity(world(rng, noise=2.0)[0]).antisymmetric.value for _ in range(200)]
    # One seed's table would show (2^2 / 2) / (1 + 2^2) = 40 %.
    assert np.mean(found) == pytest.approx(0.0, abs=0.06)


def test_the_interval_of_the_share_covers_the_planted_one():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        clean, _ = world(rng, n=14, symmetric=1.0, potential=1.0)
        costs, truth = clean + 0.5 * rng.normal(size=clean.shape), reciprocity(clean)
        share = reciprocity(costs).antisymmetric
        inside += share.low <= truth.antisymmetric.value <= share.high
    # The behaviors are the sample, so an interval for the finite table is wide: never too narrow.
    assert inside >= 190


@pytest.mark.parametrize(
    ("costs", "says"),
    [
        (np.ones((1, 5, 5)), "two seeds"),
        (np.ones((2, 3, 3)), "four"),
        (np.ones((2, 5, 5)), "do not vary"),
        (np.ones((5, 5)), "array"),
        (np.where(np.arange(50).reshape(2, 5, 5) == 1, np.nan, 1.0), "1 are missing"),
    ],
)
def test_what_cannot_be_split_is_refused(costs, says):
    with pytest.raises(InputError, match=says):
        reciprocity(costs)
