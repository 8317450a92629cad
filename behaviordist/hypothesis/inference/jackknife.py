"""Leave one unit out at a time: the spread of a statistic over what was sampled.

Units that are sources and targets are left out altogether, row and column. Where sources and
targets are different things, they are two samples: each side is left out on its own, and the
variances are added (the two-way jackknife; Owen 2007, Ann. Appl. Stat. 1:386), with the degrees of
freedom of Satterthwaite (1946). A unit on both sides of such a table brings the square of its sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, IntArray
from behaviordist.hypothesis.permutation.relabelling import units_of
from behaviordist.hypothesis.statistics.pair_noise import PairNoise

AS_IT_IS = PairNoise(excess=0.0, floor=1.0)
FEWEST = 2.8


@dataclass(frozen=True)
class Jackknife:
    """What is left out in turn.

    Attributes
    ----------
    rows, columns
        (B, S) and (B, T) 1 for what stays, 0 for what is left out.
    unit
        (B,) Which unit is left out, as a number below U.
    side
        (B,) Of which sample it is left out: 0 the first (sources, or both sides), 1 the targets.
    """

    rows: FloatArray
    columns: FloatArray
    unit: IntArray
    side: IntArray

    @property
    def sides(self) -> list[BoolArray]:
        """(B,) For each sample, which of the values without a unit are its own."""
        return [self.side == side for side in np.unique(self.side)]

    def variance(
        self, without: FloatArray, noise: FloatArray | float = 0.0, counted: PairNoise = AS_IT_IS
    ) -> tuple[FloatArray, FloatArray]:
        """Return variance and degrees of freedom (K,), NaN where a side has a single unit.

        Parameters
        ----------
        without
            (K, B) values without each unit.
        noise
            (K,) variance P that the noise of single pairs gives the statistic; 0 does not correct.
        counted
            How the jackknife counts that noise where a unit is left out of both sides at once.

        Notes
        -----
        Of two samples, ``V = V_S + V_T`` holds P twice and each part holds it once: the variance
        is ``max(V - P, V_S, V_T)``, and its degrees of freedom are
        ``max(V - P, V_S, V_T)^2 / (V_S^2 / (S - 1) + V_T^2 / (T - 1))``, at least the smaller.
        """
        parts = [self._influence(without, left) for left in self.sides]
        freedom = np.array([int(left.sum()) - 1 for left in self.sides], dtype=np.float64)
        if freedom.min() < 1:
            return np.full(len(without), np.nan), np.full(len(without), np.nan)
        variance = (np.sum(parts, axis=0) ** 2).sum(axis=1)
        if len(parts) == 1:
            # Of four units P is known so badly that only three tenths of V may go.
            floor = max(counted.floor, FEWEST / (freedom[0] + 1)) if counted.excess else 1.0
            corrected = np.maximum(variance - counted.excess * noise, floor * variance)
            return corrected, np.full(len(without), freedom[0])
        each = np.stack([(part**2).sum(axis=1) for part in parts])
        corrected = np.maximum(variance - noise, each.max(axis=0))
        share = each / np.maximum(corrected, np.finfo(float).tiny)
        spent = (share**2 / freedom[:, None]).sum(axis=0)
        pooled = np.clip(1 / np.maximum(spent, 1e-12), freedom.min(), freedom.sum())
        return corrected, pooled

    def half_width(
        self,
        without: FloatArray,
        noise: FloatArray | float,
        counted: PairNoise,
        level: float = 0.95,
    ) -> FloatArray:
        """Half width (K,) of Student's t interval; arguments as of `variance`."""
        variance, freedom = self.variance(without, noise, counted)
        return np.asarray(stats.t.ppf((1 + level) / 2, freedom) * np.sqrt(variance))

    def kept(self, pairs: BoolArray) -> Iterator[BoolArray]:
        """Yield which of some pairs (S, T) stay, for each unit that is left out."""
        for rows, columns in zip(self.rows > 0, self.columns > 0, strict=True):
            yield pairs & rows[:, None] & columns[None, :]

    def _influence(self, without: FloatArray, left: BoolArray) -> FloatArray:
        """(K, U) Deviations whose squares sum to the jackknife's variance over one sample."""
        influence = np.zeros((len(without), int(self.unit.max()) + 1))
        values = without[:, left]
        n = values.shape[1]
        centred = values - values.mean(axis=1, keepdims=True)
        influence[:, self.unit[left]] = np.sqrt((n - 1) / n) * centred
        return influence


def jackknife_of(
    sources: Sequence[str], targets: Sequence[str], units: Mapping[str, str] | None = None
) -> Jackknife:
    """Return what to leave out: whole units, or those of each side where the sides differ.

    Parameters
    ----------
    sources, targets
        Labels of rows (S) and columns (T).
    units
        Unit of each label; default: each label is one.
    """
    rows, columns = map(np.array, units_of(sources, targets, units))
    names = list(dict.fromkeys([*rows, *columns]))
    number = {name: i for i, name in enumerate(names)}
    if set(rows) == set(columns):
        left = [(name, name, 0) for name in names]
    else:
        left = [(name, None, 0) for name in dict.fromkeys(rows)]
        left += [(None, name, 1) for name in dict.fromkeys(columns)]
    return Jackknife(
        np.array([np.ones(len(rows)) if r is None else (rows != r).astype(float)
                  for r, _, _ in left]),
        np.array([np.ones(len(columns)) if c is None else (columns != c).astype(float)
                  for _, c, _ in left]),
        np.array([number[r if r is not None else str(c)] for r, c, _ in left], dtype=np.intp),
        np.array([side for _, _, side in left], dtype=np.intp),
    )  # fmt: skip
