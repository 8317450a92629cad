"""What a study of the law on a real model measures: KL both ways, distances, costs; as tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from behaviordist.probes import Probe, ProbeSet
from behaviordist.store.seeds import derived_seed
from behaviordist.store.tables import write_square
from behaviordist.studies.fingerprints import symmetric_distances
from behaviordist.studies.law.tables import (
    Tables,
    measured,
    wide,
    write_measured,
)
from behaviordist.studies.soft_models.runs import SoftRuns
from behaviordist.studies.soft_models.styles import split
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.runs import write_table

if TYPE_CHECKING:
    from behaviordist.behaviors import Behavior
    from behaviordist.distance.directed import DirectedMatrix

LAWFUL = ("mixture", "permuted", "grown", "retuned")
"""Kinds of sources that the law is fitted on. The base has never answered in any of the styles: it
is drawn beside the line."""


def question_set(runs: SoftRuns) -> ProbeSet:
    """Return the held-out questions, as every run is shown its own."""
    kept = split(runs.seed, runs.study.answers.questions)[1]
    probes = tuple(Probe(f"q{i:02d}", f"Q: {q}\nA:", f" {a}") for i, (q, a) in enumerate(kept))
    return ProbeSet("held-out questions", probes)


def drawing(runs: SoftRuns) -> dict[str, Any]:
    """Return how answers to the held-out questions are drawn, whoever answers."""
    return {
        "answers": runs.study.answers.draws,
        "max_tokens": runs.study.regimes()[0].data.max_new_tokens,
        "seed": derived_seed(runs.seed, "answers"),
    }


def measure_divergences(
    runs: SoftRuns, targets: list[str], clock: StageClock
) -> dict[str, DirectedMatrix]:
    """Return KL and overlap of sources and targets, and KL the other way."""
    from behaviordist.distance.directed import divergences

    questions = question_set(runs)
    sources = _opened(runs, [s.name for s in runs.sources])
    goals = _opened(runs, targets)
    blocks = [
        ("kl", sources, goals, "kl"),
        ("overlap", sources, goals, "overlap"),
        ("reverse", goals, sources, "kl"),
    ]
    matrices = {}
    with clock.stage("divergences", len(blocks), "Scoring every target's answers") as done:
        for name, rows, columns, geometry in blocks:
            matrices[name] = divergences(
                rows,
                columns,
                questions,
                geometry,
                folder=runs.folder / "answers",
                **drawing(runs),
            )
            done(1)
    return matrices


def measure_tables(
    runs: SoftRuns, rows: pd.DataFrame, divergence: Mapping[str, DirectedMatrix], clock: StageClock
) -> Tables:
    """Return all tables of the study; a cost is the mean over seeds."""
    names, targets = [s.name for s in runs.sources], list(divergence["kl"].targets)
    section, places = runs.study.distances, {n: runs.checkpoint(n) for n in (*names, *targets)}
    hellinger = symmetric_distances(
        places,
        ProbeSet.load(section.probes).subset(section.each),
        section.geometry,
        runs.folder,
        clock,
    )
    hellinger.save(runs.folder / "geometries" / section.geometry)
    with clock.stage("weights", len(names), "Distances between weights") as done:
        weights = _weights(runs, names, targets, done)
    table, regimes = summarise(rows), runs.study.regimes()
    once, *more = (
        wide(table[table["seed"] == r], "steps", names, targets)
        for r in range(min(2, runs.study.seeds))
    )
    return Tables(
        **measured(runs.sources, regimes, table, divergence, hellinger.to_pandas(), weights),
        strata={s.name: "base" if s.kind == "base" else "mixture" for s in runs.sources},
        once=once,
        again=more[0] if more else once.iloc[:0],
    )


def write_tables(
    runs: SoftRuns, tables: Tables, divergence: Mapping[str, DirectedMatrix], rows: pd.DataFrame
) -> None:
    """Write ``divergences.csv``, ``costs.csv``, ``censored.csv``, predictors, and all curves."""
    write_measured(runs.folder, tables, divergence)
    shares = pd.DataFrame({s.name: dict(s.shares or {}) for s in runs.sources}).T
    fitted = pd.Series({source: kind in LAWFUL for source, kind in tables.kind.items()})
    write_square(runs.folder / "sources.csv", tables.sources.assign(fitted=fitted).join(shares))
    write_table(runs.folder, rows)


def _opened(runs: SoftRuns, names: list[str]) -> list[Behavior]:
    from behaviordist.behaviors import load

    return [load(str(runs.checkpoint(name)), label=name) for name in names]


def _weights(runs: SoftRuns, sources: list[str], targets: list[str], done: Any) -> pd.DataFrame:
    """Return Euclidean distances of whole weights, adapters merged; NaN between two sizes."""
    from behaviordist.engines.trl_models import load_policy, quiet

    def tensors(folder: Path) -> dict[str, Any]:
        with quiet():
            state = load_policy(folder, None, 0).state_dict()
        return {name: tensor.numpy() for name, tensor in state.items()}

    ends = {target: tensors(runs.checkpoint(target)) for target in targets}
    table = pd.DataFrame(np.nan, index=sources, columns=targets)
    for source in sources:
        start = tensors(runs.checkpoint(source))
        for target, end in ends.items():
            same = start.keys() == end.keys()
            if same and all(start[name].shape == end[name].shape for name in end):
                squares = [np.square(start[n] - end[n]).sum(dtype=np.float64) for n in end]
                table.loc[source, target] = float(np.sqrt(np.sum(squares)))
        done(1)
    return table
