"""Coverage of 95 % intervals over a few seeds: Student's t for the mean, order statistics.

    python benchmarks/seed_intervals.py [--studies 20000]

A seed's value is normal, skewed (lognormal, s = 1), a run that fails outright one time in five or
ten, or a cost censored at a budget that four runs in ten exceed. Student's interval is asked for
the mean and, where there is a budget, for the mean of min(T, budget); the exact interval is asked
for the median of T itself, with the bounds of what was censored. `wrong` is the share of studies
that decide (the interval excludes the truth, so a claim at the truth is supported or refuted); an
interval of zero width decides too. `silent` is the share without an interval.
"""

import argparse

import numpy as np
from scipy import stats

from behaviordist.studies.exact import median_limits

BUDGET = 1.0
SEEDS = (3, 5, 6, 9)


def draws(world, rng, shape):
    """Values as they are, before any budget."""
    if world == "normal":
        return rng.normal(size=shape)
    if world == "lognormal, s = 1":
        return rng.lognormal(size=shape)
    if world.startswith("fails"):
        failed = rng.random(shape) < float(world.split()[-1])
        return np.where(failed, 0.0, rng.normal(1.0, 0.05, shape))
    # Censored: log-normal times, of which four in ten exceed the budget.
    return np.exp(rng.normal(-0.2533 * 0.8, 0.8, shape))


def simulate(world, n, studies, seed):
    """Return the shares that miss and that are silent, of Student's and of the exact interval."""
    rng = np.random.default_rng(seed)
    population = draws(world, rng, 400_000)
    values = draws(world, rng, (studies, n))
    censored = world.startswith("censored")
    seen, truth = (np.minimum(x, BUDGET) if censored else x for x in (values, population))
    half = stats.t.ppf(0.975, n - 1) * seen.std(axis=1, ddof=1) / np.sqrt(n)
    wrong_t = np.abs(seen.mean(axis=1) - truth.mean()) > half
    highs = np.where(censored & (values > BUDGET), np.inf, seen)
    limits = np.array([median_limits(low, high) for low, high in zip(seen, highs, strict=True)])
    median = np.median(population)
    wrong_exact = (limits[:, 0] > median) | (limits[:, 1] < median)
    return wrong_t.mean(), wrong_exact.mean(), np.isnan(limits[:, 0]).mean()


WORLDS = ("normal", "lognormal, s = 1", "fails 0.2", "fails 0.1", "censored at a budget")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20_000)
    studies = parser.parse_args().studies
    print(f"{studies} studies a cell\n{'world':<22}{'seeds':>6}{'t wrong':>10}{'exact wrong':>13}"
          f"{'exact silent':>14}")  # fmt: skip
    for world in WORLDS:
        for n in SEEDS:
            t, exact, silent = simulate(world, n, studies, seed=n)
            print(f"{world:<22}{n:>6}{t:>10.1%}{exact:>13.1%}{silent:>14.0%}")


if __name__ == "__main__":
    main()
