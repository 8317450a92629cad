"""What study `reciprocity` measures: log costs of every pair, and what goes with their ranking."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity
from behaviordist.record import Z80, Z95, Estimate
from behaviordist.studies.algorithms.runs import BASE, LabRuns
from behaviordist.studies.reciprocity.study import Study

FloatArray = NDArray[np.float64]


def log_costs(table: pd.DataFrame, rows: pd.DataFrame, behaviors: list[str]) -> np.ndarray:
    """Return log2 of the FLOPs of every ordered pair, ``(seeds, 1 + N, N)``, the base's row first.

    One step's FLOPs are added, so that a target that is met at once has a finite logarithm;
    censored runs count as their budget. The diagonal is NaN.
    """
    per_step = rows[rows["step"] > 0].assign(each=lambda x: x["flops"] / x["step"])
    step = per_step.groupby("target")["each"].first()
    cost = table.assign(log=np.log2(table["flops"] + table["target"].map(step)))
    frames = [
        part.pivot_table(index="source", columns="target", values="log").reindex(
            index=[BASE, *behaviors], columns=behaviors
        )
        for _, part in cost.groupby("seed", sort=True)
    ]
    return np.stack([frame.to_numpy(np.float64) for frame in frames])


def ranking_links(
    runs: LabRuns, study: Study, behaviors: list[str], parts: Reciprocity, base: FloatArray,
    main: Any,
) -> list[Estimate]:  # fmt: skip
    """Correlate the potential (dear to leave, cheap to reach) with what could explain it."""
    frame = main.to_pandas()
    regimes = {regime.label: regime for regime in study.regimes()}
    by_algorithm = np.array([float(regimes[b].algorithm == "rlvr") for b in behaviors])
    candidates = {
        "cheap to reach from the base": -base,
        "near to the base": -frame.loc[BASE, behaviors].to_numpy(np.float64),
        "trained by rlvr rather than sft": by_algorithm,
    }
    return [
        rank_link(name, values, parts.heights, study.test.permutations, runs.seed)
        for name, values in candidates.items()
        if np.ptp(values) > 0
    ]


def rank_link(name: str, x: FloatArray, y: FloatArray, permutations: int, seed: int) -> Estimate:
    """Spearman's rho, two-sided permutation p, and the interval of Bonett and Wright (2000)."""
    from scipy import stats

    rho = float(stats.spearmanr(x, y).statistic)
    test = stats.permutation_test(
        (x,), lambda a: stats.spearmanr(a, y).statistic, permutation_type="pairings",
        n_resamples=permutations, rng=np.random.default_rng(seed),
    )  # fmt: skip
    half = Z95 * math.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    z = math.atanh(max(-0.999999, min(0.999999, rho)))
    return Estimate(
        label=name,
        value=rho,
        low=math.tanh(z - half),
        high=math.tanh(z + half),
        p_value=float(test.pvalue),
        smallest_effect=math.tanh((Z95 + Z80) / math.sqrt(len(x) - 3)),
        n=len(x),
    )
