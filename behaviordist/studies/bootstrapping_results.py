"""What study `bootstrapping` reports: totals, thresholds, and distance against the cost left."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.report.findings import (
    Claim,
    Findings,
    Lines,
    Part,
    Series,
    TableOf,
    decide,
    number,
    numbers,
)
from behaviordist.studies.bootstrapping import Runs, base_name
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.fingerprints import fingerprint_stage
from behaviordist.studies.measures import Estimate, estimate, share, words
from behaviordist.studies.progress import StageClock
from behaviordist.studies.provenance import read_provenance

RULE = "supported where the 95 % interval lies on the claimed side, not supported where it lies on"
RULE += " the other, inconclusive where it holds the threshold"


def write_results(
    runs: Runs, settings: Settings, rows: pd.DataFrame, clock: StageClock
) -> dict[str, Any]:
    """Measure distances, draw the conclusions, write the folder; return ``run.json``."""
    from behaviordist.studies.results import write_findings

    table = cost_table(runs, rows)
    distances = base_distances(runs, clock)
    table = table.merge(distances, on=["budget", "target", "seed"])
    table.to_csv(runs.folder / "costs_by_budget.csv", index=False)
    findings = conclude(runs, table)
    unconverged = [
        regime.label
        for regime in runs.study.regimes()
        for r in range(runs.study.seeds)
        if not read_provenance(runs.target(regime, r))["converged"]
    ]
    notes = [
        f"{label}: a target did not converge within its budget; it is used as is"
        for label in dict.fromkeys(unconverged)
    ]
    return write_findings(runs.study, settings, findings, clock, notes=notes)


def cost_table(runs: Runs, rows: pd.DataFrame) -> pd.DataFrame:
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


def base_distances(runs: Runs, clock: StageClock) -> pd.DataFrame:
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
    found = []
    for regime in study.regimes():
        for budget in study.budgets:
            for r in range(study.seeds):
                others = [runs.target(regime, s).name for s in range(study.seeds) if s != r]
                away = frame.loc[runs.base(budget, r).name, others]
                found.append((budget, regime.label, r, float(np.mean(away.to_numpy()))))
    return pd.DataFrame(found, columns=["budget", "target", "seed", "distance"])


def conclude(runs: Runs, table: pd.DataFrame) -> Findings:
    """Return the study's claims, figures and tables."""
    links = within_target_links(table)
    nearer = _correlation(links)
    claims = (
        _nearer_claim(nearer),
        *[_random_claim(table, algorithm) for algorithm in runs.study.post_training],
        *[saving_claim(table, algorithm) for algorithm in runs.study.post_training],
    )
    thresholds = threshold_table(runs, table)
    return Findings(
        headline=_headline(runs, table, nearer),
        claims=claims,
        facts=(
            ("pre-training budgets", str(len(runs.study.budgets)), "steps, the first none"),
            ("regimes", str(len(runs.study.regimes())), "algorithm x function"),
            ("runs", str(len(table)), f"{int(table['censored'].sum())} censored"),
            ("seeds", str(runs.study.seeds), "each with bases of its own"),
        ),
        parts=(
            Part(title="What is left to pay", blocks=(_steps_left(runs, table), thresholds)),
            Part(title="What a behavior costs in total", blocks=_total_blocks(runs, table)),
            Part(title="Distance and the cost left", blocks=_distance_blocks(runs, table, links)),
        ),
    )


def _nearer_claim(nearer: Estimate) -> Claim:
    return Claim(
        claim="The nearer a base lies to the target, the less cost is left.",
        verdict=decide(number(nearer.low), number(nearer.high)),
        answer=f"{words(nearer)} is the mean rank correlation, inside a target, of distance and"
        f" steps left; interval over {nearer.n} seeds.",
        value=number(nearer.value), low=number(nearer.low), high=number(nearer.high),
        unit="Spearman correlation", smallest_effect=number(nearer.smallest_effect), rule=RULE,
    )  # fmt: skip


def within_target_links(table: pd.DataFrame) -> pd.DataFrame:
    """Spearman correlation, over budgets, of distance and steps left, for each target and seed.

    A censored run counts as its budget: it is dearer than any that arrived. NaN where either
    does not vary.
    """
    from scipy import stats

    found = []
    for (target, seed), part in table.groupby(["target", "seed"]):
        varies = part["steps"].nunique() > 1 and part["distance"].nunique() > 1
        rho = stats.spearmanr(part["distance"], part["steps"]).statistic if varies else math.nan
        found.append((target, seed, part["algorithm"].iloc[0], float(rho)))
    return pd.DataFrame(found, columns=["target", "seed", "algorithm", "rho"])


