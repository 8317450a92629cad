"""Type I error and interval coverage of every statistic, by simulation.

    python benchmarks/hypothesis_nulls.py [--studies 1000] [--statistic NAME] [--leaderboard]
        [--behaviors 30] [--slope 0.3] [--models]

Null studies have target effects, source effects, ties and 30 % of the runs censored at a common
budget; distances come from random points, costs do not know them. Coverage studies plant a link;
the truth is the mean of the statistic over 2,000 further studies of the same size.
"""

import argparse
import itertools

import numpy as np
import pandas as pd

from behaviordist.hypothesis import leaderboard
from behaviordist.hypothesis.inference.intervals import intervals
from behaviordist.hypothesis.models.checks import model_checks
from behaviordist.hypothesis.permutation.relabelling import Relabelling, relabellings
from behaviordist.hypothesis.statistics.statistic import STATISTICS, Resampled
from behaviordist.hypothesis.tables.pairs import make_pairs

N = 14
PERMUTATIONS = 199
TRUTH_STUDIES = 2_000
SIZES, SLOPES = (10, 14, 20, 30), (0.0, 0.3, 1.0)


def study(rng, slope, n=N):
    points = rng.normal(size=(n, 3))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = 10 + slope * distance + rng.normal(size=(n, n))
    cost += 2.0 * rng.normal(size=(1, n)) + 0.5 * rng.normal(size=(n, 1))
    cost = np.round(cost / 0.25) * 0.25
    cost = np.minimum(cost, np.quantile(cost, 0.7))
    labels = [f"{i:02d}" for i in range(n)]
    frames = pd.DataFrame(distance, labels, labels), pd.DataFrame(cost, labels, labels)
    return make_pairs(*frames, {})


def identity(pairs):
    rows, columns = pairs.cost.shape
    return Relabelling(np.arange(rows)[None], np.arange(columns)[None])


def type_one(statistic, studies, seed):
    rng = np.random.default_rng(seed)
    rejected = 0
    for _ in range(studies):
        pairs = study(rng, 0.0)
        drawn = relabellings(pairs.sources, pairs.targets, PERMUTATIONS, rng)
        null = statistic.permuted(pairs.predictors, pairs.cost, drawn)[0]
        rejected += np.mean(null >= null[0] - 1e-12) <= 0.05
    return rejected / studies


def frames(pairs):
    labels = list(pairs.sources)
    return [pd.DataFrame(m, labels, labels) for m in (pairs.predictors[0], pairs.cost)]


def runs_of(distances, costs):
    """The same costs as single runs; those at the common budget are censored."""
    long = costs.rename_axis("source").melt(ignore_index=False, var_name="target").reset_index()
    long = long.dropna().rename(columns={"value": "cost"})
    return long.assign(censored=long["cost"] >= long["cost"].max())


def models_type_one(studies, seed):
    """Share of null studies that each regression rejects."""
    rng = np.random.default_rng(seed)
    rejected = {}
    for i in range(studies):
        distances, costs = frames(study(rng, 0.0, 10))
        found = model_checks(
            distances, costs, runs=runs_of(distances, costs), permutations=99, seed=i
        )
        for check in found:
            rejected.setdefault(check.name, []).append(check.p_value <= 0.05)
    return {name: np.mean(values) for name, values in rejected.items()}


def coverage(names, method, slope, n, studies, seed):
    """Rows of truth, share of intervals that hold it, mean width; all on the same studies."""
    rng = np.random.default_rng(seed)
    chosen = [STATISTICS[name] for name in names]
    truth = np.zeros(len(chosen))
    for _ in range(TRUTH_STUDIES):
        p = study(rng, slope, n)
        values = [s.permuted(p.predictors, p.cost, identity(p))[0, 0] for s in chosen]
        truth += np.array(values) / TRUTH_STUDIES
    limits = np.empty((studies, len(chosen), 2))
    for i in range(studies):
        pairs = study(rng, slope, n)
        for k, statistic in enumerate(chosen):
            value = statistic.permuted(pairs.predictors, pairs.cost, identity(pairs))[:, 0]
            limits[i, k] = intervals(statistic, pairs, value, method, draws=500, rng=rng)[0]
    low, high = limits[..., 0], limits[..., 1]
    inside = (low <= truth) & (truth <= high)
    return zip(truth, inside.mean(axis=0), (high - low).mean(axis=0), strict=True)


