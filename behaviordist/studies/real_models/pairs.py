"""`behaviordist transfer`: checkpoints that are there already, tuned into regime files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from behaviordist.engines.trl_extra import require_trl
from behaviordist.engines.trl_models import base_folder, is_adapter
from behaviordist.errors import InputError
from behaviordist.regimes.declaration import recorded
from behaviordist.regimes.files import load_regime
from behaviordist.store import ranks, write_json
from behaviordist.studies.places import read_provenance
from behaviordist.studies.real_models.runs import (
    BASE,
    RealRuns,
    fix_goals,
    remarks_on,
    run_transfers,
    train_targets,
)
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.matrix import TransferMatrix
from behaviordist.transfer.runs import Goal, write_table


def open_pairs(
    sources: Sequence[Path],
    targets: Sequence[Path],
    base: Path | None,
    *,
    share: float,
    seeds: int,
    seed: int,
    out: Path,
) -> RealRuns:
    """Open what is named, before anything is trained.

    Parameters
    ----------
    sources, targets
        Checkpoint folders and regime files.
    base
        Where the targets' own runs start, a source too; None: levels are those of the regimes.
    share
        tau: this share of a target's level.
    seeds, seed
        Runs of every pair; of every random draw.
    out
        Folder of the results.

    Raises
    ------
    InputError
        The extra or a checkpoint is missing, a regime file is wrong, a label appears twice.
    """
    require_trl()
    if seeds < 1 or not 0 < share <= 1 or seed < 0:
        raise InputError("--seeds is 1 or more, --share above 0 and at most 1, --seed 0 or more")
    regimes = [load_regime(path) for path in targets]
    named = [(source_label(path), path) for path in sources]
    if base is not None:
        named.append((BASE, base))
    _refuse_twice([name for name, _ in named], "sources", "rename one of the folders")
    _refuse_twice([regime.label for regime in regimes], "targets", "give each its own task")
    for _, path in named:
        base_folder(path)
    by_label = {regime.label: regime for regime in regimes}
    labels = tuple(name for name, _ in named)
    return RealRuns(out.absolute(), seed, seeds, by_label, labels, dict(named), share, {})


def tune_pairs(
    runs: RealRuns, processes: int, clock: StageClock
) -> tuple[TransferMatrix, list[str]] | None:
    """Run what is not finished, write the folder; return mean costs in steps, and notes.

    Of a launcher's processes only the first writes; the others get None.

    Parameters
    ----------
    runs
        From `open_pairs`.
    processes, clock
        How many runs at a time; shows the stages.
    """
    if runs.base is not None:
        train_targets(runs, processes, clock)
    goals = fix_goals(runs)
    rows = run_transfers(runs, goals, processes, clock)
    if not ranks.is_first():
        return None
    matrix = TransferMatrix.from_runs(summarise(rows), runs.labels)
    matrix.save(runs.folder)
    write_table(runs.folder, rows)
    notes = remarks_on(runs, rows)
    write_json(runs.folder / "run.json", _record(runs, goals, clock, notes))
    return matrix, notes


def source_label(folder: Path) -> str:
    """Return what a checkpoint is called: its regime's label where provenance says it.

    So the checkpoint of a target's own regime stands on that target's diagonal.
    """
    try:
        return recorded(read_provenance(folder)["regime"]).label
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name


def _refuse_twice(labels: Sequence[str], what: str, remedy: str) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"two {what} are called '{label}': {remedy}")


def _record(
    runs: RealRuns, goals: Mapping[str, Goal], clock: StageClock, notes: list[str]
) -> dict[str, Any]:
    targets = [
        {"target": t, "level": g.level, "tau": g.tau, "budget": runs.targets[t].budget}
        for t, g in goals.items()
    ]
    return {
        "schema": 1,
        "kind": "transfer",
        "study": "transfer",
        "question": "What does it cost to tune each checkpoint into each behavior?",
        "seed": runs.seed,
        "seeds": runs.seeds,
        "behaviors": [_behavior(runs, label) for label in runs.labels],
        "targets": targets,
        "times_s": clock.times,
        "notes": notes,
    }


def _behavior(runs: RealRuns, label: str) -> dict[str, Any]:
    regime, folder = runs.targets.get(label), runs.given.get(label)
    return {
        "label": label,
        "algorithm": regime.algorithm if regime else None,
        "task": regime.task if regime else None,
        "role": BASE if label == BASE else "behavior",
        "adapter": None if folder is None else is_adapter(folder),
        "runs": [],
    }
