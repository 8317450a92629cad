"""The page of study `bootstrapping`: claims, curves over budgets, tables."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from behaviordist.record import Fact, Findings, Lines, Section, Series, Table
from behaviordist.record.formatting import spread
from behaviordist.studies.bootstrapping.coherence import coherence_section, residuals
from behaviordist.studies.bootstrapping.conclude import conclude, correlation
from behaviordist.studies.bootstrapping.measure import within_target_links
from behaviordist.studies.bootstrapping.runs import BudgetRuns
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import median_over


def threshold_table(runs: BudgetRuns, table: pd.DataFrame) -> Table:
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
    return Table(
        title="The smallest pre-training at which a regime works", header=header, rows=tuple(rows),
        align="lrrrr", note=note,
    )  # fmt: skip


def _steps_left(runs: BudgetRuns, table: pd.DataFrame) -> Lines:
    return Lines(
        name="steps-left", title="Steps of post-training left, against pre-training",
        caption="Median seed's steps to tau, functions averaged, with exact 95 % intervals; a"
        " censored run counts as its budget, so points there are lower bounds.",
        x="pre-training steps", y="post-training steps to tau", x_scale="symlog",
        series=tuple(_series(table, a, "steps") for a in runs.study.post_training),
    )  # fmt: skip


def _total_blocks(runs: BudgetRuns, table: pd.DataFrame) -> tuple[Any, ...]:
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
    table_of = Table(
        title="When pre-training pays", align="lrrr", rows=tuple(rows),
        header=("algorithm", "cheapest budget (steps)", "its total (FLOPs)",
                "behaviors to break even with the longest"),
        note="Break-even: FLOPs of the longest pre-training over the FLOPs that one behavior saves"
        " by it. 'At most' where runs from random weights are censored: they save more.",
    )  # fmt: skip
    return totals, table_of


def _distance_blocks(runs: BudgetRuns, table: pd.DataFrame, links: pd.DataFrame) -> tuple[Any, ...]:
    nearing = Lines(
        name="distance", title="Distance of the base from the target, against pre-training",
        caption="Mean over functions, median over seeds with exact 95 % intervals; targets are of"
        " other seeds.",
        x="pre-training steps", y=f"{runs.study.distances.geometry} distance", x_scale="symlog",
        series=tuple(_series(table, a, "distance") for a in runs.study.post_training),
    )  # fmt: skip
    rows = []
    for algorithm, part in links.groupby("algorithm", sort=False):
        link = correlation(part).median()
        missing = int(part["rho"].isna().sum())
        rows.append(
            (
                str(algorithm),
                words(link),
                f"{link.n} seeds ({missing} of {len(part)} targets without spread)",
            )
        )
    table_of = Table(
        title="Does the nearer base have less left to pay?", align="lrr", rows=tuple(rows),
        header=("algorithm", "Spearman inside target and seed", "over"),
        note="Over pre-training budgets. Budgets order both, so this cannot tell distance from"
        " the amount of pre-training: it says that the two move together.",
    )  # fmt: skip
    return nearing, table_of


def _series(table: pd.DataFrame, algorithm: str, column: str) -> Series:
    part = table[table["algorithm"] == algorithm]
    by_seed = part.groupby(["budget", "seed"])[column].mean()
    over = {b: median_over(values) for b, values in by_seed.groupby("budget")}
    return Series.over(algorithm, (float(str(budget)) for budget in over), over.values())


def _headline(runs: BudgetRuns, table: pd.DataFrame, links: pd.DataFrame) -> str:
    parts = []
    for algorithm in runs.study.post_training:
        part = table[table["algorithm"] == algorithm]
        start, end = (part[part["budget"] == b] for b in (0, max(runs.study.budgets)))
        arrived = 1 - start["censored"].mean()
        long, none = (spread(part.groupby("seed")["steps"].mean()) for part in (end, start))
        parts.append(
            f"{algorithm} takes {long} steps from the longest pre-training and"
            f" {'at least ' if arrived < 1 else ''}{none} from random weights ({arrived:.0%} of"
            " runs arrive)"
        )
    nearer = words(correlation(links).median())
    over = f"Medians over {runs.study.seeds} seeds (lowest–highest): "
    return (
        over
        + "; ".join(parts)
        + f". Distance and the cost left correlate {nearer} inside a target."
    )


def findings(runs: BudgetRuns, table: pd.DataFrame, law: pd.DataFrame) -> Findings:
    """Return the study's claims, figures and tables.

    Parameters
    ----------
    runs
        Names the study.
    table
        One row a run from a base, of `measure.cost_table`, with distances.
    law
        One row a run from any source, of `measure.law_table`.
    """
    lines = residuals(law)
    links = within_target_links(table)
    thresholds = threshold_table(runs, table)
    return Findings(
        headline=_headline(runs, table, links),
        claims=conclude(table, links, lines, tuple(runs.study.post_training)),
        facts=(
            Fact.of("pre-training budgets", str(len(runs.study.budgets)), "steps, the first none"),
            Fact.of("regimes", str(len(runs.study.regimes())), "algorithm x function"),
            Fact.of("runs", str(len(law)), f"{int(law['censored'].sum())} censored"),
            Fact.of("seeds", str(runs.study.seeds), "each with bases of its own"),
        ),
        sections=(
            Section.of("What is left to pay", _steps_left(runs, table), thresholds),
            Section.of("What a behavior costs in total", *_total_blocks(runs, table)),
            Section.of("Distance and the cost left", *_distance_blocks(runs, table, links)),
            coherence_section(law, lines),
        ),
    )
