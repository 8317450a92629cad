"""What study `algorithms` concludes: the test and its side questions, for the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from behaviordist.regimes.declaration import Regime
from behaviordist.studies.algorithms.measure import base_chance, noise_floor, preference_evidence
from behaviordist.studies.algorithms.runs import BASE, RANDOM, LabRuns
from behaviordist.studies.folder import (
    behavior_row,
    library_versions,
    run_row,
    target_rows,
)

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest
    from behaviordist.studies.questions import Questions
    from behaviordist.studies.settings import Settings


def transfer_record(
    runs: LabRuns,
    settings: Settings,
    behaviors: list[str],
    failed: list[str],
    matrices: Mapping[str, Any],
    questions: Questions,
    headline: TransferTest,
) -> dict[str, Any]:
    """Collect ``run.json``: what was run, with what, and the tables of the report."""
    from behaviordist.probes import ProbeSet
    from behaviordist.store import digest_of
    from behaviordist.studies.algorithms.factors import factor_rows, place_rows
    from behaviordist.transfer.matrix import MEASURES

    study, main = runs.study, matrices[runs.study.distances.geometry]
    measures = [questions.row(measure, main, measure) for measure in MEASURES]
    probes = ProbeSet.load(study.distances.probes)
    floor = noise_floor(main, behaviors)
    regimes = {regime.label: regime for regime in study.regimes()}
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
        "versions": library_versions(),
        "digests": {"probes": probes.digest, "study": digest_of(study.resolved())},
        "geometry": study.distances.geometry,
        "probes": {"name": probes.name, "n": len(probes.probes), "digest": probes.digest},
        "behaviors": _behavior_rows(runs, [*behaviors, *failed]),
        "base_chance": base_chance(runs),
        "noise_floor": floor,
        "factors": factor_rows(main.select(behaviors), regimes, study.test.permutations, runs.seed),
        "places": place_rows(main.select(behaviors), regimes, floor["per_regime"] if floor else {}),
        "targets": target_rows(questions.table, questions.rows, headline.left_out),
        "random_start": _random_rows(runs, questions.table, questions.rows, behaviors),
        "split_half": {row["name"]: row["split_half"] for row in measures},
        "geometries": [questions.row(name, matrix) for name, matrix in matrices.items()],
        "cost_measures": measures,
        "parts": _parts(runs, behaviors, questions, main),
        "tau_sweep": [
            {"share": s, **questions.row(f"{s:g} of level", main, share=s)}
            for s in study.transfer.sweep
        ],
        "notes": _base_note(runs)
        + [
            f"{label} did not converge within its budget and is left out of distances and test"
            for label in failed
        ],
    }


def _parts(
    runs: LabRuns, behaviors: list[str], questions: Questions, main: Any
) -> list[dict[str, Any]]:
    """Test parts of the pairs: without same-task pairs, and each algorithm's targets alone.

    A function's own other algorithm is both the nearest and the cheapest start, so a reader
    will ask what is left of the statistic without those pairs.
    """
    regimes = {regime.label: regime for regime in runs.study.regimes()}
    tasks = np.array([regimes[label].task for label in behaviors])
    same_task = pd.DataFrame(tasks[:, None] == tasks, index=behaviors, columns=behaviors)
    none = pd.DataFrame(False, index=behaviors, columns=behaviors)
    parts = [questions.part("pairs of different functions", main, behaviors, same_task)]
    for name in runs.study.post_training:
        targets = [label for label in behaviors if regimes[label].algorithm == name]
        parts.append(questions.part(f"{name} targets", main, targets, none))
        parts.append(
            questions.part(f"{name} targets, different functions", main, targets, same_task)
        )
    return parts


def _base_note(runs: LabRuns) -> list[str]:
    base = runs.provenance(BASE)
    if base["converged"]:
        return []
    rule = base["evidence"]["rule"]
    return [f"the base did not meet its rule ({rule}) in {base['steps']} steps; it is used as is"]


def _behavior_rows(runs: LabRuns, labels: list[str]) -> list[dict[str, Any]]:
    regimes = {regime.label: regime for regime in runs.study.regimes()}
    rows = []
    for label in labels:
        regime, records = regimes[label], []
        for r in range(runs.study.seeds):
            found = runs.provenance(label, r)
            evidence = preference_evidence(found, _judge(runs, regime, r))
            records.append(run_row(runs.checkpoint(label, r), found, r) | evidence)
        rows.append(behavior_row(regime, records))
    origin = run_row(runs.checkpoint(BASE), runs.provenance(BASE), 0)
    rows.append(
        {"label": BASE, "algorithm": "pretrain", "task": None, "role": BASE, "runs": [origin]}
    )
    rows.append({"label": RANDOM, "algorithm": None, "task": None, "role": RANDOM, "runs": []})
    return rows


def _judge(runs: LabRuns, regime: Regime, replicate: int) -> dict[str, Any] | None:
    """Return the provenance of the reward model that a regime was trained against, if any."""
    if regime.algorithm != "rlhf":
        return None
    return runs.provenance(f"reward-{regime.task}", replicate)


def _random_rows(
    runs: LabRuns, table: pd.DataFrame, rows: pd.DataFrame, behaviors: list[str]
) -> list[dict[str, Any]]:
    """How far random weights come under each target's regime."""
    algorithms = {regime.label: regime.algorithm for regime in runs.study.regimes()}
    result = []
    for target in behaviors:
        started = table[(table["source"] == RANDOM) & (table["target"] == target)]
        curves = rows[(rows["source"] == RANDOM) & (rows["target"] == target)]
        result.append(
            {
                "target": target,
                "algorithm": algorithms[target],
                "runs": len(started),
                "censored": int(started["censored"].sum()),
                "steps": float(started["steps"].mean()),
                "best_score": float(curves["score"].max()),
            }
        )
    return result
