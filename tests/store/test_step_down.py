"""Holm's step-down against statsmodels and against its definition as a closed test."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from behaviordist.store.step_down import holm


def test_it_is_that_of_statsmodels():
    p = np.random.default_rng(0).uniform(0, 0.05, 12)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([0.04, math.nan, 0.01])[[0, 2]] == pytest.approx([0.04, 0.02])
    assert math.isnan(holm([math.nan, 0.2])[0])
    assert holm([]).tolist() == []


def test_it_is_the_closed_test_of_bonferroni():
    """A hypothesis is rejected where every set that holds it is rejected, min p <= alpha / size."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        p = rng.uniform(size=5) ** 4
        sets = [s for r in range(1, 6) for s in combinations(range(5), r)]
        closed = [all(min(p[list(s)]) <= 0.05 / len(s) for s in sets if k in s) for k in range(5)]
        assert (holm(p) <= 0.05).tolist() == closed
