"""Power against direct simulation, and what must hold at its edges."""

import sys

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis import VerdictRule, transfer_test
from behaviordist.hypothesis.designs import Design, study
from behaviordist.hypothesis.inference.reliability import noise_ceiling
from behaviordist.hypothesis.power import power, single_seed_reliability

STUDIES = 1500
power_module = sys.modules[power.__module__]


def test_power_rises_with_behaviors_seeds_and_effect():
    low = power(0.2, reliability=0.3, behaviors=(6, 14), seeds=(1, 4), studies=80)
    assert low.table.loc[14, 4] > low.table.loc[6, 4] + 0.1
    assert low.table.loc[14, 4] > low.table.loc[14, 1]
    high = power(0.5, reliability=0.3, behaviors=(14,), seeds=(1,), studies=80)
    assert high.table.loc[14, 1] > low.table.loc[14, 1]


def test_a_vanishing_effect_has_the_power_of_the_level():
    result = power(0.001, behaviors=(8,), seeds=(1,), studies=600)
    assert result.significant[0, 0] == pytest.approx(0.05, abs=0.027)
    assert result.supported[0, 0] <= result.significant[0, 0]


def test_the_planted_effect_is_the_stated_one():
    """A study so large and clean that its statistic is the effect itself."""
    rng = np.random.default_rng(3)
    slope = power_module._slope_for(0.3, 0.2, rng, Design.single(10))
    identity = power_module.Relabelling(np.arange(150)[None], np.arange(150)[None])
    values = [
        power_module._value(*study(Design.single(150), slope, 0.2, rng), identity)[0]
        for _ in range(20)
    ]
    assert np.mean(values) == pytest.approx(0.3, abs=0.02)


def test_the_smallest_design_has_the_fewest_runs():
    result = power(0.6, behaviors=(6, 12), seeds=(1, 2), studies=60)
    n, seeds = result.smallest()
    assert result.table.loc[n, seeds] >= 0.8
    assert f"about {n} behaviors and {seeds} seed(s)" in result.sentence()
    none = power(0.05, behaviors=(5,), seeds=(1,), studies=50)
    assert none.smallest() is None and "No design" in none.sentence()


def promised_and_seen(i, design, slope, share):
    """One world, judged by `power` and by the real test: (p <= 0.05, supported) of each."""
    rule = VerdictRule()
    world = (design, 1, slope, 1.0, share, rule, 199)
    promised = power_module._finds(*world, np.random.default_rng(i))
    drawn = study(design, slope, share, np.random.default_rng(i))
    frames = [pd.DataFrame(m, design.labels, design.labels) for m in drawn]
    result = transfer_test(*frames, permutations=199, units=design.units or None, seed=i)
    return promised, (result.p_value <= rule.alpha, result.verdict == "supported")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "members", "rho", "share"), [(12, 1, 0.35, 0.0), (12, 1, 0.5, 0.6), (8, 2, 0.5, 0.0)]
)
def test_the_test_itself_finds_as_much_as_power_promises(n, members, rho, share):
    """Within five points, Monte Carlo error included: both judge the same worlds."""
    labels = [f"u{u}-{m}" for u in range(n) for m in range(members)]
    design = Design.of({label: label.split("-")[0] for label in labels})
    design = design if members > 1 else Design.single(n)
    slope = power_module._slope_for(rho, share, np.random.default_rng(0), design)
    judged = [promised_and_seen(i, design, slope, share) for i in range(STUDIES)]
    promised, seen = np.array(judged, dtype=float).swapaxes(0, 1)
    gap = seen - promised
    error = gap.std(axis=0, ddof=1) / np.sqrt(STUDIES)
    said = f"promised {promised.mean(0)}, seen {seen.mean(0)}, error of the difference {error}"
    print(said)
    assert (np.abs(gap.mean(axis=0)) + 2 * error <= 0.05).all(), said
    # And what `power` prints is this mean, over worlds of its own.
    units = design.units or None
    table = power(rho, behaviors=(n,), seeds=(1,), source_share=share, units=units, studies=STUDIES)
    for share_of, mean in zip(
        (table.significant, table.supported), promised.mean(axis=0), strict=True
    ):
        spread = np.sqrt(0.5 / STUDIES)
        assert abs(share_of[0, 0] - mean) <= 3 * spread, said


def test_units_are_one_design():
    units = {f"{u}{m}": u for u in "abcdef" for m in "xy"}
    result = power(0.6, seeds=(1, 2), units=units, studies=40)
    assert result.behaviors == (12,) and result.supported.shape == (1, 2)
    single = power(0.6, behaviors=(12,), seeds=(1, 2), studies=40)
    assert result.supported.mean() < single.supported.mean()


def test_reliability_of_one_seed_undoes_spearman_brown():
    single = single_seed_reliability(0.8, 3)
    assert 3 * single / (1 + 2 * single) == pytest.approx(0.8)
    # Both halves together: Spearman-Brown of the halves equals that of six single seeds.
    assert noise_ceiling(0.8) ** 2 == pytest.approx(6 * single / (1 + 5 * single))


@pytest.mark.parametrize(
    "bad",
    [{"rho": 0.0}, {"rho": 1.2}, {"reliability": 0}, {"source_share": 1.0}, {"behaviors": (3,)},
     {"seeds": (0,)}],
)  # fmt: skip
def test_numbers_out_of_range(bad):
    with pytest.raises(InputError):
        power(**{"studies": 1, **bad})