def _random_claim(table: pd.DataFrame, algorithm: str) -> Claim:
    runs = table[(table["budget"] == 0) & (table["algorithm"] == algorithm)]
    arrived = int((~runs["censored"]).sum())
    found = share(arrived, len(runs))
    return Claim(
        claim=f"From random weights, {algorithm} does not arrive within its budget.",
        verdict=decide(number(found.low), number(found.high), threshold=0.5, above=False),
        answer=f"{arrived} of {len(runs)} runs arrived.",
        value=number(found.value), low=number(found.low), high=number(found.high),
        unit="share of runs that arrive (against a half)",
        smallest_effect=number(found.smallest_effect), rule=RULE,
    )  # fmt: skip


def saving_claim(table: pd.DataFrame, algorithm: str) -> Claim:
    """Claim that some pre-training lowers the total; log ratio of totals, paired by seed and task.

    The budget is chosen on the other seeds, so that the best of several is not its own judge. Runs
    that never arrived count as their budgets: of random weights they leave an upper bound of the
    ratio, which can only show that pre-training pays; of the chosen budget a lower bound, which
    can only show that it does not.
    """
    part = table[table["algorithm"] == algorithm]
    ratios, censored = zip(*(_saving(part, seed) for seed in part["seed"].unique()), strict=True)
    found, late = estimate(ratios), sum(censored)
    start = part[part["budget"] == 0]
    never = int(start["censored"].sum())
    verdict = decide(number(found.low), number(found.high), above=False)
    bounds = []
    if never:
        bounds.append(
            f"{never} of {len(start)} runs from random weights never arrived, so the truth is lower"
        )
    if late:
        bounds.append(f"{late} of those from the chosen budget never arrived, so it is higher")
    refuted = {"not supported": never, "supported": late}
    if refuted.get(verdict):
        verdict = "inconclusive"
    said = "".join(f"; {bound}" for bound in bounds)
    return Claim(
        claim=f"Pre-training for one behavior pays within that behavior, by {algorithm}.",
        verdict=verdict,
        answer=f"the total with the budget chosen on the other seeds is {2**found.value:.2g} times"
        f" the total from random weights{said}.",
        value=number(found.value), low=number(found.low), high=number(found.high),
        unit="log2 of total FLOPs over those from random weights (below 0: pays)",
        smallest_effect=number(found.smallest_effect), rule=RULE,
    )  # fmt: skip


def _saving(part: pd.DataFrame, seed: Any) -> tuple[float, int]:
    """Log2 ratio of one seed's totals, mean over targets, and how many of its runs never arrived.

    The totals are those of one budget and of random weights; the runs counted are the budget's. It
    is the budget from which most runs of the *other* seeds arrive, the cheapest of those.
    """
    others, own = part[part["seed"] != seed], part[part["seed"] == seed]
    by_budget = others[others["budget"] > 0].groupby("budget")
    ranked = pd.DataFrame(
        {"late": by_budget["censored"].sum(), "total": by_budget["total_flops"].mean()}
    )
    budget = ranked.sort_values(["late", "total"]).index[0]
    chosen, start = (own[own["budget"] == b].set_index("target") for b in (budget, 0))
    ratio = float(np.log2(chosen["total_flops"] / start["total_flops"]).mean())
    return ratio, int(chosen["censored"].sum())


def threshold_table(runs: Runs, table: pd.DataFrame) -> TableOf:
    """Smallest pre-training budget from which all runs of a regime arrive, and any at all."""
    rows = []
    for target, part in table.groupby("target", sort=False):
        arrived = 1.0 - part.groupby("budget")["censored"].mean()
        first = arrived.index[arrived > 0]
        steady = [b for b in arrived.index if (arrived.loc[b:] == 1).all()]
        rows.append(
            (
                str(target),
                f"{int(first[0])}" if len(first) else "none",
                f"{int(steady[0])}" if steady else "none",
                f"{arrived.iloc[0]:.0%}",
                f"{arrived.iloc[-1]:.0%}",
            )
        )
    header = (
        "regime",
        "first budget with an arrival",
        "all arrive from",
        "arrived from none",
        "arrived from the longest",
    )
    note = f"Pre-training steps; {runs.study.seeds} seeds each. Arrived: score of {runs.study.tau}."
    return TableOf(
        title="The smallest pre-training at which a regime works", header=header, rows=tuple(rows),
        align="lrrrr", note=note,
    )  # fmt: skip


def _steps_left(runs: Runs, table: pd.DataFrame) -> Lines:
    return Lines(
        name="steps-left", title="Steps of post-training left, against pre-training",
        caption="Mean over seeds and functions of the steps to tau, with 95 % intervals over seeds,"
        " cut at 0; a censored run counts as its budget, so points there are lower bounds.",
        x="pre-training steps", y="post-training steps to tau", x_scale="symlog",
        series=tuple(_series(table, a, "steps") for a in runs.study.post_training),
    )  # fmt: skip


