"""What study `bootstrapping` claims: does the nearer base cost less, does pre-training pay?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.record import Claim, Estimate, decide
from behaviordist.studies.estimates import estimate, share, words


def conclude(table: pd.DataFrame, nearer: Estimate, algorithms: Sequence[str]) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    return (
        _nearer_claim(nearer),
        *[_random_claim(table, algorithm) for algorithm in algorithms],
        *[saving_claim(table, algorithm) for algorithm in algorithms],
    )


def _nearer_claim(nearer: Estimate) -> Claim:
    return Claim.of(
        "The nearer a base lies to the target, the less cost is left.",
        nearer,
        f"{words(nearer)} is the mean rank correlation, inside a target, of distance and"
        f" steps left; interval over {nearer.n} seeds.",
        unit="Spearman correlation",
    )  # fmt: skip


def _random_claim(table: pd.DataFrame, algorithm: str) -> Claim:
    runs = table[(table["budget"] == 0) & (table["algorithm"] == algorithm)]
    arrived = int((~runs["censored"]).sum())
    found = share(arrived, len(runs))
    return Claim.of(
        f"From random weights, {algorithm} does not arrive within its budget.",
        found,
        f"{arrived} of {len(runs)} runs arrived.",
        unit="share of runs that arrive (against a half)", threshold=0.5, above=False,
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
    verdict = decide(found, above=False)
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
    return Claim.of(
        f"Pre-training for one behavior pays within that behavior, by {algorithm}.",
        found,
        f"the total with the budget chosen on the other seeds is {2**found.value:.2g} times"
        f" the total from random weights{said}.",
        unit="log2 of total FLOPs over those from random weights (below 0: pays)",
        verdict=verdict,
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


def correlation(links: pd.DataFrame) -> Estimate:
    """Mean correlation over seeds (targets averaged within a seed: they share its bases)."""
    return estimate(links.groupby("seed")["rho"].mean()).clipped(-1.0, 1.0)
