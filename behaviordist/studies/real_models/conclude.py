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
from behaviordist.studies.real_models.runs import BASE, RealRuns, remarks_on
from behaviordist.studies.settings import Settings

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest
    from behaviordist.probes import ProbeSet
    from behaviordist.studies.questions import Questions
    from behaviordist.studies.real_models.study import Study

LIBRARIES = ("trl", "peft", "accelerate", "datasets")
FEW = 6
"""Below so many behaviors a note says what relabelling them can show at most."""


def transfer_record(
    study: Study,
    settings: Settings,
    runs: RealRuns,
    probes: ProbeSet,
    matrices: Mapping[str, Any],
    questions: Questions,
    headline: TransferTest | None,
    untested: str,
) -> dict[str, Any]:
    """Collect ``run.json``: what was run, with what, and the tables of the report."""
    from behaviordist.transfer.matrix import MEASURES

    main = matrices[study.distances.geometry]
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


def notes(runs: RealRuns, rows: pd.DataFrame) -> list[str]:
    """Say what a reader must know: power, sources that were there already, regimes that failed."""
    count, remarks = len(runs.targets), []
    if count < FEW:
        orders = math.factorial(count)
        remarks.append(
            f"a reduced study: {count} behaviors can be relabelled in {orders} ways, so no p-value"
            f" below 1/{orders} = {1 / orders:.3f} exists; read it as a description of"
            f" {count * (count - 1)} transfers, not as evidence for or against the hypothesis"
        )
    if runs.seeds == 1:
        remarks.append(
            "one seed: no noise floor, no split-half reliability; costs carry seed noise"
        )
    return remarks + remarks_on(runs, rows)


def _behavior_rows(runs: RealRuns) -> list[dict[str, Any]]:
    rows = [
        behavior_row(
            regime,
            [
                run_row(runs.checkpoint(label, r), runs.provenance(label, r), r)
                for r in range(runs.seeds)
            ],
        )
        for label, regime in runs.targets.items()
    ]
    return [*rows, {"label": BASE, "algorithm": None, "task": None, "role": BASE, "runs": []}]