def _total_blocks(runs: Runs, table: pd.DataFrame) -> tuple[Any, ...]:
    totals = Lines(
        name="total-flops", title="Total FLOPs to tau, pre-training included",
        caption="Left end: from random weights. Where the curve rises from there, pre-training does"
        " not pay within one behavior; a base is shared by many. Lower bounds where censored.",
        x="pre-training steps", y="total FLOPs", x_scale="symlog", y_scale="log",
        series=tuple(_series(table, a, "total_flops") for a in runs.study.post_training),
    )  # fmt: skip
    rows = []
    for algorithm in runs.study.post_training:
        part = table[table["algorithm"] == algorithm]
        mean = part.groupby("budget")[["flops", "pretrain_flops"]].mean()
        longest = mean.iloc[-1]
        saved = mean["flops"].iloc[0] - longest["flops"]
        even = longest["pretrain_flops"] / saved if saved > 0 else math.inf
        censored = part[part["budget"] == 0]["censored"].mean()
        best = str(mean.sum(axis=1).idxmin())
        at_most = "at most " if censored else ""
        rows.append(
            (
                algorithm,
                best,
                f"{mean.sum(axis=1).min():.3g}",
                f"{at_most}{even:.0f}" if math.isfinite(even) else "never",
            )
        )
    table_of = TableOf(
        title="When pre-training pays", align="lrrr", rows=tuple(rows),
        header=("algorithm", "cheapest budget (steps)", "its total (FLOPs)",
                "behaviors to break even with the longest"),
        note="Break-even: FLOPs of the longest pre-training over the FLOPs that one behavior saves"
        " by it. 'At most' where runs from random weights are censored: they save more.",
    )  # fmt: skip
    return totals, table_of


def _distance_blocks(runs: Runs, table: pd.DataFrame, links: pd.DataFrame) -> tuple[Any, ...]:
    nearing = Lines(
        name="distance", title="Distance of the base from the target, against pre-training",
        caption="Mean over functions, 95 % intervals over seeds; targets are of other seeds.",
        x="pre-training steps", y=f"{runs.study.distances.geometry} distance", x_scale="symlog",
        series=tuple(_series(table, a, "distance") for a in runs.study.post_training),
    )  # fmt: skip
    rows = []
    for algorithm, part in links.groupby("algorithm", sort=False):
        found = _correlation(part)
        missing = int(part["rho"].isna().sum())
        rows.append(
            (
                str(algorithm),
                words(found),
                f"{found.n} seeds ({missing} of {len(part)} targets without spread)",
            )
        )
    table_of = TableOf(
        title="Does the nearer base have less left to pay?", align="lrr", rows=tuple(rows),
        header=("algorithm", "Spearman inside target and seed", "over"),
        note="Over pre-training budgets. Budgets order both, so this cannot tell distance from"
        " the amount of pre-training: it says that the two move together.",
    )  # fmt: skip
    return nearing, table_of


def _series(table: pd.DataFrame, algorithm: str, column: str) -> Series:
    part = table[table["algorithm"] == algorithm]
    by_seed = part.groupby(["budget", "seed"])[column].mean()
    found = {budget: estimate(values) for budget, values in by_seed.groupby("budget")}
    return Series(
        label=algorithm,
        x=tuple(float(str(budget)) for budget in found),
        y=numbers([e.value for e in found.values()]),
        # None of the columns drawn can be below 0, Student's interval of a few seeds can.
        low=numbers(np.maximum(0.0, [e.low for e in found.values()]).tolist()),
        high=numbers([e.high for e in found.values()]),
    )


def _headline(runs: Runs, table: pd.DataFrame, nearer: Estimate) -> str:
    parts = []
    for algorithm in runs.study.post_training:
        part = table[table["algorithm"] == algorithm]
        start, end = (part[part["budget"] == b] for b in (0, max(runs.study.budgets)))
        arrived = 1 - start["censored"].mean()
        parts.append(
            f"{algorithm} takes {end['steps'].mean():.0f} steps from the longest pre-training and"
            f" {'at least ' if arrived < 1 else ''}{start['steps'].mean():.0f} from random weights"
            f" ({arrived:.0%} of runs arrive)"
        )
    return (
        "; ".join(parts)
        + f". Distance and the cost left correlate {words(nearer)} inside a target."
    )


def _correlation(links: pd.DataFrame) -> Estimate:
    """Mean correlation over seeds (targets averaged within a seed: they share its bases)."""
    found = estimate(links.groupby("seed")["rho"].mean())
    return replace(found, low=max(-1.0, found.low), high=min(1.0, found.high))
