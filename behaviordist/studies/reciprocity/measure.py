"""What study `reciprocity` measures: log costs of every pair, and what goes with their ranking."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity, reciprocity
from behaviordist.hypothesis.asymmetry.symmetry import symmetry_parts
from behaviordist.record import Z80, Z95, Estimate
from behaviordist.studies.algorithms.runs import BASE
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


@dataclass(frozen=True)
class Parts:
    """Costs split by direction.

    Attributes
    ----------
    behaviors
        In the order of the tables.
    mean
        log2 FLOPs of every ordered pair, mean over seeds.
    split
        Shares that are the same both ways, that differ, and that a ranking explains.
    symmetric
        Correlation of distance with the part that is the same both ways, functions as units.
    functions
        How many there are.
    links
        What goes with the ranking.
    """

    behaviors: tuple[str, ...]
    mean: pd.DataFrame
    split: Reciprocity
    symmetric: Estimate
    links: tuple[Estimate, ...]
    functions: int


def split_costs(
    study: Study, costs: FloatArray, distances: pd.DataFrame, behaviors: Sequence[str], seed: int
) -> Parts:
    """Split log costs into what is the same both ways and what is not, and ask what predicts each.

    Parameters
    ----------
    study
        Its regimes name the behaviors' algorithms and functions; functions are the units of the
        symmetric part's test.
    costs
        From `log_costs`.
    distances
        Of the behaviors and the base.
    behaviors
        Columns of `costs`.
    seed
        Of relabelling.
    """
    square, from_base = costs[:, 1:], costs[:, 0].mean(axis=0)
    labels = list(behaviors)
    mean = pd.DataFrame(square.mean(axis=0), index=labels, columns=labels)
    split = reciprocity(square)
    regimes = {regime.label: regime for regime in study.regimes()}
    # Behaviors of one function are one unit, whatever trained them.
    both = symmetry_parts(
        distances.loc[labels, labels],
        mean,
        permutations=study.test.permutations,
        seed=seed,
        units={label: str(regimes[label].task) for label in labels},
    )
    candidates = {
        "cheap to reach from the base": -from_base,
        "near to the base": -distances.loc[BASE, labels].to_numpy(np.float64),
        "trained by rlvr rather than sft": np.array(
            [float(regimes[label].algorithm == "rlvr") for label in labels]
        ),
    }
    links = tuple(
        rank_link(name, values, split.heights, study.test.permutations, seed)
        for name, values in candidates.items()
        if np.ptp(values) > 0
    )
    functions = len({regimes[label].task for label in labels})
    return Parts(tuple(labels), mean, split, Estimate.of(both.symmetric), links, functions)


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
