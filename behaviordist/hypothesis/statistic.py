"""The seam between a statistic and the machinery that permutes and resamples it."""

from __future__ import annotations

from typing import Protocol

from behaviordist.errors import InputError, did_you_mean
from behaviordist.hypothesis.ranks import FloatArray, IntArray
from behaviordist.hypothesis.relabelling import Relabelling
from behaviordist.hypothesis.two_way import TwoWay
from behaviordist.hypothesis.within_target import WithinTarget


class Statistic(Protocol):
    """Agreement of predictors (K, S, T) with costs (S, T); positive where closer is cheaper.

    NaN in either is no pair. A statistic never looks at which labels the rows have.
    """

    @property
    def name(self) -> str:
        """Return the name under which it is reported."""
        ...

    @property
    def removes_source_effects(self) -> bool:
        """Whether good and bad sources are out of it already."""
        ...

    def per_target(self, predictor: FloatArray, cost: FloatArray) -> tuple[FloatArray, IntArray]:
        """Return (T,) values of single targets, NaN where one does not count, and (T,) sources."""
        ...

    def permuted(
        self, predictors: FloatArray, cost: FloatArray, relabelling: Relabelling
    ) -> FloatArray:
        """Return (K, B) values under relabellings of the costs."""
        ...

    def weighted(
        self, predictors: FloatArray, cost: FloatArray, rows: FloatArray, columns: FloatArray
    ) -> FloatArray:
        """Return (K, B) values when behaviors occur `rows` (B, S) and `columns` (B, T) times."""
        ...


STATISTICS: dict[str, Statistic] = {"within-target": WithinTarget(), "two-way": TwoWay()}


def statistic_named(name: str) -> Statistic:
    """Return a statistic; an unknown name raises `InputError` with the nearest known one."""
    if name not in STATISTICS:
        raise InputError(f"unknown statistic '{name}'; {did_you_mean(name, STATISTICS)}")
    return STATISTICS[name]
