"""Level and coverage where behaviors come in units, and where sources and targets differ.

    python benchmarks/hypothesis_units.py [--studies 1000] [--cell NAME] [--truth 4000]

A *unit* shares its place and its quirks: distances and costs have a part that is the unit's (of
each ordered pair of units, of each unit as source, of each unit as target) and a part of the
behavior's own. Members of one unit are near each other and cheap to reach from each other, whatever
the cell; a null cell links nothing else. Costs have ties; a share of the runs is censored at one
budget.
"""

import argparse
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from behaviordist.hypothesis import transfer_test
from behaviordist.hypothesis.permutation.relabelling import Relabelling
from behaviordist.hypothesis.statistics.statistic import STATISTICS
from behaviordist.hypothesis.tables.pairs import make_pairs

PERMUTATIONS = 199


@dataclass(frozen=True)
class Design:
    units: int
    members: int
    censored: float = 0.3
    source_effect: float = 1.0
    same: float = 1.5
    slope: float = 0.0
    targets: int = 0
    target_sd: float = 0.0


CELLS = {
    "4 x 4": Design(4, 4),
    "8 x 2": Design(8, 2),
    "24 x 1": Design(24, 1),
    "8 x 2, 60 % censored": Design(8, 2, censored=0.6),
    "24 x 1, 60 % censored": Design(24, 1, censored=0.6),
    "24 x 1, sources x 3": Design(24, 1, source_effect=3.0),
    "30 sources, 4 targets": Design(30, 1, targets=4),
    "30 sources, 8 targets": Design(30, 1, targets=8),
}


def study(rng, design):
    """Distances, costs and units of one study."""
    n_units = design.units + design.targets
    n = n_units * design.members
    unit = np.repeat(np.arange(n_units), design.members)
    centre = rng.normal(size=(n_units, 3))
    place = centre[unit] + (0.4 * rng.normal(size=(n, 3)) if design.members > 1 else 0)
    near = np.linalg.norm(place[:, None] - place[None], axis=-1)
    within = unit[:, None] == unit[None, :]
    block = rng.normal(size=(n_units, n_units))[np.ix_(unit, unit)]
    own = rng.normal(size=(n, n))
    share = 0.5 if design.members > 1 else 0.0
    noise = np.sqrt(share) * block + np.sqrt(1 - share) * own
    source, target = (rng.normal(size=n_units)[unit] for _ in range(2))
    slope = design.slope + design.target_sd * rng.normal(size=n)
    cost = 10 + slope * near + noise + design.source_effect * source[:, None] + 2 * target
    cost = np.where(within, cost - design.same, cost)
    labels = [f"u{u:02d}-{i}" for u in range(n_units) for i in range(design.members)]
    if design.targets:
        rows, goals = labels[: design.units], labels[design.units :]
        parts = (m[: design.units, design.units :] for m in (near, cost))
        return *_stopped([pd.DataFrame(m, rows, goals) for m in parts], design), None
    frames = [pd.DataFrame(m, labels, labels) for m in (near, cost)]
    units = {label: label[:3] for label in labels} if design.members > 1 else None
    return *_stopped(frames, design), units


def _stopped(frames, design):
    near, cost = frames
    values = cost.to_numpy()
    budget = np.quantile(values, 1 - design.censored)
    cost = (np.minimum(cost, budget) / 0.25).round() * 0.25
    censored = pd.DataFrame((values >= budget).astype(float), cost.index, cost.columns)
    return near, cost, censored


def run(rng, design, seed, **options):
    near, cost, censored, units = study(rng, design)
    return transfer_test(
        near, cost, censored=censored, units=units, permutations=PERMUTATIONS, seed=seed, **options
    )


def value(rng, design):
    """The statistic of one study, nothing else."""
    near, cost, _, _ = study(rng, design)
    pairs = make_pairs(near, cost, {})
    s, t = pairs.cost.shape
    identity = Relabelling(np.arange(s)[None], np.arange(t)[None])
    return STATISTICS["within-target"].permuted(pairs.predictors, pairs.cost, identity)[0, 0]


def level(design, studies, seed):
    rng = np.random.default_rng(seed)
    results = [run(rng, design, i) for i in range(studies)]
    p = np.mean([r.p_value <= 0.05 for r in results])
    beyond = np.mean([r.beyond_sources.p_value <= 0.05 for r in results])
    supported = np.mean([r.verdict == "supported" for r in results])
    refuted = np.mean([r.verdict == "not supported" for r in results])
    return p, beyond, supported, refuted


def coverage(design, studies, truth_studies, seed):
    rng = np.random.default_rng(seed)
    truth = np.nanmean([value(rng, design) for _ in range(truth_studies)])
    results = [run(rng, design, i) for i in range(studies)]
    low, high = (np.array([getattr(r, end) for r in results]) for end in ("ci_low", "ci_high"))
    return truth, np.mean((low <= truth) & (truth <= high)), np.mean(high - low)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--truth", type=int, default=4000)
    parser.add_argument("--cell", action="append")
    parser.add_argument("--skip-level", action="store_true")
    parser.add_argument("--skip-coverage", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    cells = {name: CELLS[name] for name in asked.cell or CELLS}
    if not asked.skip_level:
        print("nothing links: p <= 0.05, the same beyond source effects, supported, not supported")
        for name, design in cells.items():
            shares = "  ".join(f"{v:6.1%}" for v in level(design, asked.studies, asked.seed))
            print(f"{name:25s} {shares}", flush=True)
    if not asked.skip_coverage:
        print("95 % intervals: slope, truth, coverage, width")
        for name, design in cells.items():
            for slope in (0.0, 0.5, 1.5):
                linked = replace(design, slope=slope, target_sd=0.5 if design.targets else 0.0)
                t, inside, width = coverage(linked, asked.studies, asked.truth, asked.seed)
                print(f"{name:25s} {slope:4.1f} {t:6.3f} {inside:6.1%} {width:6.2f}", flush=True)


if __name__ == "__main__":
    main()
