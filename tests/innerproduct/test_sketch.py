"""The sketch is unbiased, its variance is the stated one, and positions are independent."""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.errors import InputError
from behaviordist.innerproduct.sketch import choose_size, position_keys, sketch_rows, sketch_size

DIGEST = "0123456789abcdef" * 4


def test_unbiased_with_the_stated_variance():
    rng = np.random.default_rng(0)
    v, size, draws = 3000, 16, 1500
    f, g = rng.dirichlet(np.full(v, 0.1), size=2) ** 0.5
    keys = position_keys(DIGEST, np.arange(draws), np.zeros(draws, dtype=int))
    a = sketch_rows(np.broadcast_to(f, (draws, v)), keys, size).astype(float)
    b = sketch_rows(np.broadcast_to(g, (draws, v)), keys, size).astype(float)
    products = (a * b).sum(axis=1)
    assert abs(products.mean() - f @ g) < 3 * products.std() / np.sqrt(draws)
    squared, true = ((a - b) ** 2).sum(axis=1), ((f - g) ** 2).sum()
    assert abs(squared.mean() - true) < 3 * squared.std() / np.sqrt(draws)
    difference = f - g
    exact_variance = 2 / size * (true**2 - np.sum(difference**4))
    assert squared.var() == pytest.approx(exact_variance, rel=0.15)
    # Positions are independent: neighbours are not correlated.
    assert abs(np.corrcoef(squared[1:], squared[:-1])[0, 1]) < 3.5 / np.sqrt(draws)


def test_hash_is_uniform_and_signs_are_balanced():
    v, size = 4096, 8
    keys = position_keys(DIGEST, np.arange(64), np.arange(64))
    buckets = np.abs(sketch_rows(np.ones((64, v)), keys, size))
    # Sums of v/size random signs: variance v/size.
    assert np.mean(buckets**2) == pytest.approx(v / size, rel=0.2)


def test_position_probe_and_digest_all_change_the_hash():
    keys = [
        position_keys(DIGEST, np.array([1]), np.array([2]))[0],
        position_keys(DIGEST, np.array([2]), np.array([1]))[0],
        position_keys("f" + DIGEST[1:], np.array([1]), np.array([2]))[0],
        position_keys(DIGEST, np.array([1]), np.array([3]))[0],
    ]
    assert len(set(keys)) == 4
    many = position_keys(DIGEST, np.repeat(np.arange(300), 300), np.tile(np.arange(300), 300))
    assert len(np.unique(many)) == 90_000


def test_choice_of_size():
    assert choose_size("auto", 1024, 10) is None
    assert choose_size("auto", 1025, 10) == 64
    assert choose_size(None, 50_000, 10) is None
    assert choose_size(128, 50_000, 10) == 128
    assert choose_size(128, 100, 10) is None
    assert choose_size(0.01, 50_000, 1000) == sketch_size(0.01, 1000)
    for bad in (0, -1, "big", 1.5):
        with pytest.raises(InputError, match="sketch must be"):
            choose_size(bad, 100, 10)


def test_sketch_size_for_a_target_error():
    assert sketch_size(0.01, 1000) == 32  # sqrt(2 / (32 * 1000)) = 0.0079 <= 0.01 < 0.0112
    assert sketch_size(0.5, 1_000_000) == 1
    with pytest.raises(InputError, match="target error"):
        sketch_size(0.0, 10)
