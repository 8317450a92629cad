"""One transfer run: a source checkpoint trained under a target's regime, its curve kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from behaviordist.engines.checkpoints import flops_per_step, preparation_cost, tokens_per_step
from behaviordist.engines.jax_engine import Start, train
from behaviordist.lab import checkpoint
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.sections import Stop
from behaviordist.store import publish, write_json
from behaviordist.transfer.curves import COLUMNS


@dataclass(frozen=True)
class Transfer:
    """Which source is tuned into which target, with which seed, and where its curve lies."""

    source: str
    source_role: str
    target: str
    seed: int
    path: Path


@dataclass(frozen=True)
class Goal:
    """What a target asks of every source, fixed before any transfer: tau = share x level."""

    level: float
    tau: float
    stop_at: float


def run_transfer(
    path: Path, regime: Regime, config: LlamaConfig, source: Path, seed: int, goal: Goal
) -> None:
    """Train a source under a target's regime until `goal.stop_at` or the budget; write the curve.

    The stop lies at the highest tau of the sweep, so one run serves every tau in it. All sources
    of one target and seed see the same data (common random numbers).
    """
    start = Start(checkpoint.load(source).params, seed)
    run = train(regime, config, [start], stop=Stop(goal.stop_at))[0]
    tokens_before, flops_before = preparation_cost(run, config)
    write_json(
        path,
        {
            "steps": run.steps.tolist(),
            "scores": run.scores.tolist(),
            "greedy": run.greedy.tolist(),
            "tokens_per_step": tokens_per_step(regime),
            "flops_per_step": flops_per_step(regime, config),
            "tokens_before": tokens_before,
            "flops_before": flops_before,
            "budget": regime.budget,
        },
    )


def collect(transfers: Iterable[Transfer], goals: Mapping[str, Goal]) -> pd.DataFrame:
    """Gather finished runs into one frame, one row an evaluation, columns `curves.COLUMNS`."""
    return gathered(transfers, goals, _rows, COLUMNS)


def gathered(
    transfers: Iterable[Transfer],
    goals: Mapping[str, Goal],
    rows_of: Callable[[Mapping[str, Any]], pd.DataFrame],
    columns: Sequence[str],
) -> pd.DataFrame:
    """Gather finished runs into one frame of these columns; `rows_of` reads a curve's file."""
    frames = []
    for transfer in transfers:
        curve, goal = curve_of(transfer), goals[transfer.target]
        frame = rows_of(curve).assign(
            source=transfer.source,
            target=transfer.target,
            source_role=transfer.source_role,
            seed=transfer.seed,
            level=goal.level,
            tau=goal.tau,
            budget=curve["budget"],
        )
        frames.append(frame[list(columns)])
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["target", "source", "seed", "step"], ignore_index=True)


def curve_of(transfer: Transfer) -> dict[str, Any]:
    """Return the curve of a finished run, as it was written."""
    return dict(json.loads(transfer.path.read_text(encoding="utf-8")))


def write_table(folder: Path, rows: pd.DataFrame) -> None:
    """Write ``transfers.parquet`` of a run's folder, whole or not at all."""
    with publish(folder / "transfers.parquet", {"rows": len(rows)}) as temporary:
        rows.to_parquet(temporary, index=False)


def _rows(curve: Mapping[str, Any]) -> pd.DataFrame:
    steps = pd.Series(curve["steps"])
    return pd.DataFrame(
        {
            "step": steps,
            "score": curve["scores"],
            "greedy": curve["greedy"],
            # What was trained before step 0 (a reward model) is paid for by then.
            "tokens": curve.get("tokens_before", 0) + steps * curve["tokens_per_step"],
            "flops": curve.get("flops_before", 0) + steps * curve["flops_per_step"],
        }
    )
