"""One test of closer against cheaper, asked of every geometry, cost measure, tau and part."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.record import Estimate, Target
from behaviordist.record.transfers.numbers import Outcome, Tau
from behaviordist.studies.study_file import TestSection
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.matrix import MEASURES, TransferMatrix, split_halves

if TYPE_CHECKING:
    from behaviordist.hypothesis import TransferTest


@dataclass(frozen=True)
class Answer:
    """The statistic, the reliability of the costs it was asked of, and their censored pairs."""

    estimate: Estimate
    split_half: float = math.nan
    n_censored: int = 0


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

    def answer(
        self, name: str, distances: Any, measure: str = "steps", share: float | None = None
    ) -> Answer:
        """Return the answer to one side question, or why it cannot be had."""
        try:
            test = self.test(distances, measure, share)
        except InputError as error:
            return Answer(Estimate(label=name, reason=str(error)))
        half = math.nan if test.split_half is None else test.split_half
        return Answer(_statistic(test).named(name), half, test.n_censored)

    def part(
        self, name: str, distances: Any, targets: Sequence[str], left_out: pd.DataFrame
    ) -> Estimate:
        """Return the statistic of a part of the pairs: some targets, some pairs left out.

        Parameters
        ----------
        name, distances
            As in `answer`.
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
            return Estimate(label=name, reason=str(error))
        return _statistic(test).named(name)

    def numbers(
        self, matrices: Mapping[str, Any], headline: TransferTest | None, sweep: Sequence[float]
    ) -> dict[str, Any]:
        """Return the test's part of a study's `TransferNumbers`, as keywords.

        Parameters
        ----------
        matrices
            Geometry -> distance matrix; the study's own geometry is the first.
        headline
            The pre-stated test; None where it could not be asked.
        sweep
            Shares of the level that could have been tau.
        """
        main = next(iter(matrices.values()))
        measures = {name: self.answer(name, main, name) for name in MEASURES}
        taus = {share: self.answer(f"{share:g} of level", main, share=share) for share in sweep}
        return {
            "outcome": Outcome.of(headline) if headline else None,
            "targets": targets_of(self.table, self.rows, headline.left_out if headline else ()),
            "geometries": tuple(self.answer(k, m).estimate for k, m in matrices.items()),
            "measures": tuple(row.estimate for row in measures.values()),
            "split_half": {name: row.split_half for name, row in measures.items()},
            "sweep": tuple(
                Tau(share=share, estimate=row.estimate, n_censored=row.n_censored)
                for share, row in taus.items()
            ),
        }

    def _settings(self) -> dict[str, Any]:
        return {
            "statistic": self.section.statistic,
            "permutations": self.section.permutations,
            "interval": self.section.interval,
            "bootstrap": self.section.bootstrap,
            "seed": self.seed,
            "units": self.units,
        }


def targets_of(
    table: pd.DataFrame, rows: pd.DataFrame, left_out: Iterable[tuple[str, str]] = ()
) -> tuple[Target, ...]:
    """Return what every target asked and how its runs ended.

    Parameters
    ----------
    table
        One row a run, from `transfer.curves.summarise`.
    rows
        One row an evaluation.
    left_out
        Targets that the study's test left out, and why.
    """
    reasons, targets = dict(left_out), []
    for target, runs in table.groupby("target", sort=False):
        first = rows[rows["target"] == target].iloc[0]
        targets.append(
            Target(
                target=str(target),
                level=first["level"],
                tau=first["tau"],
                budget=int(first["budget"]),
                runs=len(runs),
                censored=int(runs["censored"].sum()),
                left_out=target in reasons,
                reason=reasons.get(str(target), ""),
            )
        )
    return tuple(targets)


def _statistic(test: TransferTest) -> Estimate:
    return Outcome.of(test).statistic
