"""How often a 95 % interval of a squared distance holds the truth, from few and skewed probes.

    python benchmarks/distances_intervals.py [--draws 4000]

Values of n probes are drawn from a shape with mean 1. Two intervals: Student's t, and the one that
distances carry, corrected for the skewness that was seen (`distance.intervals`). "warned" is the
share of draws of which `DistanceMatrix.cautions` would say that they come from few probes.
"""

from __future__ import annotations

import argparse

import numpy as np

from behaviordist.distance.intervals import SKEWED, interval_end
from behaviordist.innerproduct.pairs import skewness_of_mean

SHAPES = {
    "normal": lambda rng, size: 1 + 0.3 * rng.standard_normal(size),
    "exponential": lambda rng, size: rng.exponential(1.0, size),
    "lognormal, s = 1": lambda rng, size: rng.lognormal(-0.5, 1.0, size),
    "lognormal, s = 1.5": lambda rng, size: rng.lognormal(-1.125, 1.5, size),
    "lognormal, s = 2": lambda rng, size: rng.lognormal(-2.0, 2.0, size),
    "5 % fail": lambda rng, size: 20.0 * (rng.random(size) < 0.05),
    "1 % fail": lambda rng, size: 100.0 * (rng.random(size) < 0.01),
}


def covers(values, corrected):
    """(coverage, misses from above, skewness of the mean) of 95 % intervals of rows of values."""
    n = values.shape[1]
    mean, error = values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(n)
    powers = [np.sum(values**k, axis=1) for k in (1, 2, 3)]
    g = skewness_of_mean(*powers, n)
    low, high = (
        interval_end(mean, error, n - 1.0, g if corrected else 0 * g, q) for q in (0.975, 0.025)
    )
    return np.mean((low <= 1) & (high >= 1)), np.mean(high < 1), g


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    print("shape, probes | Student's t: covers, too low | corrected: covers, too low | warned")
    for shape, draw in SHAPES.items():
        for n in (30, 60, 128, 500):
            values = draw(np.random.default_rng(n), (draws, n))
            plain, (cover, low, g) = covers(values, False), covers(values, True)
            warned = np.mean(np.abs(g) > SKEWED)
            print(
                f"{shape:<20}{n:>4} | {plain[0]:6.1%} {plain[1]:6.1%} | {cover:6.1%} {low:6.1%}"
                f" | {warned:.0%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
