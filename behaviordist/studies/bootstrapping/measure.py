"""What study `bootstrapping` measures: costs left and paid, distances of bases from targets."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from behaviordist.studies.bootstrapping.runs import BudgetRuns
from behaviordist.studies.bootstrapping.study import base_name
from behaviordist.studies.fingerprints import fingerprint_stage
from behaviordist.studies.places import read_provenance
from behaviordist.studies.stages import StageClock


def cost_table(runs: BudgetRuns, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a run: budget, target, algorithm, seed, what is left to pay, what was paid before."""
    from behaviordist.transfer.curves import summarise

    table = summarise(rows)
    algorithm = {regime.label: regime.algorithm for regime in runs.study.regimes()}
    budgets = {base_name(budget): budget for budget in runs.study.budgets}
    table["budget"] = table["source"].map(budgets)
    table["algorithm"] = table["target"].map(algorithm)
    table["pretrain_flops"] = [
        read_provenance(runs.base(budget, seed)).get("flops", 0.0)
        for budget, seed in zip(table["budget"], table["seed"], strict=True)
    ]
    table["total_flops"] = table["flops"] + table["pretrain_flops"]
    columns = ("budget", "algorithm", "target", "seed", "steps", "flops", "pretrain_flops")
    return table[[*columns, "total_flops", "censored", "start"]]


def base_distances(runs: BudgetRuns, clock: StageClock) -> pd.DataFrame:
    """Distance of every base from every target of another seed: budget, target, seed, distance."""
    from behaviordist.behaviors import load
    from behaviordist.distance import matrix_of
    from behaviordist.probes import ProbeSet

    study = runs.study
    places = [(base_name(b), r, runs.base(b, r)) for b in study.budgets for r in range(study.seeds)]
    places += [(g.label, r, runs.target(g, r)) for g in study.regimes() for r in range(study.seeds)]
    behaviors = [load(str(path), label=path.name) for _, _, path in places]
    probes, geometry = ProbeSet.load(study.distances.probes), study.distances.geometry

    prints = fingerprint_stage(behaviors, probes, (geometry,), runs.folder, clock)
    matrix = matrix_of(prints[geometry])
    matrix.save(runs.folder)
    frame = matrix.to_pandas()
    distances = []
    for regime in study.regimes():
        for budget in study.budgets:
            for r in range(study.seeds):
                others = [runs.target(regime, s).name for s in range(study.seeds) if s != r]
                away = frame.loc[runs.base(budget, r).name, others]
                distances.append((budget, regime.label, r, float(np.mean(away.to_numpy()))))
    return pd.DataFrame(distances, columns=["budget", "target", "seed", "distance"])


def within_target_links(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman correlation, over budgets, of distance and steps left, for each target and seed.

    A censored run counts as its budget: it is dearer than any that arrived. NaN where either
    does not vary.
    """
    from scipy import stats

    links = []
    for (target, seed), part in table.groupby(["target", "seed"]):
        varies = part["steps"].nunique() > 1 and part["distance"].nunique() > 1
        rho = stats.spearmanr(part["distance"], part["steps"]).statistic if varies else math.nan
        links.append((target, seed, part["algorithm"].iloc[0], float(rho)))
    return pd.DataFrame(links, columns=["target", "seed", "algorithm", "rho"])
