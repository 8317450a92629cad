"""Costs out of anybody's training logs: a list of runs, or a table with one column a budget.

A run that never arrives is censored where it was last looked at, whatever its budget was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.store.delimited import read_table
from behaviordist.transfer.curves import first_passage
from behaviordist.transfer.training_logs import Curve, read_curve

NEEDED = ("source", "target", "path")


@dataclass(frozen=True)
class TauRule:
    """When a run has arrived.

    Attributes
    ----------
    tau
        A score, the same for every target; or None.
    share
        A share of each target's own level: the manifest's column ``level``, else the best score
        of the target's own run (source = target).
    lower
        Lower scores are better (losses); then only `tau` can be used.
    """

    tau: float | None = None
    share: float | None = None
    lower: bool = False

    def __post_init__(self) -> None:
        if (self.tau is None) == (self.share is None):
            raise InputError("tau rule: give either a score (tau) or a share of the target's level")
        if self.share is not None and self.lower:
            raise InputError("tau rule: a share of a level has no meaning where lower is better")


@dataclass(frozen=True)
class Run:
    """A line of the manifest and its curve; texts as they stand there, "" for what is absent."""

    source: str
    target: str
    seed: str
    budget: str
    level: str
    curve: Curve

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"run {self.source} -> {self.target}, seed {self.seed}"


def import_costs(
    manifest: str | Path, metric: str | None, rule: TauRule, target: str | None = None
) -> pd.DataFrame:
    """Turn logged runs into a long table of costs.

    Parameters
    ----------
    manifest
        CSV with columns source, target, path (relative to the manifest), and optionally seed,
        budget (steps), level (of the target); or a wide table: source, one column a budget (its
        name a number), a run a row, and optionally target, seed, level. Other columns are left out.
    metric, rule
        What is read from logs, and when a run has arrived.
    target
        Of all runs of a wide table without such a column; default the file's name.

    Returns
    -------
    DataFrame
        Columns source, target, seed, steps, censored, budget, tau: what `behaviordist test`
        and `leaderboard` read. ``steps`` is in the unit of the log, of a censored run the last step
        at which it was looked at within its budget. Runs of a target on itself only set its level.

    Raises
    ------
    InputError
        A manifest or log that cannot be read, a run twice, no run of another source, a share of a
        level that is not above 0, a budget before the first look.
    """
    manifest = Path(manifest)
    runs = _runs(manifest, metric, target)
    levels = _levels(manifest, runs) if rule.share is not None else {}
    rows = [_cost(manifest, run, rule, levels) for run in runs if run.source != run.target]
    if not rows:
        raise InputError(f"{manifest}: only the targets' own runs; costs are of other sources")
    return pd.DataFrame(rows)


def _cost(manifest: Path, run: Run, rule: TauRule, levels: dict[str, float]) -> dict[str, object]:
    tau = rule.tau if rule.tau is not None else _share(rule) * levels[run.target]
    steps = run.curve.steps
    budget = _stated(manifest, run, "budget") if run.budget else float(steps[-1])
    if budget < steps[0]:
        raise InputError(
            f"{manifest}, {run.name}: nothing is logged up to its budget of {budget:g} (first step"
            f" {steps[0]:g})"
        )
    looked = float(steps[steps <= budget][-1])
    sign = -1.0 if rule.lower else 1.0
    # A run that diverged has not arrived, whatever its last number is called.
    scores = np.where(np.isfinite(run.curve.scores), sign * run.curve.scores, -np.inf)
    passage = first_passage(steps, scores, sign * tau, looked)
    return {
        "source": run.source,
        "target": run.target,
        "seed": run.seed,
        "steps": passage.cost,
        "censored": int(passage.censored),
        "budget": budget,
        "tau": tau,
    }


def _stated(path: Path, run: Run, column: str) -> float:
    """Return a number that the manifest states for a run."""
    text = getattr(run, column)
    value = _number(text)
    if not math.isfinite(value):
        raise InputError(f"{path}, {run.name}: {column} '{text}' is not a finite number")
    return value


def _share(rule: TauRule) -> float:
    return rule.share if rule.share is not None else 1.0


def _runs(path: Path, metric: str | None, target: str | None) -> list[Run]:
    frame = read_table(path)
    assert frame is not None  # no columns are asked of it
    frame = frame.fillna("").apply(lambda column: column.str.strip())
    budgets = {name: value for name in frame.columns if math.isfinite(value := _number(name))}
    if budgets and "path" not in frame.columns:
        frame = frame.assign(target=target or path.stem) if "target" not in frame else frame
        needed: tuple[str, ...] = NEEDED[:2]
    else:
        needed, budgets = NEEDED, {}
        if metric is None:
            raise InputError("--metric names the score in the logs; give it")
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(f"{path}: no column '{missing[0]}'; needed: {', '.join(needed)}")
    if frame.empty:
        raise InputError(f"{path}: no runs")
    runs: list[Run] = []
    for row in frame.to_dict("records"):
        curve = (
            _wide_curve(path, row, budgets)
            if budgets
            else read_curve(path.parent / row["path"], str(metric))
        )
        texts = {name: row.get(name, "") for name in ("source", "target", "budget", "level")}
        runs.append(Run(seed=row.get("seed") or "0", curve=curve, **texts))
    names = [run.name for run in runs if run.source != run.target]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: {twice} is there twice; give repetitions a seed each")
    return runs


def _wide_curve(path: Path, row: dict[str, str], budgets: dict[str, float]) -> Curve:
    """Return the curve in a row of a wide table; empty cells were not looked at."""
    pairs = sorted((step, row[name]) for name, step in budgets.items() if row[name])
    scores = [_number(text) for _, text in pairs]
    for (step, text), score in zip(pairs, scores, strict=True):
        if math.isnan(score) and text.lower() != "nan":
            raise InputError(f"{path}, row '{row['source']}', column {step:g}: no number '{text}'")
    if not pairs or pairs[0][0] < 0:
        raise InputError(f"{path}, row '{row['source']}': no score at a budget of 0 or more")
    return Curve(np.array([step for step, _ in pairs]), np.array(scores))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _levels(path: Path, runs: list[Run]) -> dict[str, float]:
    levels: dict[str, float] = {}
    for run in runs:
        if run.level:
            levels[run.target] = _stated(path, run, "level")
        elif run.source == run.target and np.isfinite(run.curve.scores).any():
            best = float(run.curve.scores[np.isfinite(run.curve.scores)].max())
            levels[run.target] = max(best, levels.get(run.target, -math.inf))
    missing = sorted({run.target for run in runs} - set(levels))
    if missing:
        raise InputError(
            f"{path}: no level for target '{missing[0]}'; add a column 'level', or the target's"
            " own run as source = target"
        )
    for target, level in levels.items():
        if level <= 0:
            raise InputError(
                f"{path}: the level of target '{target}' is {level:g}, and a share of it means"
                " nothing where it is not above 0; give --tau"
            )
    return levels
