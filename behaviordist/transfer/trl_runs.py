"""Transfer runs on real models: a source tuned under a target's regime by engine `trl`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.engines.trl_engine import discard_checkpoints, train, write_checkpoint
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.sections import Stop
from behaviordist.store import write_json
from behaviordist.transfer.curves import COLUMNS, code_bits
from behaviordist.transfer.runs import Goal, Transfer, curve_of, gathered

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
    keep: bool = False,
) -> None:
    """Train a source under a target's regime until `goal.stop_at` or the budget; write the curve.

    A source that is there already costs nothing: its curve is its score at step 0.
    `work` keeps the run's checkpoints, so that a killed run continues; see `train` for `also`.
    With `keep` a checkpoint folder is written at `path`, the curve in it.
    """
    run = train(regime, source, work, seed, stop=Stop(goal.stop_at), also=also)
    if keep:
        write_checkpoint(path, run, regime, source, seed)
        path = path / CURVE
    rows = [asdict(row) for row in run.curve]
    curve = {"budget": regime.budget, "batch_size": regime.batch_size, "rows": rows}
    write_json(path, curve)
    discard_checkpoints(work)


def collect_trl(transfers: Iterable[Transfer], goals: Mapping[str, Goal]) -> pd.DataFrame:
    """Gather finished runs into one frame, one row an evaluation.

    Columns are `curves.COLUMNS`, samples (training examples so far), bits (what they cost in a
    prequential code, see `curves.code_bits`), seconds; NaN where a run did not measure one.
    """
    return gathered(transfers, goals, _with_samples, (*COLUMNS, "samples", "bits", "seconds"))


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
        curve = curve_of(transfer)["rows"]
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
