"""What study `algorithms` concludes: the test and its side questions, for the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from behaviordist.record import Behavior, Estimate, Run
from behaviordist.record.transfers.numbers import RandomStart, TransferNumbers
from behaviordist.regimes.declaration import Regime
from behaviordist.studies.algorithms.factors import factor_shares, places
from behaviordist.studies.algorithms.measure import base_chance, noise_floor, preference_evidence
from behaviordist.studies.algorithms.runs import BASE, RANDOM, LabRuns
from behaviordist.studies.folder import behavior_row, run_row

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest
    from behaviordist.studies.questions import Questions


def transfer_numbers(
    runs: LabRuns,
    behaviors: list[str],
    failed: list[str],
    matrices: Mapping[str, Any],
    questions: Questions,
    headline: TransferTest,
) -> TransferNumbers:
    """Collect what the study measured: the test, its side questions, where everything stood."""
    study, main = runs.study, next(iter(matrices.values()))
    regimes = {regime.label: regime for regime in study.regimes()}
    trained = main.select(behaviors)
    floor, each = noise_floor(main, behaviors)
    return TransferNumbers(
        behaviors=_behavior_rows(runs, [*behaviors, *failed]),
        base_chance=base_chance(runs),
        noise_floor=floor,
        factors=factor_shares(trained, regimes, study.test.permutations, runs.seed),
        places=places(trained, regimes, each),
        random_start=_random_rows(runs, questions.table, questions.rows, behaviors),
        parts=_parts(runs, behaviors, questions, main),
        **questions.numbers(matrices, headline, study.transfer.sweep),
    )


def notes(runs: LabRuns, failed: list[str]) -> list[str]:
    """Say what did not converge."""
    remarks = [
        f"{label} did not converge within its budget and is left out of distances and test"
        for label in failed
    ]
    base = runs.provenance(BASE)
    if base["converged"]:
        return remarks
    rule = base["evidence"]["rule"]
    words = f"the base did not meet its rule ({rule}) in {base['steps']} steps; it is used as is"
    return [words, *remarks]


def _parts(
    runs: LabRuns, behaviors: list[str], questions: Questions, main: Any
) -> tuple[Estimate, ...]:
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
    return tuple(parts)


def _behavior_rows(runs: LabRuns, labels: list[str]) -> tuple[Behavior, ...]:
    regimes = {regime.label: regime for regime in runs.study.regimes()}
    rows = [
        behavior_row(
            regimes[label], [_run(runs, regimes[label], r) for r in range(runs.study.seeds)]
        )
        for label in labels
    ]
    origin = run_row(runs.checkpoint(BASE), runs.provenance(BASE), 0)
    base = Behavior(label=BASE, algorithm="pretrain", role=BASE, runs=(origin,))
    return (*rows, base, Behavior(label=RANDOM, role=RANDOM))


def _run(runs: LabRuns, regime: Regime, replicate: int) -> Run:
    provenance = runs.provenance(regime.label, replicate)
    rated = regime.algorithm == "rlhf"
    judge = runs.provenance(f"reward-{regime.task}", replicate) if rated else None
    evidence = preference_evidence(provenance, judge)
    return run_row(runs.checkpoint(regime.label, replicate), provenance, replicate, **evidence)


def _random_rows(
    runs: LabRuns, table: pd.DataFrame, rows: pd.DataFrame, behaviors: list[str]
) -> tuple[RandomStart, ...]:
    """How far random weights come under each target's regime."""
    algorithms = {regime.label: regime.algorithm for regime in runs.study.regimes()}
    starts = []
    for target in behaviors:
        started = table[(table["source"] == RANDOM) & (table["target"] == target)]
        curves = rows[(rows["source"] == RANDOM) & (rows["target"] == target)]
        starts.append(
            RandomStart(
                target=target,
                algorithm=algorithms[target],
                runs=len(started),
                censored=int(started["censored"].sum()),
                steps=started["steps"].mean(),
                best_score=curves["score"].max(),
            )
        )
    return tuple(starts)
