"""What study `transfer` leaves in its folder: matrices, test, baselines, the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml

from behaviordist.regimes.declaration import Regime
from behaviordist.store import write_json, write_text
from behaviordist.store.tables import write_square
from behaviordist.studies.lab_runs import BASE, RANDOM, LabRuns
from behaviordist.studies.progress import StageClock
from behaviordist.studies.results import (
    behavior_row,
    library_versions,
    run_row,
    stage_times,
    target_rows,
)

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest
    from behaviordist.studies.catalogue import Settings


def write_results(
    runs: LabRuns,
    settings: Settings,
    behaviors: list[str],
    failed: list[str],
    matrices: Mapping[str, Any],
    rows: pd.DataFrame,
    clock: StageClock,
) -> dict[str, Any]:
    """Test the hypothesis and write every file of the run's folder; return ``run.json``."""
    from behaviordist.report.write import write_report
    from behaviordist.transfer.curves import summarise
    from behaviordist.transfer.matrix import TransferMatrix
    from behaviordist.transfer.runs import write_table

    folder, study = runs.folder, runs.study
    labels = [*behaviors, BASE, RANDOM]
    main = matrices[study.distances.geometry]
    with clock.stage("test", 1, "Testing closer against cheaper") as done:
        table = summarise(rows)
        costs = TransferMatrix.from_runs(table, labels)
        baselines = _baselines(runs, behaviors, rows, labels)
        tests = _Tests(runs, table, rows, labels, baselines)
        headline = tests.headline(main)
        record = _record(runs, settings, behaviors, failed, matrices, tests, headline)
        done(1)
    main.save(folder)
    costs.save(folder)
    write_table(folder, rows)
    for name, frame in baselines.items():
        write_square(folder / "baselines" / f"{name.replace(' ', '_')}.csv", frame)
    for name, matrix in matrices.items():
        write_square(folder / "geometries" / f"{name}.csv", matrix.to_pandas())
    write_text(folder / "study.yaml", yaml.safe_dump(study.resolved(), sort_keys=False))
    headline.save(folder / "test.json")
    record["times_s"] = stage_times(folder / "run.json", clock.times)
    write_json(folder / "run.json", record)
    with clock.stage("report", 1, "Drawing the report") as done:
        write_report(folder)
        done(1)
    return record


class _Tests:
    """The same test, asked of every geometry, cost measure and tau; settings from the study."""

    def __init__(
        self,
        runs: LabRuns,
        table: pd.DataFrame,
        rows: pd.DataFrame,
        labels: list[str],
        baselines: Mapping[str, pd.DataFrame],
    ) -> None:
        self.study, self.seed = runs.study, runs.seed
        self.table, self.rows, self.labels, self.baselines = table, rows, labels, baselines

    def headline(self, distances: Any) -> TransferTest:
        """Return the pre-stated test: distance against mean cost in steps."""
        return self._test(distances, self.table, "steps", self.baselines)

    def one(
        self, name: str, distances: Any, measure: str = "steps", share: float | None = None
    ) -> dict[str, Any]:
        """Return one row of a side table, or a row of nulls with the reason it cannot be had."""
        from behaviordist.errors import InputError
        from behaviordist.transfer.curves import summarise

        table = self.table if share is None else summarise(self.rows, share)
        try:
            test = self._test(distances, table, measure, {})
        except InputError as error:
            empty = dict.fromkeys(("value", "ci_low", "ci_high", "p_value", "split_half"))
            return {"name": name, **empty, "reason": str(error)}
        head = test.to_json()["statistic"]
        row = {key: head[key] for key in ("value", "ci_low", "ci_high", "p_value")}
        counts = {"n_targets": test.n_targets, "n_censored": test.n_censored}
        return {"name": name, **row, **counts, "split_half": test.split_half}

    def part(
        self, name: str, distances: Any, targets: list[str], same_task: bool
    ) -> dict[str, Any]:
        """Return the row of a part of the pairs: some targets, with or without same-task pairs.

        A function's own other algorithm is both the nearest and the cheapest start, so a reader
        will ask what is left of the statistic without those pairs.
        """
        from behaviordist.errors import InputError
        from behaviordist.hypothesis import transfer_test
        from behaviordist.transfer.matrix import TransferMatrix

        behaviors = [label for label in self.labels if label not in (BASE, RANDOM)]
        costs = TransferMatrix.from_runs(self.table, behaviors).costs
        if not same_task:
            task = {regime.label: regime.task for regime in self.study.regimes()}
            same = [[task[a] == task[b] for b in behaviors] for a in behaviors]
            costs = costs.mask(np.array(same))
        asked = self.study.test
        try:
            test = transfer_test(
                distances.to_pandas().loc[behaviors, targets],
                costs[targets],
                statistic=asked.statistic,
                permutations=asked.permutations,
                interval=asked.interval,
                bootstrap=asked.bootstrap,
                seed=self.seed,
            )
        except InputError as error:
            return {"name": name, "value": None, "reason": str(error)}
        head = test.to_json()["statistic"]
        row = {key: head[key] for key in ("value", "ci_low", "ci_high", "p_value")}
        return {"name": name, **row, "n_targets": test.n_targets, "n_pairs": test.n_pairs}

    def _test(
        self,
        distances: Any,
        table: pd.DataFrame,
        measure: str,
        baselines: Mapping[str, pd.DataFrame],
    ) -> TransferTest:
        from behaviordist.hypothesis import VerdictRule, transfer_test
        from behaviordist.transfer.matrix import TransferMatrix, split_halves

        costs = TransferMatrix.from_runs(table, self.labels, measure)
        halves = split_halves(table, self.labels, measure)
        asked = self.study.test
        return transfer_test(
            distances,
            costs,
            baselines=baselines,
            statistic=asked.statistic,
            permutations=asked.permutations,
            interval=asked.interval,
            bootstrap=asked.bootstrap,
            seed=self.seed,
            censored=costs.censored if measure == "steps" else None,
            halves=None if halves is None else [halves],
            rule=VerdictRule(**asked.rule.model_dump()),
        )


