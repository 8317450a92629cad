"""What study `trl-transfer` concludes: the test and its side questions, for the record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd

from behaviordist.store import digest_of
from behaviordist.studies.folder import (
    behavior_row,
    library_versions,
    run_row,
    target_rows,
)
from behaviordist.studies.real_models.measure import study_probes
from behaviordist.studies.real_models.runs import BASE, TrlRuns, own_scores
from behaviordist.studies.settings import Settings

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest
    from behaviordist.studies.questions import Questions

LIBRARIES = ("trl", "peft", "accelerate", "datasets")
FEW = 6
"""Below so many behaviors a note says what relabelling them can show at most."""


def transfer_record(
    runs: TrlRuns,
    settings: Settings,
    matrices: Mapping[str, Any],
    questions: Questions,
    headline: TransferTest | None,
    untested: str,
) -> dict[str, Any]:
    """Collect ``run.json``: what was run, with what, and the tables of the report."""
    from behaviordist.transfer.matrix import MEASURES

    study, main = runs.study, matrices[runs.study.distances.geometry]
    probes = study_probes(study)
    measures = [questions.row(measure, main, measure) for measure in MEASURES]
    return {
        "schema": 1,
        "kind": "transfer",
        "command": settings.command,
        "study": study.name,
        "question": study.question,
        "quick": settings.quick,
        "seed": runs.seed,
        "seeds": study.seeds,
        "jobs": settings.jobs,
        "versions": {**library_versions(), **{name: version(name) for name in LIBRARIES}},
        "digests": {"probes": probes.digest, "study": digest_of(study.resolved())},
        "geometry": study.distances.geometry,
        "probes": {"name": probes.name, "n": len(probes), "digest": probes.digest},
        "behaviors": _behavior_rows(runs),
        "targets": target_rows(
            questions.table, questions.rows, headline.left_out if headline else ()
        ),
        "split_half": {row["name"]: row["split_half"] for row in measures},
        "geometries": [questions.row(name, matrix) for name, matrix in matrices.items()],
        "cost_measures": measures,
        "tau_sweep": [
            {"share": s, **questions.row(f"{s:g} of level", main, share=s)}
            for s in study.transfer.sweep
        ],
        "notes": [*([f"no test: {untested}"] if untested else []), *notes(runs, questions.rows)],
        **({"untested": untested} if untested else {}),
    }


def notes(runs: TrlRuns, rows: pd.DataFrame) -> list[str]:
    """Say what a reader must know: power, sources that were there already, regimes that failed."""
    from behaviordist.transfer.trl_runs import met_at_start

    count, said = len(runs.targets), []
    if count < FEW:
        orders = math.factorial(count)
        said.append(
            f"a reduced study: {count} behaviors can be relabelled in {orders} ways, so no p-value"
            f" below 1/{orders} = {1 / orders:.3f} exists; read it as a description of"
            f" {count * (count - 1)} transfers, not as evidence for or against the hypothesis"
        )
    if runs.study.seeds == 1:
        said.append("one seed: no noise floor, no split-half reliability; costs carry seed noise")
    for source, target in met_at_start(rows):
        said.append(f"{source} meets {target} before any training: cost 0")
    for label in runs.targets:
        first, last = own_scores(runs, label)
        if last <= first:
            said.append(
                f"{label}: its own run ended no higher than it started ({first:.2f}, then"
                f" {last:.2f}), so it is a source but no target"
            )
            continue
        records = [runs.provenance(label, r) for r in range(runs.study.seeds)]
        if not all(record["converged"] for record in records):
            rule = records[0]["evidence"]["rule"]
            said.append(f"{label} did not meet its rule ({rule}); its level is what it reached")
    return said


def _behavior_rows(runs: TrlRuns) -> list[dict[str, Any]]:
    rows = [
        behavior_row(
            regime,
            [
                run_row(runs.checkpoint(label, r), runs.provenance(label, r), r)
                for r in range(runs.study.seeds)
            ],
        )
        for label, regime in runs.targets.items()
    ]
    return [*rows, {"label": BASE, "algorithm": None, "task": None, "role": BASE, "runs": []}]
