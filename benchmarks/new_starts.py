"""Starts that nobody has yet: do means and differences of weights beat the best checkpoint at hand?

    python benchmarks/new_starts.py --study DIR --out OUT

DIR is a whole run of study `transfer` (its checkpoints too), seed 0. For every target two starts
are made out of the mixtures of base A, chosen by KL before any run: the mean of the weights of the
three nearest, and A plus 1.5 times the difference of the nearest from A (task arithmetic). Each is
measured (KL) and tuned on the same data as the checkpoints at hand, and held against the
nearest of these and against the cheapest, which is known only afterwards. So is the nearest by KL
of all: what a plan would choose (added after the first look at the others).
"""

import argparse
import json
from pathlib import Path

import jax
import numpy as np
import pandas as pd
from scipy import stats

from behaviordist.lab import checkpoint
from behaviordist.store.jobs import run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.divergences import checkpoint_divergences
from behaviordist.studies.jobs import transfers_job
from behaviordist.studies.load import load_study
from behaviordist.studies.transfer.runs import Runs
from behaviordist.transfer.curves import first_passage

NEAREST, BEYOND = 3, 1.5
MEAN, ARITHMETIC = f"mean of the {NEAREST} nearest", f"base + {BEYOND} (nearest - base)"
CHOSEN = "the nearest of these and those at hand"


def make(runs, nearest, target, out):
    """Write both starts of a target; return their folders by name."""
    base, *near = (checkpoint.load(runs.checkpoint(n)).params for n in ("A", *nearest))
    weights = {
        MEAN: jax.tree.map(lambda *w: sum(w) / len(w), *near),
        ARITHMETIC: jax.tree.map(lambda a, w: a + BEYOND * (w - a), base, near[0]),
    }
    places = {}
    for i, (name, params) in enumerate(weights.items()):
        places[name] = out / "starts" / f"{target}-{i}"
        how = {"start": name, "of": nearest}
        checkpoint.save(places[name], params, runs.config, how)
    return places


def tune(runs, regime, starts, out):
    """Return steps to tau from each start, on the data that the study's own sources saw."""
    label, goal = regime.label, runs.goals[regime.label]
    seed = derived_seed(runs.seed, "transfer", label, 0)
    short = runs.study.transfer_regime(regime)
    steps = {}
    for name, start in starts.items():
        place = out / "transfers" / start.name
        job = transfers_job(place, {label: short}, runs.config, start, {label: seed}, {label: goal})
        run_jobs([job], 1, lambda _: None)
        curve = json.loads((place / f"{label}.json").read_text())
        passage = first_passage(curve["steps"], curve["scores"], goal.tau, short.budget)
        steps[name] = passage.cost
    return steps


def compared(values, units):
    """Return a mean over units of targets with Student's 95 % interval, as text."""
    each = values.groupby(units).mean()
    half = stats.t.ppf(0.975, len(each) - 1) * each.std(ddof=1) / np.sqrt(len(each))
    return f"{each.mean():.1f} [{each.mean() - half:.1f}, {each.mean() + half:.1f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    runs = Runs(load_study(str(options.study / "study.yaml")), options.study, 0)
    nats, costs, kinds = (
        pd.read_csv(options.study / f"{n}.csv", index_col=0)
        for n in ("divergences", "costs", "sources")
    )
    own = [s for s, kind in kinds["kind"].items() if kind == "mixture of A"]
    usable = [s for s, kind in kinds["kind"].items() if kind not in ("hard", "snapshot")]
    rows = {}
    for regime in runs.study.regimes():
        target = regime.label
        if target not in costs:
            continue
        nearest = nats.loc[own, target].nsmallest(NEAREST).index.tolist()
        starts = make(runs, nearest, target, options.out)
        away = checkpoint_divergences(
            starts, {target: runs.checkpoint(target)}, runs.study.answers, runs.seed, options.out
        ).to_pandas()[target]
        steps = tune(runs, regime, starts, options.out)
        best = nats.loc[usable, target].idxmin()
        rows[target] = {
            "nearest at hand": costs.loc[best, target],
            "cheapest at hand": costs.loc[usable, target].min(),
            "nats of the nearest": nats.loc[best, target],
            **steps,
            **{f"nats of the {name}": away[name] for name in starts},
        }
        print(target, {k: round(float(v), 2) for k, v in rows[target].items()}, flush=True)
    frame = pd.DataFrame(rows).T
    choice = {name: f"nats of the {name}" for name in (MEAN, ARITHMETIC)}
    choice |= {"nearest at hand": "nats of the nearest"}
    by_kl = frame[list(choice.values())].set_axis(list(choice), axis=1)
    frame[CHOSEN] = [frame.loc[t, by_kl.loc[t].idxmin()] for t in frame.index]
    frame[f"nats of the {CHOSEN}"] = by_kl.min(axis=1)
    frame.to_csv(options.out / "new_starts.csv")
    print("\n| targets | start | nats | steps | less nearest at hand | less cheapest at hand |")
    print("| --- | --- | --- | --- | --- | --- |")
    units = frame.index.str.split("-", n=1).str[1]
    algorithms = frame.index.str.split("-", n=1).str[0]
    for algorithm in algorithms.unique():
        part, of = frame[algorithms == algorithm], units[algorithms == algorithm]
        for name in (MEAN, ARITHMETIC, CHOSEN):
            less = [compared(part[name] - part[f"{known} at hand"], of)
                    for known in ("nearest", "cheapest")]  # fmt: skip
            print(f"| {algorithm} | {name} | {part[f'nats of the {name}'].mean():.2f} |"
                  f" {part[name].mean():.1f} | {less[0]} | {less[1]} |")  # fmt: skip
        print(f"| {algorithm} | nearest at hand | {part['nats of the nearest'].mean():.2f} |"
              f" {part['nearest at hand'].mean():.1f} | | |")  # fmt: skip
        print(f"| {algorithm} | cheapest at hand | | {part['cheapest at hand'].mean():.1f} | | |")


if __name__ == "__main__":
    main()
