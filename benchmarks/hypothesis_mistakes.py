"""Five mistakes of published comparisons, each simulated: the tables of docs/testing.md.

python benchmarks/hypothesis_mistakes.py [--studies 500]
"""

import argparse

import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.hypothesis import transfer_test

N = 14


def frames(distance, cost):
    labels = [f"{i:02d}" for i in range(len(cost))]
    return (pd.DataFrame(m, labels, labels) for m in (distance, cost))


def world(rng, slope=0.0, target_effect=2.0, source_effect=0.5):
    points = rng.normal(size=(N, 3))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = 10 + slope * distance + rng.normal(size=(N, N))
    cost += target_effect * rng.normal(size=(1, N)) + source_effect * rng.normal(size=(N, 1))
    return distance, cost


def ours(distance, cost, i, **options):
    return transfer_test(*frames(distance, cost), permutations=199, seed=i, **options)


def pooled(distance, cost, diagonal=False):
    """Spearman over all cells and its textbook p-value, one-sided."""
    keep = np.isfinite(cost) & (diagonal | ~np.eye(N, dtype=bool))
    result = stats.spearmanr(distance[keep], cost[keep], alternative="greater")
    return result.statistic, result.pvalue


def row(name, values, p_values, power=False):
    share = np.mean(np.array(p_values) <= 0.05)
    label = "finds it in" if power else "false alarms"
    print(f"| {name} | {np.mean(values):+.2f} | {label}: {share:.0%} |", flush=True)


def compare(title, rng, studies, make, methods, power=False):
    print(f"\n### {title}\n\n| analysis | mean value | at p <= 0.05 |\n| --- | --- | --- |")
    found = {name: [] for name in methods}
    for i in range(studies):
        study = make(rng)
        for name, method in methods.items():
            found[name].append(method(*study, i))
    for name, pairs in found.items():
        row(name, *zip(*pairs, strict=True), power)


def tested(distance, cost, i, **options):
    result = ours(distance, cost, i, **options)
    return result.value, result.p_value


def with_diagonal(rng):
    distance, cost = world(rng)
    np.fill_diagonal(cost, 0.0)
    return distance, cost


def related_behaviors(rng):
    """No link, but every behavior has quirks: some lie far from all others, some cost more."""
    points = rng.normal(size=(N, 3)) * (0.3 + rng.exponential(size=(N, 1)))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    return distance, world(rng, source_effect=1.5)[1]


def good_sources(rng):
    """Costs know the source's quality only; poor sources are outliers, far from everything."""
    quality = rng.exponential(size=N)
    points = rng.normal(size=(N, 3)) * (0.5 + quality[:, None])
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = 10 + 1.5 * quality[:, None] + rng.normal(size=(N, N)) + 2 * rng.normal(size=(1, N))
    return distance, cost


def supported(distance, cost, i):
    result = ours(distance, cost, i)
    return result.value, 0.0 if result.verdict == "supported" else 1.0


def censored_study(rng):
    distance, cost = world(rng, slope=0.5)
    budget = np.quantile(cost, 0.7)
    return distance, cost, budget


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    studies = parser.parse_args().studies
    print(f"{studies} simulated studies of {N} behaviors each")
    compare(
        "1. The diagonal included (no link)", np.random.default_rng(1), studies, with_diagonal,
        {
            "all cells, diagonal included": lambda d, c, i: pooled(d, c, diagonal=True),
            "within-target, diagonal left out": tested,
        },
    )  # fmt: skip
    compare(
        "2. Pairs taken as independent (no link)", np.random.default_rng(2), studies,
        related_behaviors,
        {
            "Spearman over pairs, textbook p": lambda d, c, i: pooled(d, c),
            "within-target, relabelled behaviors": tested,
        },
    )  # fmt: skip
    compare(
        "3. Target difficulty left in (a true link)", np.random.default_rng(3), studies,
        lambda rng: world(rng, slope=0.4),
        {
            "Spearman over pairs, textbook p": lambda d, c, i: pooled(d, c),
            "within-target, relabelled behaviors": tested,
        },
        power=True,
    )  # fmt: skip
    compare(
        "4. Source quality unasked (costs know the source only)", np.random.default_rng(4),
        studies, good_sources,
        {
            "within-target, p alone": tested,
            "within-target, verdict 'supported'": supported,
            "two-way, p alone": lambda d, c, i: tested(d, c, i, statistic="two-way"),
        },
    )  # fmt: skip
    compare(
        "5. Censored runs dropped (a true link, 30 % censored)", np.random.default_rng(5),
        studies, censored_study,
        {
            "all runs, no budget (what one would like)": lambda d, c, b, i: tested(d, c, i),
            "censored runs dropped": lambda d, c, b, i: tested(d, np.where(c < b, c, np.nan), i),
            "censored runs kept at the budget": lambda d, c, b, i: tested(d, np.minimum(c, b), i),
        },
        power=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
