"""`behaviordist transfer`: checkpoints that are there already, tuned into regime files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from behaviordist.engines.trl_extra import require_trl
from behaviordist.engines.trl_models import base_folder
from behaviordist.errors import InputError
from behaviordist.record import Behavior, Fact, Findings, TransferRecord, write_record
from behaviordist.record.formatting import plural
from behaviordist.record.provenance import LIBRARIES
from behaviordist.record.transfers.findings import remarks, sections
from behaviordist.record.transfers.matrices import Costs
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.regimes.declaration import recorded
from behaviordist.regimes.files import load_regime
from behaviordist.store import ranks
from behaviordist.store.artifacts import write_text
from behaviordist.store.tables import write_square
from behaviordist.studies.folder import behavior_row, provenance
from behaviordist.studies.places import read_provenance
from behaviordist.studies.questions import targets_of
from behaviordist.studies.real_models.conclude import LIBRARIES as TRL_LIBRARIES
from behaviordist.studies.real_models.goals import fix_goals, remarks_on
from behaviordist.studies.real_models.runs import (
    BASE,
    TUNED,
    RealRuns,
    run_transfers,
    train_targets,
)
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.matrix import TransferMatrix
from behaviordist.transfer.runs import write_table
from behaviordist.transfer.trl_runs import forgetting


def open_pairs(
    sources: Sequence[Path],
    targets: Sequence[Path],
    base: Path | None,
    *,
    share: float,
    seeds: int,
    seed: int,
    out: Path,
    keep: bool = False,
    also: Sequence[Path] = (),
) -> RealRuns:
    """Open what is named, before anything is trained.

    Parameters
    ----------
    sources, targets
        Checkpoint folders and regime files.
    base
        Where the targets' own runs start, a source too; None: levels are those of the regimes.
        With a base no other source is needed.
    share
        tau: this share of a target's level.
    seeds, seed
        Runs of every pair; of every random draw.
    out
        Folder of the results.
    keep
        Keep every run's weights; a folder that holds some goes on keeping them.
    also
        Regime files on whose held-out examples every run is scored too: what it forgets.

    Raises
    ------
    InputError
        The extra or a checkpoint is missing, a regime file is wrong, a label appears twice.
    """
    require_trl()
    if seeds < 1 or not 0 < share <= 1 or seed < 0:
        raise InputError("--seeds is 1 or more, --share above 0 and at most 1, --seed 0 or more")
    if not sources and base is None:
        raise InputError("nothing to start from: name checkpoints by --sources, or one by --base")
    regimes, scored = ([load_regime(path) for path in files] for files in (targets, also))
    others = [path for path in sources if base is None or path.resolve() != base.resolve()]
    named = [(source_label(path), path) for path in others]
    if base is not None:
        named.append((BASE, base))
    _refuse_twice([name for name, _ in named], "sources", "rename one of the folders")
    _refuse_twice([regime.label for regime in regimes], "targets", "give each its own task")
    _refuse_twice([one.label for one in scored], "regimes of --also-score", "name each once")
    for _, path in named:
        base_folder(path)
    by_label = {regime.label: regime for regime in regimes}
    labels = tuple(name for name, _ in named)
    return RealRuns(
        out.absolute(),
        seed,
        seeds,
        by_label,
        labels,
        dict(named),
        share,
        {},
        keep=keep or (out / TUNED).is_dir(),
        also=tuple(scored),
    )


def tune_pairs(
    runs: RealRuns, processes: int, clock: StageClock, command: str = ""
) -> tuple[TransferMatrix, list[str]] | None:
    """Run what is not finished, write the folder; return mean costs in steps, and notes.

    Of a launcher's processes only the first writes; the others get None.

    Parameters
    ----------
    runs
        From `open_pairs`.
    processes, clock
        How many runs at a time; shows the stages.
    command
        What to write into the record as the way to reproduce the run.
    """
    if runs.base is not None:
        train_targets(runs, processes, clock)
    goals = fix_goals(runs)
    rows = run_transfers(runs, goals, processes, clock)
    if not ranks.is_first():
        return None
    table = summarise(rows)
    matrix = TransferMatrix.from_runs(table, runs.labels)
    matrix.save(runs.folder)
    write_table(runs.folder, rows)
    _write_measures(runs, table)
    _link_behaviors(runs)
    lost = forgetting([t for t in runs.transfers() if t.target in goals])
    if len(lost):
        write_text(runs.folder / "forgetting.csv", lost.to_csv(index=False, lineterminator="\n"))
    notes = [*remarks_on(runs, rows), *_forgotten(lost)]
    numbers = TransferNumbers(
        behaviors=tuple(_behavior(runs, label) for label in runs.labels),
        targets=targets_of(table, rows),
    )
    costs = Costs(matrix.costs, matrix.censored, None, numbers.references)
    settings = Settings(runs.folder, runs.seed, processes, command=command)
    record = TransferRecord(
        study="transfer",
        question="What does it cost to tune each checkpoint into each behavior?",
        seeds=runs.seeds,
        provenance=provenance(settings, clock, (*LIBRARIES, *TRL_LIBRARIES), {}),
        behaviors=numbers.behaviors,
        findings=_findings(numbers, costs),
        targets=numbers.targets,
        numbers=numbers,
        notes=(*notes, *remarks(numbers, costs)),
    )
    write_record(runs.folder / "run.json", record)
    return matrix, notes


def source_label(folder: Path) -> str:
    """Return what a checkpoint is called: its regime's label where provenance says it.

    So the checkpoint of a target's own regime stands on that target's diagonal.
    """
    try:
        return recorded(read_provenance(folder)["regime"]).label
    except (OSError, ValueError, KeyError, TypeError):
        return folder.resolve().name


def _write_measures(runs: RealRuns, table: pd.DataFrame) -> None:
    """Write ``measures/NAME.csv``: costs in samples, bits, tokens and FLOPs, as ``costs.csv``."""
    for name in ("samples", "bits", "tokens", "flops"):
        if table[name].notna().any():
            place = runs.folder / "measures" / f"{name}.csv"
            place.parent.mkdir(exist_ok=True)
            write_square(place, TransferMatrix.from_runs(table, runs.labels, name).costs)


def _link_behaviors(runs: RealRuns) -> None:
    """Link the checkpoint of every row and column as ``behaviors/LABEL``: `distance` names it so.

    Of several seeds the first. Without a base a target that is no source has no checkpoint.
    """
    for label in runs.labels:
        if label not in runs.given and runs.base is None:
            continue
        link = runs.folder / "behaviors" / label
        link.parent.mkdir(parents=True, exist_ok=True)
        temporary = link.with_name(f".{link.name}.tmp")
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(runs.source(label, 0).resolve(), link.parent))
        temporary.replace(link)


def _forgotten(lost: pd.DataFrame) -> list[str]:
    """Say how much was forgotten, a regime at a time: the mean over runs."""
    groups = lost.groupby("scored", sort=False) if len(lost) else ()
    return [
        f"{label}: score {rows['start'].mean():.2f} before the runs and {rows['end'].mean():.2f}"
        f" after them, the mean over {plural(len(rows), 'run')} (forgetting.csv)"
        for label, rows in groups
    ]


def _refuse_twice(labels: Sequence[str], what: str, remedy: str) -> None:
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"two {what} are called '{label}': {remedy}")


def _findings(numbers: TransferNumbers, costs: Costs) -> Findings:
    arrived = sum(row.runs - row.censored for row in numbers.targets)
    runs = sum(row.runs for row in numbers.targets)
    return Findings(
        headline=f"{arrived} of {plural(runs, 'run')} reached the level of its target.",
        facts=(Fact.of("targets", len(numbers.targets)), Fact.of("runs", runs)),
        sections=sections(numbers, costs, [row.target for row in numbers.targets]),
    )


def _behavior(runs: RealRuns, label: str) -> Behavior:
    regime = runs.targets.get(label)
    if regime is not None:
        return behavior_row(regime)
    return Behavior(label=label, role=BASE if label == BASE else "behavior")
