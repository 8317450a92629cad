"""What a study of the law measured: costs, directed distances and baselines, as labelled tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

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

    def of(self, algorithm: str) -> list[str]:
        """Return the targets of one algorithm."""
        return [t for t in self.costs.columns if self.algorithm[t] == algorithm]

    @property
    def by_algorithm(self) -> list[tuple[str, list[str]]]:
        """Every algorithm with its targets."""
        algorithms = dict.fromkeys(self.algorithm[t] for t in self.costs.columns)
        return [(algorithm, self.of(algorithm)) for algorithm in algorithms]


def main_label(
    shares: Mapping[str, Mapping[str, float] | None], task: Mapping[str, str]
) -> pd.DataFrame:
    """Return 0 where a target's task has the largest of a source's shares, else 1.

    `shares` are those of every source (None where it has none), `task` is that of every target.
    """
    main = {source: max(own, key=own.__getitem__) if own else "" for source, own in shares.items()}
    rows = [[float(main[source] != one) for one in task.values()] for source in shares]
    return pd.DataFrame(rows, list(shares), list(task))


def wide(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return one column of a table of runs as sources by targets."""
    frame = table.pivot_table(index="source", columns="target", values=column, aggfunc="mean")
    return frame.astype(np.float64).rename_axis(index=None, columns=None)
