"""Transfer runs on real models: a source tuned under a target's regime by engine `trl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.engines.trl_engine import (
    TrlRun,
    discard_checkpoints,
    train,
    write_checkpoint,
)
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.sections import Stop
from behaviordist.store import write_json
from behaviordist.transfer.curves import COLUMNS, code_bits
from behaviordist.transfer.runs import Goal, Transfer

CURVE = "curve.json"
"""Name of the curve in the folder of a run whose weights are kept."""


def run_trl_transfer(
    path: Path,
    regime: Regime,
    source: Path,
    seed: int,
    goal: Goal,
    work: Path,
    also: Sequence[Regime] = (),
) -> None:
    """Train a source under a target's regime until `goal.stop_at` or the budget; write the curve.

    A source that is there already costs nothing: its curve is its score at step 0.
    `work` keeps the run's checkpoints, so that a killed run continues; see `train` for `also`.
    """
    run = train(regime, source, work, seed, stop=Stop(goal.stop_at), also=also)
    write_json(path, _curve(run, regime))
    discard_checkpoints(work)


def keep_trl_transfer(
    folder: Path,
    regime: Regime,
    source: Path,
    seed: int,
    goal: Goal,
    work: Path,
    also: Sequence[Regime] = (),
) -> None:
    """Run a transfer as `run_trl_transfer` does; write a checkpoint folder, the curve in it."""
    run = train(regime, source, work, seed, stop=Stop(goal.stop_at), also=also)
    write_checkpoint(folder, run, regime, source, seed)
    write_json(folder / CURVE, _curve(run, regime))
    discard_checkpoints(work)


def _curve(run: TrlRun, regime: Regime) -> dict[str, Any]:
    rows = [asdict(row) for row in run.curve]
    return {"budget": regime.budget, "batch_size": regime.batch_size, "rows": rows}


def collect_trl(transfers: Iterable[Transfer], goals: Mapping[str, Goal]) -> pd.DataFrame:
    """Gather finished runs into one frame, one row an evaluation.

    Columns are `curves.COLUMNS`, samples (training examples so far), bits (what they cost in a
    prequential code, see `curves.code_bits`), seconds; NaN where a run did not measure one.
    """
    frames = []
    for transfer in transfers:
        run = json.loads(transfer.path.read_text(encoding="utf-8"))
        goal = goals[transfer.target]
        frames.append(
            _with_samples(run).assign(
                source=transfer.source,
                target=transfer.target,
                source_role=transfer.source_role,
                seed=transfer.seed,
                level=goal.level,
                tau=goal.tau,
                budget=run["budget"],
            )[list(RECORDED)]
        )
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values(["target", "source", "seed", "step"], ignore_index=True)


RECORDED = (*COLUMNS, "samples", "bits", "seconds")


def _with_samples(run: Mapping[str, Any]) -> pd.DataFrame:
    """Return a run's rows with what its training examples came to."""
    rows, examples = pd.DataFrame(run["rows"]), float(run.get("batch_size", np.nan))
    nats = pd.to_numeric(rows.get("nats", pd.Series(np.nan, rows.index)))
    known = nats.notna().all() and np.isfinite(examples)
    bits = code_bits(rows["step"], nats, examples) if known else np.nan
    return rows.assign(samples=rows["step"] * examples, bits=bits)


def forgetting(transfers: Iterable[Transfer]) -> pd.DataFrame:
    """Return what runs lost of what else they were scored on: one row a run and regime.

    Returns
    -------
    DataFrame
        Columns source, target, seed, scored (the label of a regime), steps, start and end (its
        score before the run and at its stop), forgotten (start - end).
    """
    rows = []
    for transfer in transfers:
        curve = json.loads(transfer.path.read_text(encoding="utf-8"))["rows"]
        first, last = curve[0].get("also", {}), curve[-1].get("also", {})
        for label in first:
            rows.append(
                {
                    "source": transfer.source,
                    "target": transfer.target,
                    "seed": transfer.seed,
                    "scored": label,
                    "steps": curve[-1]["step"],
                    "start": first[label],
                    "end": last[label],
                    "forgotten": first[label] - last[label],
                }
            )
    return pd.DataFrame(rows)


def met_at_start(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (source, target) pairs that needed no step in any seed: their cost is 0."""
    first = rows[rows["step"] == 0]
    late = first[first["score"] < first["tau"]]
    needed = set(zip(late["source"], late["target"], strict=True))
    pairs = zip(first["source"].astype(str), first["target"].astype(str), strict=True)
    return [pair for pair in dict.fromkeys(pairs) if pair not in needed]
