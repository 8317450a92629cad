"""What study `trl-transfer` leaves in its folder: matrices, test, baselines, the record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from behaviordist.errors import InputError
from behaviordist.store import digest_of, write_json, write_text
from behaviordist.store.tables import write_square
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.progress import StageClock
from behaviordist.studies.results import (
    behavior_row,
    library_versions,
    run_row,
    stage_times,
    target_rows,
)
from behaviordist.studies.trl_transfer import BASE, TrlRuns, own_scores, study_probes

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest

LIBRARIES = ("trl", "peft", "accelerate", "datasets")
FEW = 6
"""Below so many behaviors a note says what relabelling them can show at most."""


def write_results(
    runs: TrlRuns,
    settings: Settings,
    matrices: Mapping[str, Any],
    rows: pd.DataFrame,
    clock: StageClock,
) -> dict[str, Any]:
    """Test the hypothesis and write every file of the run's folder; return ``run.json``.

    Where too few behaviors are left for a test (a pair of them, or targets whose own runs went
    nowhere), distances and costs are written all the same, and the record says why.
    """
    from behaviordist.report.write import write_report
    from behaviordist.transfer.matrix import scores_at_start

    folder, study = settings.folder, runs.study
    labels = [*runs.targets, BASE]
    main = matrices[study.distances.geometry]
    with clock.stage("test", 1, "Testing closer against cheaper") as done:
        table = write_costs(folder, rows, labels)
        baselines = {"score at step 0": 1.0 - scores_at_start(rows, labels)}
        weights = adapter_distances(runs)
        if weights is not None:
            baselines["weight-space distance"] = weights
        ask = _Asked(runs, table, labels)
        headline, untested = ask.headline(main, baselines)
        record = _record(runs, settings, matrices, ask, headline, rows)
        if headline is None:
            record["untested"] = untested
            record["notes"].insert(0, f"no test: {untested}")
        done(1)
    main.save(folder)
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


def write_costs(folder: Path, rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Write ``transfers.parquet``, ``costs.csv``, ``censored.csv``; return one row a run."""
    from behaviordist.transfer.curves import summarise
    from behaviordist.transfer.matrix import TransferMatrix
    from behaviordist.transfer.runs import write_table

    table = summarise(rows)
    TransferMatrix.from_runs(table, labels).save(folder)
    write_table(folder, rows)
    return table


def adapter_distances(runs: TrlRuns) -> pd.DataFrame | None:
    """Euclidean distance between the changes of weights, ``alpha / r B A`` of every adapter.

    The base is the origin. None where a behavior is no adapter.
    """
    changes: dict[str, list[Mapping[str, Any]]] = {BASE: [{}]}
    for label, regime in runs.targets.items():
        if regime.adapter is None:
            return None
        scale = regime.adapter.alpha / regime.adapter.rank
        folders = [runs.checkpoint(label, r) for r in range(runs.study.seeds)]
        changes[label] = [_changes(folder, scale) for folder in folders]
    labels = [*runs.targets, BASE]
    square = pd.DataFrame(0.0, index=labels, columns=labels)
    for first in labels:
        for second in labels:
            gaps = [_gap(a, b) for a in changes[first] for b in changes[second]]
            square.loc[first, second] = float(np.mean(gaps)) if first != second else 0.0
    return square


def _changes(folder: Path, scale: float) -> dict[str, Any]:
    from safetensors.numpy import load_file

    tensors = load_file(folder / "adapter_model.safetensors")
    ends = ".lora_A.weight"
    names = [name.removesuffix(ends) for name in tensors if name.endswith(ends)]
    return {n: scale * tensors[f"{n}.lora_B.weight"] @ tensors[f"{n}{ends}"] for n in names}


def _gap(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    total = 0.0
    for name in {*first, *second}:
        gap = np.subtract(first.get(name, 0.0), second.get(name, 0.0))
        total += float(np.square(gap, dtype=np.float64).sum())
    return math.sqrt(total)


class _Asked:
    """The same test, asked of every geometry, cost measure and tau; settings from the study."""

    def __init__(self, runs: TrlRuns, table: pd.DataFrame, labels: Sequence[str]) -> None:
        self.study, self.seed, self.table, self.labels = runs.study, runs.seed, table, labels

    def test(
        self,
        distances: Any,
        measure: str = "steps",
        table: pd.DataFrame | None = None,
        baselines: Mapping[str, pd.DataFrame] | None = None,
    ) -> TransferTest:
        """Return the test of distance against one measure of cost."""
        from behaviordist.hypothesis import VerdictRule, transfer_test
        from behaviordist.transfer.matrix import TransferMatrix, split_halves

        runs = self.table if table is None else table
        costs = TransferMatrix.from_runs(runs, self.labels, measure)
        halves = split_halves(runs, self.labels, measure)
        asked = self.study.test
        return transfer_test(
            distances,
            costs,
            baselines=baselines or {},
            statistic=asked.statistic,
            permutations=asked.permutations,
            bootstrap=asked.bootstrap,
            seed=self.seed,
            censored=costs.censored if measure == "steps" else None,
            halves=None if halves is None else [halves],
            rule=VerdictRule(**asked.rule.model_dump()),
        )

    def headline(
        self, distances: Any, baselines: Mapping[str, pd.DataFrame]
    ) -> tuple[TransferTest | None, str]:
        """Return the study's test, or None and why too few behaviors are left to ask."""
        try:
            return self.test(distances, baselines=baselines), ""
        except InputError as error:
            return None, str(error)

    def row(self, name: str, *question: Any, **more: Any) -> dict[str, Any]:
        """Return one row of a side table, or a row of nulls with the reason it cannot be had."""
        keys = ("value", "ci_low", "ci_high", "p_value")
        try:
            test = self.test(*question, **more)
        except InputError as error:
            return {"name": name, **dict.fromkeys((*keys, "split_half")), "reason": str(error)}
        head = test.to_json()["statistic"]
        counts = {"n_targets": test.n_targets, "n_censored": test.n_censored}
        return {"name": name, **{k: head[k] for k in keys}, **counts, "split_half": test.split_half}


def _record(
    runs: TrlRuns,
    settings: Settings,
    matrices: Mapping[str, Any],
    ask: _Asked,
    headline: TransferTest | None,
    rows: pd.DataFrame,
) -> dict[str, Any]:
    """Collect ``run.json``: what was run, with what, and the tables of the report."""
    from behaviordist.transfer.curves import summarise
    from behaviordist.transfer.matrix import MEASURES

    study, main = runs.study, matrices[runs.study.distances.geometry]
    probes = study_probes(study)
    measures = [ask.row(measure, main, measure) for measure in MEASURES]
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
        "targets": target_rows(ask.table, rows, headline.left_out if headline else ()),
        "split_half": {row["name"]: row["split_half"] for row in measures},
        "geometries": [ask.row(name, matrix) for name, matrix in matrices.items()],
        "cost_measures": measures,
        "tau_sweep": [
            {"share": s, **ask.row(f"{s:g} of level", main, table=summarise(rows, s))}
            for s in study.transfer.sweep
        ],
        "notes": notes(runs, rows),
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
