"""What targets ask of their sources, fixed before any transfer, and what a reader should know."""

from __future__ import annotations

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.studies.real_models.runs import RealRuns
from behaviordist.transfer.runs import Goal
from behaviordist.transfer.trl_runs import met_at_start


def scores_of_target(runs: RealRuns, label: str) -> tuple[float, float]:
    """Return the mean score of a target's own runs where they started and where they ended."""
    curves = [runs.provenance(label, r)["evidence"]["scores"] for r in range(runs.seeds)]
    first, last = (sum(scores[i] for scores in curves) / len(curves) for i in (0, -1))
    return first, last


def fix_goals(runs: RealRuns) -> dict[str, Goal]:
    """Fix tau of every target before any transfer: a share of the level of its own runs.

    Without a base a target has no run of its own: its level is its regime's
    ``convergence.at_least``. A regime whose own runs ended no higher than they started brings
    nothing out that others could be asked for (a policy that fools its reward model): it may be a
    source, but is no target.

    Raises
    ------
    InputError
        No target is left.
    """
    share, stop = runs.share, max(runs.share, *runs.sweep, 0.0)
    if runs.base is None:
        levels = {label: r.convergence.at_least for label, r in runs.targets.items()}
    else:
        scores = {label: scores_of_target(runs, label) for label in runs.targets}
        levels = {label: last for label, (first, last) in scores.items() if last > first}
    if not levels:
        raise InputError(
            "no regime's own run scored above its start: raise budget or learning_rate"
        )
    return {label: Goal(level, share * level, stop * level) for label, level in levels.items()}


def remarks_on(runs: RealRuns, rows: pd.DataFrame) -> list[str]:
    """Say which sources were there already, and which targets' own runs fell short."""
    remarks = [f"{s} meets {t} before any training: cost 0" for s, t in met_at_start(rows)]
    if runs.base is None:
        return remarks
    for label in runs.targets:
        first, last = scores_of_target(runs, label)
        if last <= first:
            so = "a source but no target" if label in runs.sources else "no target"
            remarks.append(
                f"{label}: its own run ended no higher than it started ({first:.2f}, then"
                f" {last:.2f}), so it is {so}"
            )
            continue
        records = [runs.provenance(label, r) for r in range(runs.seeds)]
        if not all(record["converged"] for record in records):
            rule = records[0]["evidence"]["rule"]
            remarks.append(f"{label} did not meet its rule ({rule}); its level is what it reached")
    return remarks
