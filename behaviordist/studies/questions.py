"""One test of closer against cheaper, asked of every geometry, cost measure, tau and part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.studies.study_file import TestSection
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.matrix import TransferMatrix, split_halves

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest

HEAD = ("value", "ci_low", "ci_high", "p_value")


@dataclass(frozen=True)
class Questions:
    """The transfer runs of a study, and the settings by which every question is asked of them.

    Attributes
    ----------
    section
        The ``test`` section of the study's file.
    seed
        Of permutations and bootstrap.
    rows
        One row an evaluation of a transfer run.
    labels
        Rows and columns of the cost matrix: behaviors, then references.
    units
        Unit of each behavior, where some share a function or a base; None: each is its own.
    """

    section: TestSection
    seed: int
    rows: pd.DataFrame
    labels: Sequence[str]
    units: Mapping[str, str] | None = None

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a run, at the study's tau."""
        return summarise(self.rows)

    def test(
        self,
        distances: Any,
        measure: str = "steps",
        share: float | None = None,
        baselines: Mapping[str, pd.DataFrame] | None = None,
        predictors: Mapping[str, pd.DataFrame] | None = None,
    ) -> TransferTest:
        """Return the test of distance against one measure of cost.

        Parameters
        ----------
        distances
            A distance matrix with every label.
        measure
            Of `transfer.matrix.MEASURES`.
        share
            tau as a share of the target's level; None: the study's tau.
        baselines, predictors
            Name -> predictor of cost, larger = expected dearer; baselines open no function.

        Raises
        ------
        InputError
            Too few behaviors or costs are left for a test.
        """
        from behaviordist.hypothesis import VerdictRule, transfer_test

        table = self.table if share is None else summarise(self.rows, share)
        costs = TransferMatrix.from_runs(table, self.labels, measure)
        halves = split_halves(table, self.labels, measure)
        return transfer_test(
            distances,
            costs,
            baselines=baselines,
            predictors=predictors,
            censored=costs.censored if measure == "steps" else None,
            halves=None if halves is None else [halves],
            rule=VerdictRule(**self.section.rule.model_dump()),
            **self._settings(),
        )

    def headline(
        self,
        distances: Any,
        baselines: Mapping[str, pd.DataFrame],
        predictors: Mapping[str, pd.DataFrame] | None = None,
    ) -> tuple[TransferTest | None, str]:
        """Return the pre-stated test of mean steps; or None, and why it cannot be asked."""
        try:
            return self.test(distances, baselines=baselines, predictors=predictors), ""
        except InputError as error:
            return None, str(error)

    def row(
        self, name: str, distances: Any, measure: str = "steps", share: float | None = None
    ) -> dict[str, Any]:
        """Return one row of a side table, or a row of nulls with the reason it cannot be had."""
        try:
            test = self.test(distances, measure, share)
        except InputError as error:
            return {"name": name, **dict.fromkeys((*HEAD, "split_half")), "reason": str(error)}
        counts = {"n_targets": test.n_targets, "n_censored": test.n_censored}
        return {"name": name, **_head(test), **counts, "split_half": test.split_half}

    def part(
        self, name: str, distances: Any, targets: Sequence[str], left_out: pd.DataFrame
    ) -> dict[str, Any]:
        """Return the row of a part of the pairs: some targets, some pairs left out.

        Parameters
        ----------
        name, distances
            As in `row`.
        targets
            Columns that are asked.
        left_out
            Square boolean frame over the behaviors; true cells are no pairs of this part.
        """
        from behaviordist.hypothesis import transfer_test

        behaviors = list(left_out.index)
        costs = TransferMatrix.from_runs(self.table, behaviors).costs.mask(left_out.to_numpy())
        distances = distances.to_pandas().loc[behaviors, targets]
        try:
            test = transfer_test(distances, costs[targets], **self._settings())
        except InputError as error:
            return {"name": name, "value": None, "reason": str(error)}
        return {"name": name, **_head(test), "n_targets": test.n_targets, "n_pairs": test.n_pairs}

    def _settings(self) -> dict[str, Any]:
        asked = self.section
        return {
            "statistic": asked.statistic,
            "permutations": asked.permutations,
            "interval": asked.interval,
            "bootstrap": asked.bootstrap,
            "seed": self.seed,
            "units": self.units,
        }


def _head(test: TransferTest) -> dict[str, Any]:
    statistic = test.to_json()["statistic"]
    return {key: statistic[key] for key in HEAD}
