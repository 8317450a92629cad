"""What a study leaves in its folder: the study as resolved, tables, run.json, the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from behaviordist.probes import ProbeSet
from behaviordist.record import (
    Behavior,
    Findings,
    Probes,
    Provenance,
    Run,
    StudyRecord,
    TransferRecord,
    library_versions,
    this_commit,
    this_cpu,
    write_record,
)
from behaviordist.record.transfers.findings import remarks, transfer_findings
from behaviordist.record.transfers.matrices import Costs
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.regimes.declaration import Regime
from behaviordist.store import digest_of, write_text
from behaviordist.store.tables import write_square
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.studies.study_file import StudyFile
from behaviordist.transfer.matrix import TransferMatrix
from behaviordist.transfer.runs import write_table

if TYPE_CHECKING:
    import pandas as pd

    from behaviordist.hypothesis import TransferTest
    from behaviordist.studies.questions import Questions

LIBRARIES = ("behaviordist", "jax", "numpy", "scipy", "scikit-learn", "transformers", "torch")


def write_findings(
    study: StudyFile,
    settings: Settings,
    findings: Findings,
    clock: StageClock,
    *,
    behaviors: Sequence[Behavior] = (),
    geometry: str = "",
    digests: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Write ``study.yaml``, ``run.json`` and the report; return the record.

    Parameters
    ----------
    study, settings, findings
        What was asked, how it was run, what came out.
    clock
        Holds the time of every stage.
    behaviors
        That ``distances.csv`` names.
    geometry
        Of those distances.
    digests
        Of probe sets and the like, beside the study's own.
    notes
        What a reader should know.
    """
    record = StudyRecord(
        **_asked(study, settings, clock, digests or {}),
        geometry=geometry,
        behaviors=tuple(behaviors),
        findings=findings,
        notes=tuple(notes),
    )
    return _write(study, settings, record, clock)


def write_transfer(
    study: StudyFile,
    settings: Settings,
    numbers: TransferNumbers,
    clock: StageClock,
    questions: Questions,
    headline: TransferTest | None,
    matrices: Mapping[str, Any],
    baselines: Mapping[str, pd.DataFrame],
    *,
    probes: ProbeSet,
    notes: Sequence[str] = (),
    libraries: Sequence[str] = (),
) -> dict[str, Any]:
    """Write every file of a transfer study's folder; return the record.

    Parameters
    ----------
    study, settings, clock, notes
        As in `write_findings`.
    numbers
        What the study measured.
    questions
        Holds the transfer runs.
    headline
        The pre-stated test; None where it could not be asked.
    matrices
        Geometry -> distance matrix; the study's own geometry is the first.
    baselines
        Name -> predictor of cost.
    probes
        That distances were measured on.
    libraries
        Whose versions count, beside those of every study.
    """
    folder = settings.folder
    geometry, main = next(iter(matrices.items()))
    main.save(folder)
    steps = TransferMatrix.from_runs(questions.table, questions.labels)
    steps.save(folder)
    write_table(folder, questions.rows)
    for name, frame in baselines.items():
        write_square(folder / "baselines" / f"{name.replace(' ', '_')}.csv", frame)
    for name, matrix in matrices.items():
        write_square(folder / "geometries" / f"{name}.csv", matrix.to_pandas())
    if headline is None:
        (folder / "test.json").unlink(missing_ok=True)
    else:
        headline.save(folder / "test.json")
    costs = Costs(steps.costs, steps.censored, main, numbers.references)
    targets = list(questions.table["target"].unique())
    record = TransferRecord(
        **_asked(study, settings, clock, {"probes": probes.digest}, libraries),
        geometry=geometry,
        probes=Probes(name=probes.name, n=len(probes), digest=probes.digest),
        behaviors=numbers.behaviors,
        findings=transfer_findings(numbers, costs, targets),
        targets=numbers.targets,
        untested=numbers.untested,
        numbers=numbers,
        notes=(*notes, *remarks(numbers, costs)),
    )
    return _write(study, settings, record, clock)


def _write(
    study: StudyFile, settings: Settings, record: StudyRecord | TransferRecord, clock: StageClock
) -> dict[str, Any]:
    from behaviordist.report.write import write_report

    folder = settings.folder
    write_text(folder / "study.yaml", yaml.safe_dump(study.resolved(), sort_keys=False))
    write_record(folder / "run.json", record)
    with clock.stage("report", 1, "Drawing the report") as done:
        write_report(folder)
        done(1)
    return record.to_json()


def _asked(
    study: StudyFile,
    settings: Settings,
    clock: StageClock,
    digests: Mapping[str, str],
    libraries: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what every record says of what was asked and how, as keywords."""
    every = {"study": digest_of(study.resolved()), **digests}
    return {
        "study": study.name,
        "question": study.question,
        "quick": settings.quick,
        "seeds": study.seeds,
        "provenance": provenance(settings, clock, (*LIBRARIES, *libraries), every),
    }


def provenance(
    settings: Settings, clock: StageClock, libraries: Sequence[str], digests: Mapping[str, str]
) -> Provenance:
    """Return how a study was run, in this process on this machine."""
    return Provenance(
        command=settings.command,
        seed=settings.seed,
        jobs=settings.jobs,
        versions=library_versions(libraries),
        commit=this_commit(),
        cpu=this_cpu(),
        digests=dict(digests),
        times_s=stage_times(settings.folder / "run.json", clock.times),
    )


def stage_times(path: Path, times: Mapping[str, float]) -> dict[str, float]:
    """Seconds a stage took, the most in any run of this folder: a resumed stage takes none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        before = record["provenance"]["times_s"]
        return {stage: max(seconds, before.get(stage, 0.0)) for stage, seconds in times.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return dict(times)


def behavior_row(regime: Regime, runs: Sequence[Run] = ()) -> Behavior:
    """Return what ``run.json`` says of a regime's behavior and of its runs."""
    # A task may be a mixture of functions; the label says it in a word.
    task = "" if regime.task is None else regime.label.removeprefix(f"{regime.algorithm}-")
    return Behavior(label=regime.label, algorithm=regime.algorithm, task=task, runs=tuple(runs))


def run_row(folder: Path, provenance: Mapping[str, Any], replicate: int, **evidence: float) -> Run:
    """Return what ``run.json`` says of one finished checkpoint; `evidence` as in `Run`."""
    keys = ("seed", "converged", "steps", "tokens", "flops", "score")
    numbers: dict[str, Any] = {**{key: provenance[key] for key in keys}, **evidence}
    return Run(checkpoint=f"checkpoints/{folder.name}", replicate=replicate, **numbers)
