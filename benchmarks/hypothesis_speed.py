"""Seconds of one test against a loop over scipy, and of a wide leaderboard.

python benchmarks/hypothesis_speed.py
"""

import time

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.hypothesis import leaderboard, transfer_test

N, PERMUTATIONS, LOOPED = 200, 10_000, 3


def study(rng, missing):
    points = rng.normal(size=(N, 3))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = distance + rng.normal(size=(N, N))
    cost[rng.uniform(size=cost.shape) < missing] = np.nan
    labels = [f"{i:03d}" for i in range(N)]
    return pd.DataFrame(distance, labels, labels), pd.DataFrame(cost, labels, labels)


def scipy_loop(distances, costs, rng):
    """Seconds for PERMUTATIONS relabellings, from a few that are really done."""
    d, c = distances.to_numpy(), costs.to_numpy()
    start = time.perf_counter()
    for _ in range(LOOPED):
        order = rng.permutation(N)
        moved = d[np.ix_(order, order)]
        for t in range(N):
            keep = np.isfinite(c[:, t]) & (np.arange(N) != t)
            stats.spearmanr(moved[keep, t], c[keep, t])
    return (time.perf_counter() - start) / LOOPED * PERMUTATIONS


def wide(rng):
    sources, targets = [f"s{i}" for i in range(71)], [f"t{i}" for i in range(43)]
    distance = np.abs(rng.normal(size=(71, 43)))
    frame = lambda m: pd.DataFrame(m, sources, targets)  # noqa: E731
    seeds = [distance + rng.normal(size=distance.shape) for _ in range(3)]
    predictors = {f"d{k}": frame(distance + 0.2 * k) for k in range(12)}
    start = time.perf_counter()
    leaderboard(
        predictors, frame(np.mean(seeds, axis=0)), halves=[(frame(seeds[0]), frame(seeds[1]))]
    )
    return time.perf_counter() - start


def main():
    rng = np.random.default_rng(0)
    print(f"{N} behaviors, {PERMUTATIONS} relabellings; predictors with their intervals")
    for missing in (0.0, 0.1):
        distances, costs = study(rng, missing)
        loop = scipy_loop(distances, costs, rng)
        for statistic in ("within-target", "two-way"):
            start = time.perf_counter()
            found = transfer_test(distances, costs, statistic=statistic, permutations=PERMUTATIONS)
            seconds = time.perf_counter() - start
            print(
                f"{statistic:15s} {1 + len(found.baselines)} predictors,"
                f" {missing:4.0%} missing {seconds:7.1f} s;"
                f" scipy loop, one predictor {loop:7.0f} s; ratio {loop / seconds:6.0f}",
                flush=True,
            )
    print(f"leaderboard, 71 x 43, 12 distances, 3 seeds: {wide(rng):.1f} s")


if __name__ == "__main__":
    main()
