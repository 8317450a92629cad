"""What a study leaves in its folder: the study as resolved, tables, run.json, the page."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from behaviordist.report.findings import Findings
from behaviordist.store import digest_of, write_json, write_text
from behaviordist.store.tables import write_square
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.studies.study_file import StudyFile

if TYPE_CHECKING:
    import pandas as pd

    from behaviordist.hypothesis import TransferTest
    from behaviordist.regimes.declaration import Regime
    from behaviordist.studies.questions import Questions

LIBRARIES = ("behaviordist", "jax", "numpy", "scipy", "scikit-learn", "transformers", "torch")


def write_findings(
    study: StudyFile,
    settings: Settings,
    findings: Findings,
    clock: StageClock,
    *,
    behaviors: Sequence[Mapping[str, Any]] = (),
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
        Rows of the behaviors that ``distances.csv`` names: label, algorithm, task, role.
    geometry
        Of those distances.
    digests
        Of probe sets and the like, beside the study's own.
    notes
        What a reader should know.
    """
    from behaviordist.report.write import write_report

    folder = settings.folder
    write_text(folder / "study.yaml", yaml.safe_dump(study.resolved(), sort_keys=False))
    record = {
        "schema": 1,
        "kind": "findings",
        "command": settings.command,
        "study": study.name,
        "question": study.question,
        "quick": settings.quick,
        "seed": settings.seed,
        "seeds": study.seeds,
        "jobs": settings.jobs,
        "versions": library_versions(),
        "digests": {"study": digest_of(study.resolved()), **(digests or {})},
        "geometry": geometry,
        "behaviors": [dict(row) for row in behaviors],
        "findings": findings.model_dump(mode="json"),
        "notes": list(notes),
        "times_s": stage_times(folder / "run.json", clock.times),
    }
    write_json(folder / "run.json", record)
    with clock.stage("report", 1, "Drawing the report") as done:
        write_report(folder)
        done(1)
    return record


def write_transfer(
    study: StudyFile,
    settings: Settings,
    record: dict[str, Any],
    clock: StageClock,
    questions: Questions,
    headline: TransferTest | None,
    matrices: Mapping[str, Any],
    baselines: Mapping[str, pd.DataFrame],
) -> dict[str, Any]:
    """Write every file of a transfer study's folder; return the record.

    Parameters
    ----------
    study, settings, record, clock
        As in `write_findings`; `record` gets the stages' times.
    questions
        Holds the transfer runs.
    headline
        The pre-stated test; None where it could not be asked.
    matrices
        Geometry -> distance matrix; the study's own geometry is the first.
    baselines
        Name -> predictor of cost.
    """
    from behaviordist.report.write import write_report
    from behaviordist.transfer.matrix import TransferMatrix
    from behaviordist.transfer.runs import write_table

    folder = settings.folder
    next(iter(matrices.values())).save(folder)
    TransferMatrix.from_runs(questions.table, questions.labels).save(folder)
    write_table(folder, questions.rows)
    for name, frame in baselines.items():
        write_square(folder / "baselines" / f"{name.replace(' ', '_')}.csv", frame)
    for name, matrix in matrices.items():
        write_square(folder / "geometries" / f"{name}.csv", matrix.to_pandas())
    write_text(folder / "study.yaml", yaml.safe_dump(study.resolved(), sort_keys=False))
    if headline is None:
        (folder / "test.json").unlink(missing_ok=True)
    else:
        headline.save(folder / "test.json")
    record["times_s"] = stage_times(folder / "run.json", clock.times)
    write_json(folder / "run.json", record)
    with clock.stage("report", 1, "Drawing the report") as done:
        write_report(folder)
        done(1)
    return record


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries whose numbers a run depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def stage_times(path: Path, times: Mapping[str, float]) -> dict[str, float]:
    """Seconds a stage took, the most in any run of this folder: a resumed stage takes none."""
    try:
        before = json.loads(path.read_text(encoding="utf-8"))["times_s"]
        return {stage: max(seconds, before.get(stage, 0.0)) for stage, seconds in times.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return dict(times)


def behavior_row(regime: Regime, runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what ``run.json`` says of a regime's behavior and of its runs."""
    return {
        "label": regime.label,
        "algorithm": regime.algorithm,
        "task": regime.task,
        "role": "behavior",
        "runs": runs,
    }


def run_row(folder: Path, provenance: Mapping[str, Any], replicate: int) -> dict[str, Any]:
    """Return what ``run.json`` says of one finished checkpoint."""
    keys = ("seed", "converged", "steps", "tokens", "flops", "score")
    return {
        "checkpoint": f"checkpoints/{folder.name}",
        **{key: provenance[key] for key in keys},
        "replicate": replicate,
    }


def target_rows(
    table: pd.DataFrame, rows: pd.DataFrame, left_out: Iterable[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return what every target asked and how its runs ended: ``targets`` of ``run.json``.

    Parameters
    ----------
    table
        One row a run, from `transfer.curves.summarise`.
    rows
        One row an evaluation.
    left_out
        Targets that the study's test left out, and why.
    """
    out = dict(left_out)
    result = []
    for target, runs in table.groupby("target", sort=False):
        first = rows[rows["target"] == target].iloc[0]
        result.append(
            {
                "target": target,
                "level": float(first["level"]),
                "tau": float(first["tau"]),
                "budget": int(first["budget"]),
                "runs": len(runs),
                "censored": int(runs["censored"].sum()),
                "left_out": target in out,
                "reason": out.get(str(target), ""),
            }
        )
    return result
