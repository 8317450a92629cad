"""How often the interval of steps per nat covers the planted slope.

``python benchmarks/law_coverage.py [WORLDS]``: 26 sources x 16 targets in 8 functions, slope 2.2; a
quirk of every source, noise of every cell, with and without a budget that cuts costs.
"""

from __future__ import annotations

import sys

import numpy as np

from behaviordist.hypothesis.models.law import fit_law
from tests.hypothesis.test_law import SLOPE, world

CASES = [(1.0, None), (0.0, None), (3.0, None), (1.0, 20.0)]


def main(worlds: int) -> None:
    """Print one row a case; censored worlds take ten times as long, so a third as many are run."""
    print("quirk  budget  worlds  coverage  mean slope  its sd  mean error")
    for quirk, budget in CASES:
        rng, count = np.random.default_rng(11), worlds if budget is None else worlds * 3 // 10
        fits = []
        for _ in range(count):
            nats, cost, late, units = world(rng, quirk=quirk, budget=budget)
            fits.append(fit_law(nats, cost, censored=late, units=units))
        slopes = [fit.slope for fit in fits]
        covered = np.mean([fit.low <= SLOPE <= fit.high for fit in fits])
        error = np.mean([fit.standard_error for fit in fits])
        row = f"{covered:8.1%}  {np.mean(slopes):10.3f}  {np.std(slopes):6.3f}  {error:10.3f}"
        print(f"{quirk:5g}  {budget or '-'!s:>6}  {count:6d}  {row}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
