"""The seam between a statistic and the machinery that permutes and resamples it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from behaviordist.errors import InputError, did_you_mean
from behaviordist.hypothesis.permutation.ranks import FloatArray, IntArray
from behaviordist.hypothesis.permutation.relabelling import Relabelling
from behaviordist.hypothesis.statistics import measures
from behaviordist.hypothesis.statistics.pair_noise import CHOICE, PairNoise
from behaviordist.hypothesis.statistics.two_way import TwoWay
from behaviordist.hypothesis.statistics.within_target import WithinTarget, WithinTargetSpearman


class Statistic(Protocol):
    """Agreement of predictors (K, S, T) with costs (S, T); positive where closer is cheaper.

    NaN in either is no pair. A statistic never looks at which labels the rows have.
    """

    @property
    def name(self) -> str:
        """Return the name under which it is reported."""
        ...

    @property
    def correlation(self) -> bool:
        """Whether values are correlations, in [-1, 1] with 0 for no relation."""
        ...

    @property
    def removes_source_effects(self) -> bool:
        """Whether good and bad sources are out of it already."""
        ...

    @property
    def pair_noise(self) -> PairNoise:
        """How its jackknife counts the noise of single pairs."""
        ...

    def per_target(self, predictor: FloatArray, cost: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return (T,) values of single targets, NaN where one does not count, and (T,) sources."""
        ...

    def permuted(
        self, predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
    ) -> FloatArray:
        """Return (K, B) values under relabellings of the costs."""
        ...

    def kept(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return (K, B) values when only some `rows` (B, S) and `columns` (B, T) are kept (0/1)."""
        ...

    def pair_effects(self, predictors: FloatArray, cost: FloatArray) -> FloatArray:
        """Return (K, S, T) what each single pair adds to the value, about; 0 where there is none.

        Their squares sum to the jackknife's variance over pairs.
        """
        ...


@runtime_checkable
class Resampled(Protocol):
    """A statistic that also knows samples in which a behavior occurs several times."""

    def resampled(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return (K, B) values when behaviors occur `rows` (B, S) and `columns` (B, T) times."""
        ...


def _choice(name: str, measure: measures.Measure) -> WithinTarget:
    """Return a statistic that looks at the nearest sources only."""
    return WithinTarget(name, measure, correlation=False, pair_noise=CHOICE)


STATISTICS: dict[str, Statistic] = {
    "within-target": WithinTargetSpearman(),
    "kendall": WithinTarget("within-target kendall tau-b", measures.kendall),
    "weighted-tau": WithinTarget("within-target cost-weighted tau", measures.weighted_tau),
    "scipy-weighted-tau": WithinTarget(
        "within-target weighted tau (scipy)", measures.scipy_weighted_tau
    ),
    "two-way": TwoWay(),
    "ndcg": WithinTarget("within-target ndcg", measures.ndcg, correlation=False),
    "saving@1": _choice("saving at 1", measures.Saving(1)),
    "saving@3": _choice("saving at 3", measures.Saving(3)),
    "percentile@1": _choice("percentile at 1", measures.Percentile(1)),
    "percentile@3": _choice("percentile at 3", measures.Percentile(3)),
}


def statistic_named(name: str) -> Statistic:
    """Return a statistic; an unknown name raises `InputError` with the nearest known one."""
    if name not in STATISTICS:
        raise InputError(f"unknown statistic '{name}'; {did_you_mean(name, STATISTICS)}")
    return STATISTICS[name]
