"""How often a plan's 90 % limits hold what a target that was never tried then costs.

    python benchmarks/planning_limits.py [--studies 500]

Behaviors are points about a base; a target's costs are its difficulty times a power of distance
times the noise of a run. One target of each study is hidden altogether: no cost towards it, from it
or from the base to it is known. Counted are all starts of all studies (each study is one draw: the
starts of one target share its difficulty). `steps` costs are rounded up and stop at a budget.
"""

import argparse

import numpy as np
import pandas as pd

from behaviordist.planning import plan

SIZES = (7, 10, 14, 20, 30)
WORLDS = {
    "hard and easy targets": {"level": 0.5, "noise": 0.2},
    "targets alike, noisy runs": {"level": 0.1, "noise": 0.5},
    "targets far apart": {"level": 1.0, "noise": 0.3},
    "steps": {"level": 0.5, "noise": 0.2, "steps": True},
}


def study(rng, n, level, noise, steps=False):
    points = np.vstack([np.zeros(3), rng.normal(size=(n, 3))])
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = 20 * distance**1.2 * np.exp(noise * rng.normal(size=distance.shape))
    cost = cost * np.exp(level * rng.normal(size=(1, n + 1)))
    if steps:
        cost = np.minimum(np.ceil(cost / 5) * 5, 150)
    labels = ["base", *(f"b{i:02d}" for i in range(n))]
    distances, costs = (pd.DataFrame(m, labels, labels) for m in (distance, cost))
    costs["base"] = np.nan
    return distances, costs


def held(rng, n, world, known):
    """Share of starts inside their limits, and whether the base is inside its own."""
    distances, costs = study(rng, n, **world)
    target = "b00"
    past = costs.drop(index=target, columns=target)
    level = costs.loc["base", target] if known else None
    advice = plan(target, distances, past, base="base", reference_cost=level)
    inside = [s.cost_low <= costs.loc[s.source, target] <= s.cost_high for s in advice.starts]
    base = advice.reference_low <= costs.loc["base", target] <= advice.reference_high
    width = np.median([s.cost_high / max(s.cost_low, 1e-9) for s in advice.starts])
    return np.mean(inside), base, width


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print("90 % limits: behaviors, starts inside, base inside, high / low; the base's cost known")
    for name, world in WORLDS.items():
        for n in SIZES:
            rng = np.random.default_rng(asked.seed)
            rows = np.array([held(rng, n, world, False) for _ in range(asked.studies)])
            known = np.array([held(rng, n, world, True)[0] for _ in range(asked.studies)])
            inside, base = rows[:, :2].mean(axis=0)
            print(
                f"{name:28s} {n:3d}  {inside:6.1%}  {base:6.1%}  {np.median(rows[:, 2]):5.1f}"
                f"   {known.mean():6.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
