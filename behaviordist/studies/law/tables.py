"""What a study of the law measured: costs, directed distances and baselines, as labelled tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from behaviordist.regimes.declaration import Regime
from behaviordist.store.tables import write_square
from behaviordist.studies.soft import Source

if TYPE_CHECKING:
    from behaviordist.distance.directed import DirectedMatrix

KL, SURPRISE, HELLINGER, START = "KL", "-log overlap", "hellinger", "score at step 0"
WEIGHTS, REVERSE, LABEL = "weights", "reverse KL", "label"


@dataclass(frozen=True)
class Tables:
    """All that the claims are made of; rows = source, columns = target.

    Attributes
    ----------
    costs, late
        Steps to tau (the budget where a run never arrived), and 1.0 where it never did.
    predictors
        That open a function: KL (the primary), -log overlap, hellinger, score at step 0 (as 1
        minus it).
    baselines
        That open none, and the wrong direction: weights, label, reverse KL.
    kind, copies
        Of every source its kind; permuted copy -> original.
    units, strata
        Who is exchangeable: a copy and its original, and the targets of one function, are one
        unit; sources swap inside their kind.
    algorithm
        Of every target.
    once, again
        Costs of one seed of the data, and those of some sources with another.
    """

    costs: pd.DataFrame
    late: pd.DataFrame
    predictors: Mapping[str, pd.DataFrame]
    baselines: Mapping[str, pd.DataFrame]
    kind: Mapping[str, str]
    copies: Mapping[str, str]
    units: Mapping[str, str]
    strata: Mapping[str, str]
    algorithm: Mapping[str, str]
    once: pd.DataFrame
    again: pd.DataFrame

    @property
    def nats(self) -> pd.DataFrame:
        """The primary predictor."""
        return self.predictors[KL]

    @property
    def sources(self) -> pd.DataFrame:
        """One row a source: its kind, and what it is a copy of."""
        kinds = pd.DataFrame({"kind": pd.Series(self.kind), "copy_of": pd.Series(self.copies)})
        return kinds.reindex(list(self.kind))

    def units_in(self, frame: pd.DataFrame) -> dict[str, str]:
        """Return the units of the rows and columns of a frame."""
        labels = {*frame.index, *frame.columns}
        return {label: unit for label, unit in self.units.items() if label in labels}

    def of(self, algorithm: str) -> list[str]:
        """Return the targets of one algorithm."""
        return [t for t in self.costs.columns if self.algorithm[t] == algorithm]

    @property
    def by_algorithm(self) -> list[tuple[str, list[str]]]:
        """Every algorithm with its targets."""
        algorithms = dict.fromkeys(self.algorithm[t] for t in self.costs.columns)
        return [(algorithm, self.of(algorithm)) for algorithm in algorithms]


def measured(
    sources: Sequence[Source],
    regimes: Sequence[Regime],
    runs: pd.DataFrame,
    divergence: Mapping[str, DirectedMatrix],
    hellinger: pd.DataFrame,
    weights: pd.DataFrame,
) -> dict[str, Any]:
    """Return what every study of the law reads off in one way, as keywords of `Tables`.

    Parameters
    ----------
    sources, regimes
        Of the study; targets that did not converge are among the regimes.
    runs
        One row a run, from `transfer.curves.summarise`.
    divergence
        ``kl`` and ``overlap`` of sources and targets, and ``reverse``: KL the other way.
    hellinger, weights
        Symmetric distances with all sources as rows and all targets as columns, among others.
    """
    names, targets = [source.name for source in sources], list(divergence["kl"].targets)
    costs, late, start = (wide(runs, c, names, targets) for c in ("steps", "censored", "start"))
    task = {regime.label: str(regime.task) for regime in regimes}
    same = ("permuted", "grown")
    return {
        "costs": costs,
        "late": late,
        "predictors": {
            KL: divergence["kl"].to_pandas(),
            SURPRISE: divergence["overlap"].surprise.to_pandas(),
            HELLINGER: hellinger.loc[names, targets],
            START: 1 - start,
        },
        "baselines": {
            WEIGHTS: weights.loc[names, targets],
            LABEL: main_label({s.name: s.shares for s in sources}, {t: task[t] for t in targets}),
            REVERSE: divergence["reverse"].to_pandas().T,
        },
        "kind": {s.name: s.kind for s in sources},
        "copies": {s.name: s.copy_of for s in sources if s.kind in same},
        "units": {s.name: s.copy_of or s.name for s in sources}
        | {t: f"to {task[t]}" for t in targets},
        "algorithm": {regime.label: regime.algorithm for regime in regimes},
    }


def write_measured(folder: Path, tables: Tables, divergence: Mapping[str, DirectedMatrix]) -> None:
    """Write ``divergences.csv``, ``costs.csv``, ``censored.csv``, the overlap, and predictors."""
    divergence["kl"].save(folder)
    divergence["overlap"].save(folder / "geometries" / "overlap")
    write_square(folder / "costs.csv", tables.costs)
    write_square(folder / "censored.csv", tables.late)
    for name, frame in {**tables.predictors, **tables.baselines}.items():
        write_square(folder / "predictors" / f"{name.replace(' ', '_')}.csv", frame)


def told(number: Any) -> str:
    """Return a correlation with its interval, as a cell shows it."""
    return f"{number.value:.2f} [{number.ci_low:.2f}, {number.ci_high:.2f}]".replace("-", "−")


def main_label(
    shares: Mapping[str, Mapping[str, float] | None], task: Mapping[str, str]
) -> pd.DataFrame:
    """Return 0 where a target's task has the largest of a source's shares, else 1.

    `shares` are those of every source (None where it has none), `task` is that of every target.
    """
    main = {source: max(own, key=own.__getitem__) if own else "" for source, own in shares.items()}
    rows = [[float(main[source] != one) for one in task.values()] for source in shares]
    return pd.DataFrame(rows, list(shares), list(task))


def wide(
    table: pd.DataFrame,
    column: str,
    rows: list[str] | None = None,
    columns: list[str] | None = None,
) -> pd.DataFrame:
    """Return one column of a table of runs as sources by targets: all, or those named."""
    frame = table.pivot_table(index="source", columns="target", values=column, aggfunc="mean")
    frame = frame.astype(np.float64).rename_axis(index=None, columns=None)
    return frame.reindex(index=rows, columns=columns)
