"""Cost curves and what is read off them: first passage, censoring, areas.

A cost curve is a score against optimizer steps. Everything here takes plain arrays, so curves of
any engine or of anybody's trainer logs will do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from behaviordist.errors import InputError

COLUMNS = (
    "source", "target", "source_role", "seed", "step", "tokens", "flops",
    "score", "greedy", "level", "tau", "budget",
)  # fmt: skip
"""Columns of ``transfers.parquet``: one row an evaluation."""


class Passage(NamedTuple):
    """First evaluation at or above tau, or the budget where there is none (`censored`)."""

    cost: float
    censored: bool


def first_passage(steps: ArrayLike, scores: ArrayLike, tau: float, budget: float) -> Passage:
    """Cost of one run: ``T = min{step : score(step) >= tau}``, right-censored at the budget.

    Parameters
    ----------
    steps, scores
        Arrays (evaluations,), steps increasing from 0.
    tau
        Score to reach.
    budget
        Steps at which a run that never arrives is censored.

    Raises
    ------
    InputError
        If steps do not increase, are negative, or a score is missing.
    """
    x, y = _checked(steps, scores)
    reached = np.flatnonzero((y >= tau) & (x <= budget))
    if reached.size:
        return Passage(float(x[reached[0]]), False)
    return Passage(float(budget), True)


def area_above(
    steps: ArrayLike, scores: ArrayLike, level: float, budget: float, skip_start: bool = False
) -> float:
    """Area between the target's level and the curve, in steps: ``int_0^H (1 - s(t)/level)+ dt``.

    The area under the curve of what is still missing (AULC read as a cost). A run that stopped
    early carries its last score forward to the horizon H, the budget. With `skip_start` the
    integral starts at the first evaluation after step 0, whose score leaks the distance itself.

    Returns
    -------
    float
        Between 0 (at the level from the start) and the budget (never above 0), in steps.
    """
    x, y = _checked(steps, scores)
    keep = x <= budget
    x, y = x[keep], y[keep]
    if skip_start and x.size > 1:
        x, y = x[1:], y[1:]
    missing = np.clip(1.0 - y / level, 0.0, 1.0)
    return float(np.trapezoid(missing, x) + missing[-1] * (budget - x[-1]))


def excess_bits(steps: ArrayLike, nats: ArrayLike, examples: int) -> float:
    """Bits that a run's examples cost above the target's entropy: `code_bits` of its KL.

    The code length above ``n H(B)`` is expected to be ``sum_t examples KL(f_B || f_t) / ln 2``
    where no example is seen twice.

    Parameters
    ----------
    steps, nats
        Arrays (evaluations,), steps increasing from 0; KL of the target from the model there, nats
        an answer.
    examples
        In a step.

    Returns
    -------
    float
        Bits over the steps 0 .. last - 1.
    """
    return float(code_bits(steps, nats, examples)[-1])


def code_bits(steps: ArrayLike, nats: ArrayLike, examples: float) -> NDArray[np.float64]:
    """Bits that a run's examples have cost up to each evaluation, coded one step ahead.

    The prequential code (Dawid 1984): every batch is coded by the model as it is before the step
    that learns from it.

    Parameters
    ----------
    steps, nats
        Arrays (evaluations,), steps increasing from 0; nats that an answer costs the model there.
        Between evaluations they are read off the line.
    examples
        In a step.

    Returns
    -------
    ndarray, (evaluations,)
        Bits over the steps before each evaluation; 0 at the first.

    Examples
    --------
    >>> code_bits([0, 2], np.log(2) * np.array([3.0, 1.0]), 10)  # 3 bits, then 2
    array([ 0., 50.])
    """
    x, y = _checked(steps, nats)
    before = np.interp(np.arange(x[0], x[-1]), x, y)
    so_far = np.append(0.0, before.cumsum())
    return np.asarray(examples * so_far[(x - x[0]).astype(int)] / np.log(2))


def _checked(steps: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], ...]:
    x, y = np.asarray(steps, np.float64), np.asarray(scores, np.float64)
    if x.ndim != 1 or x.shape != y.shape or x.size == 0:
        raise InputError(f"a cost curve needs as many scores as steps, got {x.shape} and {y.shape}")
    if x[0] < 0 or np.any(np.diff(x) <= 0):
        raise InputError("the steps of a cost curve must be non-negative and increase")
    if np.isnan(y).any():
        raise InputError(f"a cost curve has a missing score at step {x[np.isnan(y)][0]:g}")
    return x, y


def summarise(rows: pd.DataFrame, share: float | None = None) -> pd.DataFrame:
    """One row a run: its cost in steps, tokens and FLOPs, whether censored, and its areas.

    Parameters
    ----------
    rows
        One row an evaluation, columns `COLUMNS`.
    share
        Read the cost at this share of the target's level instead of at the stated tau.

    Returns
    -------
    DataFrame
        Columns source, target, source_role, seed, steps, tokens, flops, censored, aulc,
        aulc_after_start, start (score at step 0), budget; samples and bits where the rows have
        them.
    """
    runs = []
    for key, run in rows.groupby(["source", "target", "seed"], sort=True):
        run = run.sort_values("step")
        level, budget = float(run["level"].iloc[0]), float(run["budget"].iloc[0])
        tau = float(run["tau"].iloc[0]) if share is None else share * level
        x, y = run["step"].to_numpy(), run["score"].to_numpy()
        passage = first_passage(x, y, tau, budget)
        # Tokens, FLOPs and samples grow by so much a step within a run, past its stop as well; what
        # step 0 has cost already (a reward model) is part of it.
        counted = [name for name in ("tokens", "flops", "samples") if name in run]
        before, last = (run.iloc[i][counted].astype(float) for i in (0, -1))
        per_step = (last - before) / max(1, run["step"].iloc[-1] - run["step"].iloc[0])
        runs.append(
            {
                **dict(zip(("source", "target", "seed"), key, strict=True)),
                "source_role": run["source_role"].iloc[0],
                "steps": passage.cost,
                **(before + (passage.cost - x[0]) * per_step).to_dict(),
                "censored": passage.censored,
                "aulc": area_above(x, y, level, budget),
                "aulc_after_start": area_above(x, y, level, budget, skip_start=True),
                "start": float(y[0]),
                "budget": budget,
            }
        )
        if "bits" in run:  # what a code costs past the stop nobody measured
            runs[-1]["bits"] = float(np.interp(passage.cost, x, run["bits"], right=np.nan))
    return pd.DataFrame(runs)