def _baselines(
    runs: LabRuns, behaviors: list[str], rows: pd.DataFrame, labels: list[str]
) -> dict[str, pd.DataFrame]:
    """Simpler predictors of cost, larger = expected dearer."""
    from behaviordist.distance.weights import weight_distances
    from behaviordist.engines.alignment import gradient_misalignment
    from behaviordist.studies.transfer import replicates
    from behaviordist.transfer.matrix import scores_at_start

    folders = replicates(runs, behaviors)
    regimes = {r.label: r for r in runs.study.regimes() if r.label in behaviors}
    return {
        "weight-space distance": weight_distances(folders),
        "gradient misalignment": gradient_misalignment(folders, regimes, runs.config),
        "score at step 0": 1.0 - scores_at_start(rows, labels),
    }


def _record(
    runs: LabRuns,
    settings: Settings,
    behaviors: list[str],
    failed: list[str],
    matrices: Mapping[str, Any],
    tests: _Tests,
    headline: TransferTest,
) -> dict[str, Any]:
    """Collect ``run.json``: what was run, with what, and the tables of the report."""
    from behaviordist.probes import ProbeSet
    from behaviordist.store import digest_of
    from behaviordist.studies.transfer_factors import factor_rows, place_rows
    from behaviordist.transfer.matrix import MEASURES

    study, main = runs.study, matrices[runs.study.distances.geometry]
    measures = [tests.one(measure, main, measure) for measure in MEASURES]
    probes = ProbeSet.load(study.distances.probes)
    floor = _noise_floor(main, behaviors)
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
        "targets": target_rows(tests.table, tests.rows, headline.left_out),
        "random_start": _random_rows(runs, tests.table, tests.rows, behaviors),
        "split_half": {row["name"]: row["split_half"] for row in measures},
        "geometries": [tests.one(name, matrix) for name, matrix in matrices.items()],
        "cost_measures": measures,
        "parts": _parts(runs, behaviors, tests, main),
        "tau_sweep": [
            {"share": s, **tests.one(f"{s:g} of level", main, share=s)}
            for s in study.transfer.sweep
        ],
        "notes": _base_note(runs)
        + [
            f"{label} did not converge within its budget and is left out of distances and test"
            for label in failed
        ],
    }


def _noise_floor(main: Any, behaviors: list[str]) -> dict[str, Any] | None:
    """Distance between two seeds of one regime, root mean square over the trained regimes."""
    floor = main.metadata.get("noise_floor")
    if not floor:
        return None
    each = {k: v for k, v in floor["per_regime"].items() if k in behaviors}
    value = float(np.sqrt(np.mean(np.square(list(each.values())))))
    return {"value": value, "n": len(each), "per_regime": each}


def _parts(runs: LabRuns, behaviors: list[str], tests: _Tests, main: Any) -> list[dict[str, Any]]:
    """Test parts of the pairs: without same-task pairs, and each algorithm's targets alone."""
    algorithm = {regime.label: regime.algorithm for regime in runs.study.regimes()}
    parts = [tests.part("pairs of different functions", main, behaviors, same_task=False)]
    for name in runs.study.post_training:
        targets = [label for label in behaviors if algorithm[label] == name]
        parts.append(tests.part(f"{name} targets", main, targets, same_task=True))
        parts.append(
            tests.part(f"{name} targets, different functions", main, targets, same_task=False)
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


def preference_evidence(
    provenance: Mapping[str, Any], judge: Mapping[str, Any] | None
) -> dict[str, float]:
    """Evidence of a run that learned from preferences; empty for one that did not.

    Parameters
    ----------
    provenance, judge
        Of the run, and of its reward model where it had one.

    Returns
    -------
    dict
        ``kl`` from the reference at the end (nats an answer), ``best_score`` of the whole run, and
        where there was a reward model its held-out ``accuracy`` with the best possible
        ``bayes_accuracy``, and what it thought of the policy at the start and at the end
        (``proxy_start``, ``proxy_end``, nats). Where that rose while the score fell from its best,
        the reward was hacked.
    """
    evidence = provenance["evidence"]
    found: dict[str, float] = {}
    if "kl" in evidence:
        found |= {"kl": evidence["kl"][-1], "best_score": max(evidence["scores"])}
    if "proxy" in evidence:
        found |= {"proxy_start": evidence["proxy"][0], "proxy_end": evidence["proxy"][-1]}
    if judge is not None:
        names = ("accuracy", "bayes_accuracy")
        found |= {name: judge["evidence"][name][-1] for name in names}
    return found


def base_chance(runs: LabRuns) -> list[dict[str, Any]]:
    """Probability that the base answers a hidden prompt with each function, over strings."""
    from behaviordist.lab import checkpoint
    from behaviordist.regimes.evaluation import evaluation_documents, string_scores

    base = checkpoint.load(runs.checkpoint(BASE))
    pretrain = runs.study.base_regime()
    regime = runs.study.regimes()[0]
    rows = []
    for name in pretrain.functions:
        documents = evaluation_documents(regime.model_copy(update={"task": name}))
        chances = np.asarray(string_scores(base.params, base.config, documents)[0], np.float64)
        error = chances.std(ddof=1) / np.sqrt(len(chances))
        rows.append(
            {"function": name, "mean": float(chances.mean()), "standard_error": float(error)}
        )
    return rows


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
