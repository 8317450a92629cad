"""What tests of the two parts of costs do where pairs are missing: size, power, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis.asymmetry.antisymmetric import antisymmetric_link
from behaviordist.hypothesis.asymmetry.symmetry import symmetry_parts
from behaviordist.hypothesis.predictor_difference import predictor_difference

SIMULATIONS = 200


def world(rng, n, missing, effect=0.0):
    """Distances known everywhere; costs both ways of all but `missing` pairs."""
    labels = [f"b{i}" for i in range(n)]
    near = rng.normal(size=(n, n)) + 5
    cost = rng.normal(size=(n, n)) + 5 + effect * near
    rows, columns = np.triu_indices(n, 1)
    gone = rng.choice(len(rows), missing, replace=False)
    cost[rows[gone], columns[gone]] = cost[columns[gone], rows[gone]] = np.nan
    for table in (near, cost):
        np.fill_diagonal(table, np.nan)
    return (pd.DataFrame(table, labels, labels) for table in (near, cost))


@pytest.mark.slow
@pytest.mark.parametrize("missing", [10, 27])
def test_both_parts_hold_their_level_where_costs_are_missing(missing):
    """With 27 of 45 pairs missing a fixed norm rejected 22 % of true nulls."""
    low = {"symmetric": 0, "antisymmetric": 0}
    for seed in range(SIMULATIONS):
        near, cost = world(np.random.default_rng(seed), 10, missing)
        parts = symmetry_parts(near, cost, permutations=199, seed=seed)
        for name in low:
            low[name] += getattr(parts, name).p_value <= 0.05
    assert all(
        count <= 0.05 * SIMULATIONS + 3 * np.sqrt(0.0475 * SIMULATIONS) for count in low.values()
    )


@pytest.mark.parametrize(("effect", "least", "most"), [(0.0, 0, 6), (4.0, 34, 40)])
def test_missing_costs_cost_no_distance_its_place(effect, least, most):
    """Masked by the costs' gaps, distances had no pair left to be relabelled into: no power."""
    low = 0
    for seed in range(40):
        near, cost = world(np.random.default_rng(seed), 8, 8, effect)
        low += antisymmetric_link(near, cost, permutations=99, seed=seed).p_value <= 0.05
    assert least <= low <= most


def test_too_few_pairs_are_no_link():
    near, cost = world(np.random.default_rng(0), 5, 5)
    with pytest.raises(InputError, match="5 pairs are known both ways"):
        antisymmetric_link(near, cost)


def test_a_difference_whose_error_is_unknown_has_no_p_value():
    rng = np.random.default_rng(0)
    first, second, cost = (
        pd.DataFrame(rng.normal(size=(8, 1)) + 5, [f"s{i}" for i in range(8)], ["t"])
        for _ in range(3)
    )
    difference = predictor_difference(first, second, cost)
    assert np.isnan(difference.low)
    assert np.isnan(difference.p_value)
