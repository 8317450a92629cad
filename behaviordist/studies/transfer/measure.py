"""What study `transfer` measures: directed distances, baselines, costs; as labelled tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from behaviordist.probes import ProbeSet
from behaviordist.store.tables import write_square
from behaviordist.studies.divergences import checkpoint_divergences
from behaviordist.studies.fingerprints import symmetric_distances
from behaviordist.studies.law.tables import (
    Tables,
    measured,
    wide,
    write_measured,
)
from behaviordist.studies.stages import StageClock
from behaviordist.studies.transfer.runs import Runs
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.runs import collect, write_table

if TYPE_CHECKING:
    from behaviordist.distance.directed import DirectedMatrix


@dataclass(frozen=True)
class SquareTables(Tables):
    """Those of the study, and costs, censoring and KL of what is tuned into one another."""

    square: pd.DataFrame
    square_late: pd.DataFrame
    square_nats: pd.DataFrame


def measure_divergences(runs: Runs, clock: StageClock) -> dict[str, DirectedMatrix]:
    """Return KL and overlap of sources and targets, the reverse, and KL inside the square."""

    def places(names: list[str]) -> dict[str, Path]:
        return {name: runs.checkpoint(name) for name in names}

    sources = places([s.name for s in runs.sources])
    targets = places([r.label for r in runs.study.regimes() if runs.is_target(r.label)])
    soft = places([s.name for s in runs.square])
    blocks = [
        ("kl", sources, targets, "kl"),
        ("overlap", sources, targets, "overlap"),
        ("reverse", targets, sources, "kl"),
        ("square", soft, soft, "kl"),
    ]
    matrices, answers = {}, runs.study.answers
    with clock.stage("divergences", len(blocks), "Scoring every target's answers") as done:
        for name, rows, columns, geometry in blocks:
            matrices[name] = checkpoint_divergences(
                rows, columns, answers, runs.seed, runs.folder, geometry
            )
            done(1)
    return matrices


def measure_tables(
    runs: Runs, divergence: Mapping[str, DirectedMatrix], clock: StageClock
) -> SquareTables:
    """Return all tables of the study, from finished runs and directed distances."""
    from behaviordist.distance.weights import weight_distances

    names, targets = [s.name for s in runs.sources], list(divergence["kl"].targets)
    again = summarise(collect(runs.transfers(1), runs.goals))
    square = summarise(collect(runs.square_transfers(), runs.square_goals))
    soft = [s.name for s in runs.square]
    places = {name: runs.checkpoint(name) for name in (*names, *targets)}
    geometry = runs.study.distances
    hellinger = symmetric_distances(
        places, ProbeSet.load(geometry.probes), geometry.geometry, runs.folder, clock
    )
    hellinger.save(runs.folder / "geometries" / geometry.geometry)
    weights = weight_distances({name: [place] for name, place in places.items()})
    table = summarise(collect(runs.transfers(0), runs.goals))
    regimes = runs.study.regimes()
    shared = measured(runs.sources, regimes, table, divergence, hellinger.to_pandas(), weights)
    return SquareTables(
        **shared,
        strata=_strata(runs),
        once=shared["costs"],
        again=wide(again, "steps", columns=targets),
        square=wide(square, "steps", soft, soft),
        square_late=wide(square, "censored", soft, soft),
        square_nats=divergence["square"].to_pandas(),
    )


def _strata(runs: Runs) -> dict[str, str]:
    """Return who may swap names: mixtures of one base, and all others among themselves."""
    kinds = {s.name: s.kind for s in runs.sources}
    soft = {name: kind for name, kind in kinds.items() if kind.startswith("mixture")}
    strata = {name: soft.get(name, "other") for name in kinds}
    for source in runs.sources:
        if source.copy_of is not None:
            strata[source.name] = strata[source.copy_of]
    return strata


def write_tables(
    runs: Runs, tables: SquareTables, divergence: Mapping[str, DirectedMatrix]
) -> None:
    """Write ``divergences.csv``, ``costs.csv``, ``censored.csv``, the square's, and all curves."""
    folder = runs.folder
    write_measured(folder, tables, divergence)
    divergence["square"].save(folder / "square")
    write_square(folder / "costs-again.csv", tables.again)
    write_square(folder / "square" / "costs.csv", tables.square)
    write_square(folder / "square" / "censored.csv", tables.square_late)
    write_square(folder / "sources.csv", tables.sources)
    goals = {**runs.goals, **runs.square_goals}
    every = [*runs.transfers(0), *runs.transfers(1), *runs.square_transfers()]
    write_table(folder, collect(every, goals))
