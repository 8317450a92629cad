"""Who may swap names with whom, and the permutation engine against full enumeration and Mantel."""

import itertools

import numpy as np
import pytest
from scipy import stats

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.errors import InputError
from behaviordist.hypothesis import transfer_test
from behaviordist.hypothesis.permutation.relabelling import relabellings
from behaviordist.hypothesis.statistics.within_target import WithinTargetSpearman
from tests.hypothesis.dyadic_worlds import off_diagonal, world


def test_square_labels_move_rows_and_columns_together():
    labels = list("abcdefghij")
    drawn = relabellings(labels, labels[::-1], 50, np.random.default_rng(0))
    row_names = np.array(labels)[drawn.rows]
    column_names = np.array(labels[::-1])[drawn.columns]
    assert (row_names == column_names[:, ::-1]).all()
    assert (drawn.rows[0] == np.arange(10)).all()
    assert all(sorted(row) == list(range(10)) for row in drawn.rows.tolist())


def test_pure_sources_swap_inside_strata_and_pure_targets_stay():
    sources, targets = ["a", "b", "c", "d", "x", "y"], ["x", "y", "z"]
    strata = {"a": "small", "b": "small", "c": "large", "d": "large"}
    drawn = relabellings(sources, targets, 200, np.random.default_rng(0), strata)
    assert {frozenset(row) for row in drawn.rows[:, :2].tolist()} == {frozenset({0, 1})}
    assert {frozenset(row) for row in drawn.rows[:, 2:4].tolist()} == {frozenset({2, 3})}
    assert (drawn.columns[:, 2] == 2).all()
    # x and y are both sides: as sources 4, 5 they move as their columns 0, 1 do.
    assert (drawn.rows[:, 4:] - 4 == drawn.columns[:, :2]).all()


def test_small_designs_are_enumerated_and_exact():
    rng = np.random.default_rng(7)
    distances, costs = world(rng, n=5, slope=1.0)
    result = transfer_test(distances, costs, permutations=10_000)
    assert result.exact and result.permutations == 120
    d, c = off_diagonal(distances), off_diagonal(costs)
    null = []
    for order in itertools.permutations(range(5)):
        moved = c[np.ix_(order, order)]
        null.append(
            np.mean(
                [
                    stats.spearmanr(d[:, t], moved[:, t], nan_policy="omit").statistic
                    for t in range(5)
                ]
            )
        )
    assert result.p_value == pytest.approx(np.mean(np.array(null) >= result.value - 1e-12))


def test_p_value_agrees_with_scikit_bios_mantel():
    """Mantel's null is the same relabelling: our draws must give its statistic and its p-value."""
    skbio = scikit_bio()
    rng = np.random.default_rng(11)
    n = 9
    x = off_diagonal(world(rng, n=n)[0])
    y = x + off_diagonal(world(rng, n=n)[0])
    x, y = np.nan_to_num(x), np.nan_to_num(y)
    labels = [str(i) for i in range(n)]
    drawn = relabellings(labels, labels, 3999, rng)
    upper = np.triu_indices(n, 1)
    ranks = stats.rankdata(x[upper])
    null = np.array(
        [np.corrcoef(ranks, stats.rankdata(y[np.ix_(row, row)][upper]))[0, 1] for row in drawn.rows]
    )
    ours = np.mean(null >= null[0] - 1e-12)
    rho, p, _ = skbio.stats.distance.mantel(
        skbio.DistanceMatrix(x, labels),
        skbio.DistanceMatrix(y, labels),
        method="spearman",
        permutations=3999,
        alternative="greater",
        seed=1,
    )
    assert null[0] == pytest.approx(rho, abs=1e-12)
    assert ours == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 4000) + 1e-3)


def test_units_move_as_wholes_and_their_members_keep_their_places():
    labels = [f"{unit}-{kind}" for unit in "abcd" for kind in ("dpo", "sft")]
    units = {label: label[0] for label in labels}
    drawn = relabellings(labels, labels, 10_000, np.random.default_rng(0), units=units)
    assert drawn.exact and len(drawn) == 24
    assert len({tuple(row) for row in drawn.rows.tolist()}) == 24
    moved = np.array(labels)[drawn.rows]
    for place, label in enumerate(labels):
        assert {name[2:] for name in moved[:, place]} == {label[2:]}
    assert all(row[0][0] == row[1][0] for row in moved)
    assert (drawn.rows == drawn.columns).all() and (drawn.rows[0] == np.arange(8)).all()


def test_only_units_of_one_make_up_swap():
    sources, targets = ["a1", "a2", "b1", "b2", "c1", "d1"], ["b1", "x1", "x2"]
    units = {label: label[0] for label in [*sources, *targets]}
    drawn = relabellings(sources, targets, 100, np.random.default_rng(0), units=units)
    # a is two sources, b one source and one that is both, c and d one source each; x never moves.
    assert drawn.exact and drawn.rows.tolist() == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 5, 4]]
    assert (drawn.columns == np.arange(3)).all()
    with pytest.raises(InputError, match="unit 'a' lies in strata p and q"):
        strata = dict(zip(sources, "pqpppp", strict=True))
        relabellings(sources, targets, 100, np.random.default_rng(0), strata, units)


def test_every_order_inside_strata_is_listed_where_they_are_few():
    """Two strata of sources, 4 x 2 orders: the smallest p is 1 / 48, never an estimate of it."""
    sources, targets = list("abcdef"), ["x", "y", "z"]
    strata = dict(zip(sources, "ppppqq", strict=True))
    drawn = relabellings(sources, targets, 10_000, np.random.default_rng(0), strata)
    assert drawn.exact and len({tuple(row) for row in drawn.rows.tolist()}) == len(drawn) == 48
    assert {frozenset(row) for row in drawn.rows[:, 4:].tolist()} == {frozenset({4, 5})}


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["within-target", "two-way"])
def test_p_values_are_uniform_under_the_null(statistic):
    """Target and source effects, ties and censoring are there; the link is not."""
    rng = np.random.default_rng(2024)
    p_values = [
        transfer_test(
            *world(rng, n=10, source_effect=1.0, rounding=0.5, budget_quantile=0.7),
            statistic=statistic,
            permutations=199,
            seed=i,
        ).p_value
        for i in range(300)
    ]
    # p-values sit on a grid of 1/200; spread each over its cell to compare with a continuum.
    smooth = np.array(p_values) - rng.uniform(0, 1 / 200, size=len(p_values))
    assert stats.kstest(smooth, "uniform").pvalue > 0.01


def test_observed_value_does_not_depend_on_the_seed_and_p_is_reproducible():
    distances, costs = world(np.random.default_rng(0), n=9, slope=0.5)
    first, again, other = (
        transfer_test(distances, costs, permutations=500, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.value == other.value
    # The noise of pairs in the interval is read off the relabellings, hence a little seed in it.
    assert first.ci_low == pytest.approx(other.ci_low, abs=0.03)
    assert WithinTargetSpearman().name == first.statistic
