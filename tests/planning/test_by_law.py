"""Plans in steps: exact where the world is, honest where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.planning.by_law import backtest_law, plan_by_law
from tests.hypothesis.test_law import SLOPE, world


def one(rng, **options):
    """One algorithm of the planted world of the law."""
    nats, cost, late, units = world(rng, n_functions=10, **options)
    mine = [t for t in cost if t.startswith("sft")]
    return nats[mine], cost[mine], late[mine], units


def test_it_ranks_by_nats_and_predicts_in_steps():
    nats, cost, late, units = one(np.random.default_rng(0), quirk=0, noise=0.5)
    found = plan_by_law({"near": 1.0, "far": 6.0}, nats, cost, units=units, algorithm="sft")
    assert [s.source for s in found.starts] == ["near", "far"]
    assert found.starts[1].steps - found.starts[0].steps == pytest.approx(5 * SLOPE, rel=0.05)
    assert "Start from near" in found.sentence()


def test_intervals_of_new_targets_cover():
    """A new target with an intercept of its own, one run from each of some starts."""
    rng = np.random.default_rng(1)
    hits = []
    for _ in range(120):
        nats, cost, late, units = one(rng)
        *seen, new = cost.columns
        starts = nats[new].iloc[:5].to_dict()
        plan = plan_by_law(starts, nats[seen], cost[seen], units=units)
        hits += [s.low <= max(cost.loc[s.source, new], 0) <= s.high for s in plan.starts]
    assert 0.84 <= np.mean(hits) <= 0.97


def test_a_pilot_takes_the_doubt_about_the_target_away():
    nats, cost, late, units = one(np.random.default_rng(2), noise=0.6, quirk=0.2)
    starts = {"a": 2.0, "b": 4.0}
    before = plan_by_law(starts, nats, cost, units=units)
    after = plan_by_law(starts, nats, cost, units=units, pilot={"b": 30.0})
    width = [p.starts[0].high - p.starts[0].low for p in (before, after)]
    assert before.halving is not None and width[1] < width[0]
    assert after.starts[1].steps == pytest.approx(30.0)


def test_the_backtest_prefers_the_plan_where_the_law_holds():
    nats, cost, late, units = one(np.random.default_rng(3), quirk=0.3, noise=1.0)
    noise = pd.DataFrame(np.random.default_rng(4).random(nats.shape), nats.index, nats.columns)
    found = backtest_law(
        nats, cost, censored=late, units=units, base="m00", others={"weights": noise}
    )
    steps = {name: row[0] for name, row in found.strategies.items()}
    assert steps["oracle"] <= steps["plan"] < steps["random"] and steps["plan"] < steps["base"]
    assert steps["plan"] < steps["nearest in weights"]
    assert 0.8 <= found.coverage <= 1
    sources = list(cost.index)
    apart = backtest_law(
        nats, cost, censored=late, units=units, base="m00", others={},
        learnt_from=sources[:13], starts=sources[13:],
    )  # fmt: skip
    assert apart.n_cells == 13 * cost.shape[1]


def test_bad_input_is_one_line():
    nats, cost, late, units = one(np.random.default_rng(5))
    with pytest.raises(InputError, match="no start"):
        plan_by_law({}, nats, cost)
    with pytest.raises(InputError, match="inf nats from 'wanted'"):
        plan_by_law({"a": np.inf}, nats, cost)
    with pytest.raises(InputError, match="none of the starts"):
        plan_by_law({"a": 1.0}, nats, cost, pilot={"b": 2.0})


def test_a_start_beyond_what_the_line_was_fitted_on_is_told():
    nats, cost, _, units = one(np.random.default_rng(0))
    most = float(np.nanmax(nats.to_numpy()))
    inside = plan_by_law({"a": most * 0.9}, nats, cost, units=units)
    beyond = plan_by_law({"a": most * 3}, nats, cost, units=units)
    assert inside.farthest == beyond.farthest == most
    assert "extrapolated" in beyond.sentence()
    assert "extrapolated" not in inside.sentence()
