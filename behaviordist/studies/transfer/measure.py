"""What study `transfer` measures: directed distances, baselines, costs; as labelled tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from behaviordist.studies.fingerprints import symmetric_distances
from behaviordist.studies.law.tables import (
    HELLINGER,
    KL,
    LABEL,
    REVERSE,
    START,
    SURPRISE,
    WEIGHTS,
    Tables,
    main_label,
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
    from behaviordist.distance.weights import weight_distances
    from behaviordist.probes import ProbeSet
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
    places = {name: runs.checkpoint(name) for name in (*names, *targets)}
    geometry = runs.study.distances
    hellinger = symmetric_distances(
        places, ProbeSet.load(geometry.probes), geometry.geometry, runs.folder, clock
    )
    weights = weight_distances({name: [place] for name, place in places.items()})
    task = {r.label: r.task for r in runs.study.regimes()}
    return SquareTables(
        costs=costs,
        late=late,
        predictors={
            KL: divergence["kl"].to_pandas(),
            SURPRISE: divergence["overlap"].surprise.to_pandas(),
            HELLINGER: hellinger.loc[names, targets],
            START: 1 - start,
        },
        baselines={
            WEIGHTS: weights.loc[names, targets],
            LABEL: main_label(
                {s.name: s.shares for s in runs.sources}, {t: str(task[t]) for t in targets}
            ),
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


def _strata(runs: Runs) -> dict[str, str]:
    """Return who may swap names: mixtures of one base, and all others among themselves."""
    kinds = {s.name: s.kind for s in runs.sources}
    soft = {name: kind for name, kind in kinds.items() if kind.startswith("mixture")}
    strata = {name: soft.get(name, "other") for name in kinds}
    for source in runs.sources:
        if source.copy_of is not None:
            strata[source.name] = strata[source.copy_of]
    return strata
