"""Transfer runs on real models: a source tuned under a target's regime by engine `trl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from behaviordist.engines.trl_curve import Stop
from behaviordist.engines.trl_engine import discard_checkpoints, train
from behaviordist.regimes.declaration import Regime
from behaviordist.store import write_json
from behaviordist.transfer.curves import COLUMNS
from behaviordist.transfer.runs import Goal, Transfer


def run_trl_transfer(
    path: Path, regime: Regime, source: Path, seed: int, goal: Goal, work: Path
) -> None:
    """Train a source under a target's regime until `goal.stop_at` or the budget; write the curve.

    A source that is there already costs nothing: its curve is its score at step 0.
    `work` keeps the run's checkpoints, so that a killed run continues.
    """
    run = train(regime, source, work, seed, stop=Stop(goal.stop_at))
    write_json(path, {"budget": regime.budget, "rows": [asdict(row) for row in run.curve]})
    discard_checkpoints(work)


def collect_trl(transfers: Iterable[Transfer], goals: Mapping[str, Goal]) -> pd.DataFrame:
    """Gather finished runs into one frame, one row an evaluation: `curves.COLUMNS` and seconds."""
    frames = []
    for transfer in transfers:
        run = json.loads(transfer.path.read_text(encoding="utf-8"))
        goal = goals[transfer.target]
        frames.append(
            pd.DataFrame(run["rows"]).assign(
                source=transfer.source,
                target=transfer.target,
                source_role=transfer.source_role,
                seed=transfer.seed,
                level=goal.level,
                tau=goal.tau,
                budget=run["budget"],
            )
        )
    table = pd.concat(frames, ignore_index=True)[[*COLUMNS, "seconds"]]
    return table.sort_values(["target", "source", "seed", "step"], ignore_index=True)


def met_at_start(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (source, target) pairs that needed no step in any seed: their cost is 0."""
    first = rows[rows["step"] == 0]
    late = first[first["score"] < first["tau"]]
    needed = set(zip(late["source"], late["target"], strict=True))
    pairs = zip(first["source"].astype(str), first["target"].astype(str), strict=True)
    return [pair for pair in dict.fromkeys(pairs) if pair not in needed]
