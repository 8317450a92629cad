"""The files of a run: directed distances, costs, baselines, all curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from behaviordist.store.tables import write_square
from behaviordist.studies.law.tables import Tables
from behaviordist.studies.soft_models.conclude import LAWFUL
from behaviordist.studies.soft_models.runs import Runs
from behaviordist.transfer.runs import write_table

if TYPE_CHECKING:
    from behaviordist.distance.directed import DirectedMatrix


def write_tables(
    runs: Runs, tables: Tables, divergence: Mapping[str, DirectedMatrix], rows: pd.DataFrame
) -> None:
    """Write ``divergences.csv``, ``costs.csv``, ``censored.csv``, predictors, and all curves."""
    folder = runs.folder
    divergence["kl"].save(folder)
    divergence["overlap"].save(folder / "geometries" / "overlap")
    write_square(folder / "costs.csv", tables.costs)
    write_square(folder / "censored.csv", tables.late)
    for name, frame in {**tables.predictors, **tables.baselines}.items():
        write_square(folder / "predictors" / f"{name.replace(' ', '_')}.csv", frame)
    shares = pd.DataFrame({s.name: dict(s.shares or {}) for s in runs.sources}).T
    fitted = {source: kind in LAWFUL for source, kind in tables.kind.items()}
    kinds = pd.DataFrame(
        {
            "kind": pd.Series(tables.kind),
            "copy_of": pd.Series(tables.copies),
            "fitted": pd.Series(fitted),
        }
    )
    write_square(folder / "sources.csv", kinds.reindex(list(tables.kind)).join(shares))
    write_table(folder, rows)
