"""What study `transfer` measures: directed distances, baselines, costs; as labelled tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from behaviordist.studies.law.tables import (
    HELLINGER,
    KL,
    LABEL,
    REVERSE,
    START,
    SURPRISE,
    WEIGHTS,
    Tables,
    wide,
)
from behaviordist.studies.nats import checkpoint_divergences
from behaviordist.studies.stages import StageClock
from behaviordist.studies.transfer.runs import Runs
from behaviordist.transfer.curves import summarise

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
    from behaviordist.transfer.runs import collect

    rows = collect(runs.transfers(0), runs.goals)
    table = summarise(rows)
    names, targets = [s.name for s in runs.sources], list(divergence["kl"].targets)
    costs, late, start = (
        wide(table, column).reindex(index=names, columns=targets)
        for column in ("steps", "censored", "start")
    )
    again = wide(summarise(collect(runs.transfers(1), runs.goals)), "steps")
    square = summarise(collect(runs.square_transfers(), runs.square_goals))
    soft = [s.name for s in runs.square]
    hellinger, weights = _symmetric(runs, names, targets, clock)
    task = {r.label: r.task for r in runs.study.regimes()}
    return SquareTables(
        costs=costs,
        late=late,
        predictors={
            KL: divergence["kl"].to_pandas(),
            SURPRISE: divergence["overlap"].surprise.to_pandas(),
            HELLINGER: hellinger,
            START: 1 - start,
        },
        baselines={
            WEIGHTS: weights,
            LABEL: _label(runs, targets, {t: str(task[t]) for t in targets}),
            REVERSE: divergence["reverse"].to_pandas().T,
        },
        kind={s.name: s.kind for s in runs.sources},
        copies={s.name: s.copy_of for s in runs.sources if s.copy_of is not None},
        units={s.name: s.copy_of or s.name for s in runs.sources}
        | {t: f"to {task[t]}" for t in targets},
        strata=_strata(runs),
        algorithm={r.label: r.algorithm for r in runs.study.regimes()},
        once=costs,
        again=again.reindex(columns=targets),
        square=wide(square, "steps").reindex(index=soft, columns=soft),
        square_late=wide(square, "censored").reindex(index=soft, columns=soft),
        square_nats=divergence["square"].to_pandas(),
    )


def _symmetric(
    runs: Runs, sources: list[str], targets: list[str], clock: StageClock
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return hellinger distance on the shipped probes, and distance between weights."""
    from behaviordist.behaviors import load
    from behaviordist.distance import matrix_of
    from behaviordist.distance.weights import weight_distances
    from behaviordist.probes import ProbeSet
    from behaviordist.studies.fingerprints import fingerprint_stage

    geometry = runs.study.distances
    loaded = [load(str(runs.checkpoint(name)), label=name) for name in (*sources, *targets)]
    probes = ProbeSet.load(geometry.probes)
    prints = fingerprint_stage(loaded, probes, (geometry.geometry,), runs.folder, clock)
    matrix = matrix_of(prints[geometry.geometry])
    matrix.save(runs.folder / "geometries" / geometry.geometry)
    weights = weight_distances({b.label: [runs.checkpoint(b.label)] for b in loaded})
    return matrix.to_pandas().loc[sources, targets], weights.loc[sources, targets]


def _label(runs: Runs, targets: list[str], task: Mapping[str, str]) -> pd.DataFrame:
    """Return 0 where the target's function is the source's main one, else 1."""
    main = {
        s.name: max(s.shares, key=s.shares.__getitem__) if s.shares else "" for s in runs.sources
    }
    rows = [[float(main[s.name] != task[t]) for t in targets] for s in runs.sources]
    return pd.DataFrame(rows, [s.name for s in runs.sources], targets)


def _strata(runs: Runs) -> dict[str, str]:
    """Return who may swap names: mixtures of one base, and all others among themselves."""
    kinds = {s.name: s.kind for s in runs.sources}
    soft = {name: kind for name, kind in kinds.items() if kind.startswith("mixture")}
    strata = {name: soft.get(name, "other") for name in kinds}
    for source in runs.sources:
        if source.copy_of is not None:
            strata[source.name] = strata[source.copy_of]
    return strata