def board(rng, slope, n):
    """Return the leaderboard's row of a distance, beside the same measured with noise."""
    distances, costs = frames(study(rng, slope, n))
    blurred = {"blurred": np.abs(distances + rng.normal(size=distances.shape))}
    # Intervals need no relabellings.
    found = leaderboard({"distance": distances}, costs, baselines=blurred, permutations=1)
    return next(row for row in found.rows if row.name == "distance")


def leaderboard_coverage(slope, n, studies, seed):
    """Truth and share of intervals that hold it, of the paired difference and of regret@1."""
    rng = np.random.default_rng(seed)
    far = [board(rng, slope, n) for _ in range(1_000)]
    rows = [board(rng, slope, n) for _ in range(studies)]
    for name in ("difference", "regret"):
        truth = np.mean([getattr(row, name) for row in far])
        limits = np.array([[getattr(r, f"{name}_{end}") for end in ("low", "high")] for r in rows])
        yield name, truth, np.mean((limits[:, 0] <= truth) & (truth <= limits[:, 1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--statistic", action="append")
    parser.add_argument("--skip-coverage", action="store_true")
    parser.add_argument("--skip-type-one", action="store_true")
    parser.add_argument("--leaderboard", action="store_true", help="only its intervals' coverage")
    parser.add_argument("--models", action="store_true", help="only the regressions' type I error")
    parser.add_argument("--behaviors", type=int, action="append", help="of the coverage")
    parser.add_argument("--slope", type=float, action="append", help="of cost on distance")
    parser.add_argument("--interval", choices=("jackknife", "bootstrap"), action="append")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.models:
        print(f"type I error at 5 %, {asked.studies} null studies of 10 behaviors")
        for name, rate in models_type_one(asked.studies, asked.seed).items():
            print(f"{name:40s} {rate:7.3f}")
        return
    if asked.leaderboard:
        print(f"95 % intervals of the leaderboard, {asked.studies} studies: truth, coverage")
        for slope in (0.3, 1.0):
            for name, truth, inside in leaderboard_coverage(slope, N, asked.studies, 2):
                print(f"{name:15s} n={N} slope={slope}  {truth:6.3f}  {inside:6.3f}", flush=True)
        return
    names = asked.statistic or list(STATISTICS)
    if not asked.skip_type_one:
        print(f"type I error at 5 %, {asked.studies} null studies of {N} behaviors")
        for name in names:
            rate = type_one(STATISTICS[name], asked.studies, asked.seed)
            print(f"{name:15s} {rate:7.3f}", flush=True)
    if not asked.skip_coverage:
        print_coverage(
            names,
            asked.studies,
            asked.behaviors or SIZES,
            SLOPES if asked.slope is None else asked.slope,
            asked.interval or ("jackknife",),
        )


def print_coverage(names, studies, sizes, slopes, methods):
    print(f"\n95 % intervals, {studies} studies: truth, coverage, mean width")
    resampled = [name for name in names if isinstance(STATISTICS[name], Resampled)]
    able = {"jackknife": names, "bootstrap": resampled}
    for method, n, slope in itertools.product(methods, sizes, slopes):
        if able[method]:
            rows = coverage(able[method], method, slope, n, studies, 2)
            for name, row in zip(able[method], rows, strict=True):
                numbers = "  ".join(f"{number:6.3f}" for number in row)
                print(f"{name:15s} {method:10s} n={n} slope={slope}  {numbers}", flush=True)


if __name__ == "__main__":
    main()
