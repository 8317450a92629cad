"""95% intervals on squared distances hold: exact and sketched features, few and many batches.

Per-probe squared distances are skewed (here 2.2); more skewed ones: tests/distance/test_intervals.
"""

from __future__ import annotations

import numpy as np
import pytest

from behaviordist.distance import matrix_of
from behaviordist.innerproduct.sketch import position_keys, sketch_rows
from tests.distance.worlds import fingerprint_of

V, POPULATION = 100, 2000
RNG = np.random.default_rng(0)
# Difference functions over a population of probes that differ in how much they move.
SHIFTS = RNG.normal(size=(POPULATION, V)) * RNG.gamma(6.0, 1 / 6, size=(POPULATION, 1)) / np.sqrt(V)
TRUE = float(np.mean(np.sum(SHIFTS**2, axis=1)))


def coverage(size, draws=600, n=256, seed=1, max_batches=128):
    rng = np.random.default_rng(seed)
    hits = 0
    for draw in range(draws):
        shift = SHIFTS[rng.integers(0, POPULATION, size=n)]
        if size is not None:
            keys = position_keys(f"{draw:016x}", np.arange(n), np.zeros(n, dtype=int))
            shift = sketch_rows(shift, keys, size)
        pair = [fingerprint_of("a", np.zeros_like(shift)), fingerprint_of("b", shift)]
        low, high = matrix_of(pair, max_batches=max_batches, limits=False).interval()
        hits += low[0, 1] <= TRUE <= high[0, 1]
    return hits / draws


@pytest.mark.slow
@pytest.mark.parametrize(("size", "batches"), [(None, 128), (None, 32), (64, 128)])
def test_intervals_cover(size, batches):
    assert 0.93 <= coverage(size, max_batches=batches) <= 0.97
