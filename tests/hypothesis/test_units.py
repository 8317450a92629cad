"""Behaviors in units: who may swap, what an interval is over, and what a label alone explains."""

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis import leaderboard, transfer_test
from behaviordist.hypothesis.inference.jackknife import jackknife_of
from behaviordist.hypothesis.statistics.pair_noise import PairNoise, pair_variance
from benchmarks.hypothesis_units import CELLS, Design, level, run

PLAIN = PairNoise(excess=0.0, floor=1.0)


def clustered(rng, units=4, members=4):
    """Costs and distances that know nothing of each other but who is of one unit."""
    unit = np.repeat(np.arange(units), members)
    same = unit[:, None] == unit[None, :]
    blocks = [rng.normal(size=(units, units))[np.ix_(unit, unit)] for _ in range(2)]
    near, cost = (10 + block + 0.3 * rng.normal(size=same.shape) - 4.0 * same for block in blocks)
    labels = [f"f{u}-{m}" for u in range(units) for m in range(members)]
    frames = [pd.DataFrame(m, labels, labels) for m in (near, cost)]
    return *frames, {label: label[:2] for label in labels}


def test_what_a_label_explains_is_no_support():
    """All that links the two is "of one unit": taken apart, p is tiny; with units it is not."""
    near, cost, units = clustered(np.random.default_rng(3))
    apart = transfer_test(near, cost, permutations=999)
    whole = transfer_test(near, cost, permutations=999, units=units)
    assert apart.p_value < 0.01 and apart.n_units == 16
    assert whole.p_value > 0.05 and whole.n_units == 4 and whole.permutations == 24 and whole.exact
    assert whole.value == pytest.approx(apart.value, abs=1e-12)
    assert whole.ci_high - whole.ci_low > apart.ci_high - apart.ci_low
    label = next(b for b in whole.baselines if b.name == "same unit")
    # Units swap as wholes, so the label is the same under every order.
    assert label.value > 0.5 and label.p_value == 1.0
    assert "same unit" not in {b.name for b in apart.baselines}
    assert "over units" in whole.interval
    board = leaderboard({"near": near}, cost, permutations=99, units=units)
    assert "same unit" in {row.name for row in board.rows}


def test_units_of_one_label_each_change_nothing():
    near, cost, _ = clustered(np.random.default_rng(0), units=9, members=1)
    units = {label: f"unit of {label}" for label in near}
    with_units = transfer_test(near, cost, permutations=99, units=units)
    without = transfer_test(near, cost, permutations=99)
    assert with_units.value == without.value and with_units.p_value == without.p_value
    assert with_units.ci_low == pytest.approx(without.ci_low)


def test_too_few_orders_are_said_and_support_nothing():
    near, cost, _ = clustered(np.random.default_rng(1), units=3, members=3)
    result = transfer_test(near, near, permutations=99, units={x: x[:2] for x in near})
    assert result.permutations == 6 and result.p_value == pytest.approx(1 / 6)
    assert result.verdict != "supported" and "in 6 orders only" in " ".join(result.notes)
    assert np.isinf(result.minimum_supported)
    assert "too small to see any effect" in result.sentence()
    assert result.to_json()["minimum_supported"] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [(lambda u: {k: v for k, v in u.items() if k != "f1-2"}, "no unit for f1-2"),
     (lambda u: dict.fromkeys(u, "all"), "all labels are in 'all'")],
)  # fmt: skip
def test_units_that_do_not_fit(change, message):
    near, cost, units = clustered(np.random.default_rng(1))
    with pytest.raises(InputError, match=message):
        transfer_test(near, cost, permutations=9, units=change(units))


def test_whole_units_are_left_out_and_each_side_apart_where_they_differ():
    units = {"a": "u", "b": "u", "c": "v"}
    joint = jackknife_of(["a", "b", "c"], ["a", "b", "c"], units)
    assert joint.rows.tolist() == joint.columns.tolist() == [[0, 0, 1], [1, 1, 0]]
    apart = jackknife_of(["a", "b", "c"], ["x", "y"], {**units, "x": "x", "y": "y"})
    assert apart.rows.tolist() == [[0, 0, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1]]
    assert apart.columns.tolist() == [[1, 1], [1, 1], [0, 1], [1, 0]]


def test_variances_of_two_samples_add():
    """A mean of s_i + t_j: its jackknife is the sum of those of the two means, and pooled df."""
    rng = np.random.default_rng(0)
    s, t = rng.normal(size=12), 2 * rng.normal(size=5)
    table = s[:, None] + t[None, :]
    left = jackknife_of([f"s{i}" for i in range(12)], [f"t{j}" for j in range(5)])
    without = np.array(
        [
            np.average(table, weights=r[:, None] * c[None, :])
            for r, c in zip(left.rows, left.columns, strict=True)
        ]
    )
    variance, freedom = left.variance(without[None])
    parts = s.var(ddof=1) / 12, t.var(ddof=1) / 5
    assert variance[0] == pytest.approx(sum(parts))
    welch = sum(parts) ** 2 / (parts[0] ** 2 / 11 + parts[1] ** 2 / 4)
    assert freedom[0] == pytest.approx(welch)
    # The noise of pairs is in both: once is taken off, never below the larger part.
    less, _ = left.variance(without[None], 1e9, PLAIN)
    assert less[0] == pytest.approx(max(parts))
    single = jackknife_of(["a", "b", "c"], ["x"])
    assert np.isnan(single.half_width(np.ones((1, 4)), 0.0, PLAIN)).all()


def test_pairs_of_units_are_summed_before_they_are_squared():
    effects = np.arange(16.0).reshape(1, 4, 4)
    labels, units = list("abcd"), {"a": "u", "b": "u", "c": "v", "d": "v"}
    between = effects[0, :2, 2:].sum() + effects[0, 2:, :2].sum()
    assert pair_variance(effects, labels, labels, units)[0] == pytest.approx(between**2)


def test_the_level_holds_where_units_share_their_quirks():
    """120 null studies of 8 units of two; 1,000 of each design in the benchmark."""
    p, beyond, supported, _ = level(CELLS["8 x 2"], 120, seed=4)
    assert p <= 0.12 and beyond <= 0.12 and supported <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["4 x 4", "24 x 1", "24 x 1, 60 % censored"])
def test_level_of_a_thousand_studies(cell):
    p, beyond, supported, _ = level(CELLS[cell], 1000, seed=5)
    # 4-6 %, and two Monte Carlo errors of 0.7 points.
    assert 0.03 <= p <= 0.07 and beyond <= 0.07 and supported <= 0.03


def test_source_effects_alone_are_not_support_but_do_not_hide_an_effect():
    rng = np.random.default_rng(6)
    good = [run(rng, Design(16, 1, source_effect=3.0, slope=2.0), i).verdict for i in range(20)]
    none = [run(rng, Design(16, 1, source_effect=3.0), i).verdict for i in range(20)]
    assert good.count("supported") > none.count("supported") + 3
    assert none.count("supported") <= 2 and "not supported" not in good
