"""What study `bootstrapping` claims: does the nearer base cost less, does pre-training pay?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.record import Claim
from behaviordist.studies.bootstrapping.coherence import coherence_claims
from behaviordist.studies.claims import median_claim, share_claim, together
from behaviordist.studies.estimates import words
from behaviordist.studies.exact import SeedValues


def conclude(
    table: pd.DataFrame, links: pd.DataFrame, lines: pd.DataFrame, algorithms: Sequence[str]
) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts, which hold together.

    Parameters
    ----------
    table
        One row a run: budget, algorithm, target, seed, costs, censored.
    links
        Correlations of `measure.within_target_links`.
    lines
        Of `coherence.residuals`.
    algorithms
        In the order of the page.
    """
    return together(
        (
            _nearer_claim(links),
            *coherence_claims(lines),
            *[_random_claim(table, algorithm) for algorithm in algorithms],
            *[saving_claim(table, algorithm) for algorithm in algorithms],
        )
    )


def correlation(links: pd.DataFrame) -> SeedValues:
    """Correlation of every seed, its targets averaged: they share its bases."""
    return SeedValues(links.groupby("seed")["rho"].mean().to_numpy())


def _nearer_claim(links: pd.DataFrame) -> Claim:
    nearer = correlation(links)
    number = nearer.median()
    return median_claim(
        "The nearer a base lies to the target, the less cost is left.",
        nearer,
        f"{words(number)} is the rank correlation, inside a target, of distance and steps left;"
        f" median of {number.n} seeds.",
        unit="Spearman correlation",
    )


def _random_claim(table: pd.DataFrame, algorithm: str) -> Claim:
    runs = table[(table["budget"] == 0) & (table["algorithm"] == algorithm)]
    arrived = ~runs.groupby("seed")["censored"].all()
    return share_claim(
        f"From random weights, {algorithm} does not arrive within its budget.",
        int(arrived.sum()),
        len(arrived),
        f"{int((~runs['censored']).sum())} of {len(runs)} runs arrived, some in"
        f" {int(arrived.sum())} of {len(arrived)} seeds.",
        unit="share of seeds with a run that arrives (against a half)",
        above=False,
    )


def saving_claim(table: pd.DataFrame, algorithm: str) -> Claim:
    """Claim that some pre-training lowers the total; log ratio of totals, paired by seed and task.

    The budget is chosen on the other seeds, so that the best of several is not its own judge. Runs
    that never arrived count as their budgets: of random weights they leave an upper bound of the
    ratio, which can only show that pre-training pays; of the chosen budget a lower bound, which
    can only show that it does not.
    """
    part = table[table["algorithm"] == algorithm]
    ratios = [_saving(part, seed) for seed in part["seed"].unique()]
    values, never, late = (np.array(column) for column in zip(*ratios, strict=True))
    saving = SeedValues(values, may_be_lower=never > 0, may_be_higher=late > 0)
    bounds = ""
    if never.any():
        total = int((part["budget"] == 0).sum())
        bounds += (
            f"; {never.sum()} of {total} runs from random weights never arrived, so the truth is"
            " lower"
        )
    if late.any():
        bounds += f"; {late.sum()} of those from the chosen budget never arrived, so it is higher"
    return median_claim(
        f"Pre-training for one behavior pays within that behavior, by {algorithm}.",
        saving,
        "the total with the budget chosen on the other seeds is"
        f" {2 ** saving.median().value:.2g} times the total from random weights{bounds}.",
        unit="log2 of total FLOPs over those from random weights (below 0: pays)",
        above=False,
    )


def _saving(part: pd.DataFrame, seed: Any) -> tuple[float, int, int]:
    """Log2 ratio of one seed's totals, mean over targets, and how many of its runs never arrived.

    The totals are those of one budget and of random weights; first come the runs from random
    weights that never arrived, then those from the budget. It is the budget from which most runs
    of the *other* seeds arrive, the cheapest of those.
    """
    others, this = part[part["seed"] != seed], part[part["seed"] == seed]
    by_budget = others[others["budget"] > 0].groupby("budget")
    ranked = pd.DataFrame(
        {"late": by_budget["censored"].sum(), "total": by_budget["total_flops"].mean()}
    )
    budget = ranked.sort_values(["late", "total"]).index[0]
    chosen, start = (this[this["budget"] == b].set_index("target") for b in (budget, 0))
    ratio = float(np.log2(chosen["total_flops"] / start["total_flops"]).mean())
    return ratio, int(start["censored"].sum()), int(chosen["censored"].sum())
