"""The six claims on planted worlds: one where functions decide the cost, one where weights do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from behaviordist.studies.law.conclusion import reliability
from behaviordist.studies.law.tables import (
    HELLINGER,
    KL,
    LABEL,
    REVERSE,
    START,
    SURPRISE,
    WEIGHTS,
)
from behaviordist.studies.study_file import ClaimSection
from behaviordist.studies.transfer.conclude import conclude
from behaviordist.studies.transfer.measure import SquareTables
from behaviordist.studies.transfer.objections import objection_rows

SECTION = ClaimSection(alpha=0.05, permutations=999, relevant_effect=0.3, same_cost=1.0)
FUNCTIONS = [f"f{k}" for k in range(8)]
SLOPE = {"sft": 2.0, "rlvr": 6.0}


def planted(rng, by="functions", snapshot=3.0):
    """A world of 18 + 6 mixtures, 4 copies, 2 bases, 2 snapshots, 2 hard sources, 16 targets."""
    soft = [f"A-m{i:02d}" for i in range(18)] + [f"B-m{i:02d}" for i in range(6)]
    copies = {f"{s}-permuted": s for s in soft[:4]}
    rest = {"A": "base", "B": "base", "A-400": "snapshot", "A-1000": "snapshot",
            "hard-f0": "hard", "hard-f1": "hard"}  # fmt: skip
    kind = {s: f"mixture of {s[0]}" for s in soft} | dict.fromkeys(copies, "permuted") | rest
    names = list(kind)
    targets = [f"{a}-{f}" for a in SLOPE for f in FUNCTIONS]
    function = pd.DataFrame(rng.gamma(3.0, 1.0, (len(names), 8)), names, FUNCTIONS)
    for copy, first in copies.items():
        function.loc[copy] = function.loc[first]
    frame = {"index": names, "columns": targets}
    nats = pd.DataFrame(np.tile(function.to_numpy(), 2), **frame)
    weights = pd.DataFrame(rng.gamma(9.0, 1.0, (len(names), len(targets))), **frame)
    weights.loc[[s for s in names if s.startswith("B") or s in copies]] += 80
    cause = nats if by == "functions" else weights / 20
    cost = pd.DataFrame(0.0, **frame)
    for target in targets:
        slope = SLOPE[target.split("-")[0]]
        cost[target] = 5 + rng.normal() + slope * cause[target]
        cost.loc[["A-400", "A-1000"], target] += slope * snapshot
    noise = pd.DataFrame(rng.normal(0, 1.5, cost.shape), **frame)
    for copy, first in copies.items():
        # One seed of the data: the same function has the same luck.
        noise.loc[copy] = noise.loc[first]
    square = [f"q{i:02d}" for i in range(12)]
    level = rng.normal(0, 2, 12)
    gap = np.maximum(level[None] - level[:, None], 0) + rng.gamma(2.0, 0.5, (12, 12))
    np.fill_diagonal(gap, 0)
    decides = gap if by == "functions" else rng.gamma(2.0, 1.0, (12, 12))
    ways = pd.DataFrame(4 + 5 * decides + rng.normal(0, 1, (12, 12)), square, square)
    ways = ways.mask(np.eye(12, dtype=bool))
    reverse = pd.DataFrame(rng.gamma(3.0, 1.0, nats.shape), **frame)
    return SquareTables(
        costs=(cost + noise).clip(lower=0).round(),
        late=pd.DataFrame(0.0, **frame),
        predictors={
            KL: nats,
            SURPRISE: nats + 0.1 * rng.normal(size=nats.shape),
            HELLINGER: nats + rng.normal(size=nats.shape),
            START: 1 - np.exp(-nats),
        },
        baselines={WEIGHTS: weights, LABEL: (nats > 2).astype(float), REVERSE: reverse},
        kind=kind,
        copies=copies,
        units={s: copies.get(s, s) for s in names} | {t: t.split("-")[1] for t in targets},
        strata={
            s: kind[copies.get(s, s)] if "mixture" in kind[copies.get(s, s)] else "other"
            for s in names
        },  # fmt: skip  # noqa: RUF028
        algorithm={t: t.split("-")[0] for t in targets},
        once=(cost + noise).clip(lower=0).round(),
        again=(cost + rng.normal(0, 1.5, cost.shape)).round().iloc[::4],
        square=ways,
        square_late=ways * 0,
        square_nats=pd.DataFrame(gap, square, square),
    )


@pytest.fixture(scope="module")
def functional():
    return planted(np.random.default_rng(0))


def test_where_functions_decide_every_claim_is_supported(functional):
    found = conclude(SECTION, functional, seed=0)
    assert [claim.verdict for claim in found.claims] == ["supported"] * 6
    for algorithm, law in found.laws.items():
        assert law.low <= SLOPE[algorithm] <= law.high
        assert law.explained > 0.7 > 0.3 > found.by_weights[algorithm].explained
    assert "16 units" not in found.claims[0].answer


def test_where_only_weights_decide_the_claims_about_functions_fail():
    found = conclude(SECTION, planted(np.random.default_rng(1), by="weights"), seed=0)
    verdicts = [claim.verdict for claim in found.claims]
    assert "supported" not in verdicts[:3] and verdicts[4] != "supported"
    assert verdicts[1] == "not supported"  # the weights do know better
    assert verdicts[3] != "supported"  # copies at other weights do not cost the same


@pytest.mark.slow
def test_a_snapshot_on_the_line_is_not_called_dearer():
    rng = np.random.default_rng(2)
    supported = [
        conclude(SECTION, planted(rng, snapshot=0.0), seed=0).claims[5].verdict == "supported"
        for _ in range(4)
    ]
    assert sum(supported) <= 1


def test_objections_are_asked_of_the_same_pairs(functional):
    rows = objection_rows(functional, 199, 0)
    assert [len(row) for row in rows] == [4] * len(rows)
    assert rows[0][3] == str(functional.costs.size)
    assert int(rows[1][3]) < functional.costs.size  # few start low
    agree, ceiling = reliability(functional)
    assert 0 < agree < ceiling <= 1
