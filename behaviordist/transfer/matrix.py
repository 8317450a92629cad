"""The transfer matrix: what it costs to turn each behavior into each other one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.store.shown import html_table
from behaviordist.store.tables import read_costs, write_square
from behaviordist.transfer.curves import summarise

MEASURES = ("steps", "samples", "bits", "tokens", "flops", "aulc", "aulc_after_start")
"""Columns of `summarise` that read as a cost."""


@dataclass(frozen=True)
class TransferMatrix:
    """Costs of all ordered pairs, rows = source, columns = target.

    Attributes
    ----------
    costs
        Square frame, mean cost over seeds. Where runs were censored this is the restricted mean
        (RMST): the mean of min(T, budget), which is the area under the Kaplan-Meier curve up to
        the budget when every run is censored there. NaN: not run.
    censored
        Same shape: share of the runs of a cell that never arrived.
    measure
        What is counted, one of `MEASURES`. Samples are training examples; bits are those that
        the examples cost in a prequential code (`curves.code_bits`), the target's own entropy
        included.

    Examples
    --------
    >>> import pandas as pd, behaviordist as bd
    >>> steps = pd.DataFrame([[0, 40], [70, 0]], ["a", "b"], ["a", "b"])
    >>> bd.TransferMatrix(costs=steps, censored=steps > 60).labels
    ('a', 'b')
    """

    costs: pd.DataFrame
    censored: pd.DataFrame
    measure: str = "steps"

    def __repr__(self) -> str:
        sources, targets = self.costs.shape
        return f"TransferMatrix({sources} sources x {targets} targets, {self.measure})"

    def _repr_html_(self) -> str:
        stopped = self.censored.to_numpy(dtype=float) > 0
        rows = (
            (label, *(f"{'>' * bool(s)}{x:.3g}" for x, s in zip(values, late, strict=True)))
            for label, values, late in zip(self.labels, self.costs.to_numpy(), stopped, strict=True)
        )
        note = f"{self.measure} (> censored); rows: source, columns: target"
        return html_table(note, ("", *map(str, self.costs.columns)), rows)

    @property
    def labels(self) -> tuple[str, ...]:
        """Behaviors, in row order."""
        return tuple(map(str, self.costs.index))

    @classmethod
    def load(cls, path: str | Path) -> TransferMatrix:
        """Read a labelled square CSV of costs; a cell like ``>80`` is censored at 80.

        Raises
        ------
        InputError
            As `behaviordist.store.tables.read_costs`.
        """
        costs, censored = read_costs(path)
        return cls(costs, censored)

    @classmethod
    def from_runs(
        cls, runs: pd.DataFrame, labels: Sequence[str], measure: str = "steps"
    ) -> TransferMatrix:
        """Average the runs of `transfer.curves.summarise` over seeds.

        Parameters
        ----------
        runs
            One row a run.
        labels
            Rows and columns of the matrix; a label that is never a target has an empty column.
        measure
            One of `MEASURES`.

        Raises
        ------
        InputError
            If the measure is unknown.
        """
        if measure not in MEASURES:
            raise InputError(f"unknown cost measure '{measure}'; known: {', '.join(MEASURES)}")
        if measure not in runs.columns:
            raise InputError(
                f"these runs did not count {measure}; they have {', '.join(map(str, runs.columns))}"
            )
        return cls(_square(runs, labels, measure), _square(runs, labels, "censored"), measure)

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of the costs as a labelled frame."""
        return self.costs.copy()

    def save(self, folder: Path) -> None:
        """Write ``costs.csv`` and ``censored.csv`` into a folder."""
        write_square(folder / "costs.csv", self.costs)
        write_square(folder / "censored.csv", self.censored)


def split_halves(
    runs: pd.DataFrame, labels: Sequence[str], measure: str = "steps"
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Costs from the even and from the odd seeds (by rank), or None with a single seed."""
    seeds = sorted(runs["seed"].unique())
    if len(seeds) < 2:
        return None
    first, second = (
        TransferMatrix.from_runs(runs[runs["seed"].isin(half)], labels, measure).costs
        for half in (seeds[::2], seeds[1::2])
    )
    return first, second


def scores_at_start(rows: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Score of every source on every target before any training, averaged over seeds."""
    return _square(summarise(rows), labels, "start")


def _square(runs: pd.DataFrame, labels: Sequence[str], column: str) -> pd.DataFrame:
    values = runs.assign(**{column: runs[column].astype(np.float64)})
    table = values.pivot_table(index="source", columns="target", values=column, aggfunc="mean")
    square = table.reindex(index=list(labels), columns=list(labels)).astype(np.float64)
    square.index.name = square.columns.name = None
    return square
