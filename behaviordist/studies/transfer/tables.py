"""The files of a run of study `transfer`: directed distances, costs, baselines, all curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from behaviordist.store.tables import write_square
from behaviordist.studies.transfer.measure import SquareTables
from behaviordist.studies.transfer.runs import Runs

if TYPE_CHECKING:
    from behaviordist.distance.directed import DirectedMatrix


def write_tables(
    runs: Runs, tables: SquareTables, divergence: Mapping[str, DirectedMatrix]
) -> None:
    """Write ``divergences.csv``, ``costs.csv``, ``censored.csv``, the square's, and all curves."""
    from behaviordist.transfer.runs import collect, write_table

    folder = runs.folder
    divergence["kl"].save(folder)
    divergence["square"].save(folder / "square")
    divergence["overlap"].save(folder / "geometries" / "overlap")
    write_square(folder / "costs.csv", tables.costs)
    write_square(folder / "censored.csv", tables.late)
    write_square(folder / "costs-again.csv", tables.again)
    write_square(folder / "square" / "costs.csv", tables.square)
    write_square(folder / "square" / "censored.csv", tables.square_late)
    for name, frame in {**tables.predictors, **tables.baselines}.items():
        write_square(folder / "predictors" / f"{name.replace(' ', '_')}.csv", frame)
    kinds = pd.DataFrame({"kind": pd.Series(tables.kind), "copy_of": pd.Series(tables.copies)})
    write_square(folder / "sources.csv", kinds.reindex(list(tables.kind)))
    goals = {**runs.goals, **runs.square_goals}
    every = [*runs.transfers(0), *runs.transfers(1), *runs.square_transfers()]
    write_table(folder, collect(every, goals))
