"""How often a gate opens for a candidate that stands exactly at the margin (promised: 5 % at most).

    python benchmarks/distances_gate.py [--draws 2000]

Squared distances of n probes are drawn from a shape, cut at 2 (the largest there is), and scaled so
that the margin is 1.5 or 3 times the smallest one that n probes can show. Beside it the bound that
was used before: Student's t. The last column: how many pass whose distance is half the margin.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import t

from behaviordist.distance.gate import smallest_margin
from behaviordist.innerproduct.limits import predictable_limit

SHAPES = {
    "exponential": lambda rng, size: rng.exponential(1.0, size),
    "lognormal, s = 1": lambda rng, size: rng.lognormal(-0.5, 1.0, size),
    "lognormal, s = 1.5": lambda rng, size: rng.lognormal(-1.125, 1.5, size),
    "lognormal, s = 2": lambda rng, size: rng.lognormal(-2.0, 2.0, size),
    "1 % fail": lambda rng, size: 100.0 * (rng.random(size) < 0.01),
    "2 % fail": lambda rng, size: 50.0 * (rng.random(size) < 0.02),
}


def passes(rng, shape, n, mean, squared_margin, draws):
    """Shares of draws whose upper limit lies below the squared margin: by bets, by Student's t."""
    opened = np.zeros(2)
    for _ in range(draws):
        x = np.minimum(mean * SHAPES[shape](rng, n), 2.0)
        student = x.mean() + t.ppf(0.95, n - 1) * x.std(ddof=1) / np.sqrt(n)
        opened += predictable_limit(x, 2.0, 0.05) < squared_margin, student < squared_margin
    return opened / draws


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    draws = parser.parse_args().draws
    print("shape, probes, margin | opens at the margin: bets, Student's t | passes at half of it")
    for shape, draw in SHAPES.items():
        for n in (30, 100, 300, 1000):
            for times in (1.5, 3.0):
                rng = np.random.default_rng(n)
                mean = min((times * smallest_margin(np.arange(n))) ** 2, 1.0)
                true = np.minimum(mean * draw(rng, 2_000_000), 2.0).mean()
                size = passes(rng, shape, n, mean, true, draws)
                power = passes(rng, shape, n, mean / 4, true, draws // 4)[0]
                print(
                    f"{shape:<20}{n:>5}  {np.sqrt(true):.3f} |"
                    f" {size[0]:6.1%} {size[1]:6.1%} | {power:.0%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
