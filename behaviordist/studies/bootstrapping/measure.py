"""What study `bootstrapping` measures: costs left and paid, distances of bases from targets."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from behaviordist.probes import ProbeSet
from behaviordist.studies.bootstrapping.runs import COHERENT, BudgetRuns
from behaviordist.studies.bootstrapping.study import base_name
from behaviordist.studies.divergences import checkpoint_divergences
from behaviordist.studies.fingerprints import symmetric_distances
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise


def cost_table(runs: BudgetRuns, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a run from a base: budget, target, algorithm, seed, costs left and paid before."""
    table = summarise(rows[rows["source_role"] != COHERENT])
    algorithm = {regime.label: regime.algorithm for regime in runs.study.regimes()}
    budgets = {base_name(budget): budget for budget in runs.study.budgets}
    table["budget"] = table["source"].map(budgets)
    table["algorithm"] = table["target"].map(algorithm)
    table["pretrain_flops"] = [
        runs.provenance(base, seed).get("flops", 0.0)
        for base, seed in zip(table["source"], table["seed"], strict=True)
    ]
    table["total_flops"] = table["flops"] + table["pretrain_flops"]
    columns = ("budget", "algorithm", "target", "seed", "steps", "flops", "pretrain_flops")
    return table[[*columns, "total_flops", "censored", "start"]]


def base_distances(runs: BudgetRuns, clock: StageClock) -> pd.DataFrame:
    """Distance of every base from every target of another seed: budget, target, seed, distance."""
    study = runs.study
    names = [*map(base_name, study.budgets), *(regime.label for regime in study.regimes())]
    places = {f"{name}-s{r}": runs.checkpoint(name, r) for name in names for r in runs.replicates}
    probes, geometry = ProbeSet.load(study.distances.probes), study.distances.geometry
    matrix = symmetric_distances(places, probes, geometry, runs.folder, clock)
    matrix.save(runs.folder)
    frame = matrix.to_pandas()
    distances = []
    for regime in study.regimes():
        for budget in study.budgets:
            for r in range(study.seeds):
                others = [f"{regime.label}-s{s}" for s in runs.replicates if s != r]
                away = frame.loc[f"{base_name(budget)}-s{r}", others]
                distances.append((budget, regime.label, r, float(np.mean(away.to_numpy()))))
    return pd.DataFrame(distances, columns=["budget", "target", "seed", "distance"])


def law_table(runs: BudgetRuns, rows: pd.DataFrame, clock: StageClock) -> pd.DataFrame:
    """One row a run from any source: source, role, target, algorithm, seed, steps, censored, nats.

    Nats are KL(target || source), the target of the next seed: no source is its parent or child.
    """
    study, parts = runs.study, []
    with clock.stage("divergences", study.seeds, "Scoring every target's answers") as done:
        for r in runs.replicates:
            names = dict.fromkeys(n for regime in study.regimes() for n in runs.sources(regime))
            matrix = checkpoint_divergences(
                {name: runs.checkpoint(name, r) for name in names},
                {g.label: runs.checkpoint(g.label, (r + 1) % study.seeds) for g in study.regimes()},
                study.answers,
                runs.seed,
                runs.folder / "divergences" / f"s{r}",
            )
            nats = matrix.to_pandas().rename_axis("source").reset_index()
            parts.append(nats.melt("source", var_name="target", value_name="nats").assign(seed=r))
            done(1)
    table = summarise(rows).rename(columns={"source_role": "role"})
    table["algorithm"] = table["target"].map({g.label: g.algorithm for g in study.regimes()})
    table = table.merge(pd.concat(parts), on=["source", "target", "seed"])
    columns = ["source", "role", "target", "algorithm", "seed", "steps", "censored", "nats"]
    return table[columns]


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
