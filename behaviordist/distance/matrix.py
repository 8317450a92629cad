"""DistanceMatrix: labelled squared distances with standard errors."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.distance.intervals import SIDE, cautions, evidence, interval_end
from behaviordist.distance.matrix_files import NPZ, opened_npz, write_matrix
from behaviordist.distance.matrix_html import matrix_html
from behaviordist.distance.states import APART, PairStates, decide
from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.arrays import BoolArray, Float64Array

if TYPE_CHECKING:
    import pandas as pd
    import skbio
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class DistanceMatrix:
    """Squared distances of N behaviors, with uncertainty.

    Parameters
    ----------
    labels
        N different names.
    squared
        (N, N) squared distances, symmetric, diagonal 0. Unbiased estimates may be slightly
        negative.
    squared_standard_errors
        (N, N) standard errors of `squared`; NaN where unknown.
    degrees_of_freedom
        (N, N) degrees of freedom of those errors; infinite by default.
    floor
        (N, N) or scalar squared noise floor: what the same behavior, run again, differs by.
    floor_standard_errors
        (N, N) or scalar standard errors of `floor`.
    limits
        (N, N) upper limits of `squared` that hold for all pairs together with probability 97.5 %,
        whatever the shape; NaN where unknown (`innerproduct.limits.pair_limits`).
    skewness
        (N, N) skewness of the estimates (that of per-probe values over the root of their number);
        intervals are corrected for it. 0 where unknown.
    differs
        (N, N) whether two behaviors without noise of their own differ, by more than rounding, at
        any probe; None where runs of one behavior differ, or it was not looked at.
    metadata
        JSON-able: geometry, probes, references, notes.

    Raises
    ------
    InputError
        On wrong shapes, duplicate labels, or a matrix that is not symmetric.

    Examples
    --------
    >>> import behaviordist as bd
    >>> bd.DistanceMatrix(("a", "b"), [[0, 4], [4, 0]], [[0, 0.4], [0.4, 0]]).distances[0, 1]
    np.float64(2.0)
    """

    labels: tuple[str, ...]
    squared: Float64Array
    squared_standard_errors: Float64Array
    degrees_of_freedom: Float64Array | float = np.inf
    floor: Float64Array | float = 0.0
    floor_standard_errors: Float64Array | float = 0.0
    limits: Float64Array | float = np.nan
    skewness: Float64Array | float = 0.0
    differs: BoolArray | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.labels)
        object.__setattr__(self, "labels", tuple(self.labels))
        for name in _ARRAYS:
            value = np.array(np.broadcast_to(getattr(self, name), (n, n)), dtype=np.float64)
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if len(set(self.labels)) != n:
            twice = next(x for x in self.labels if self.labels.count(x) > 1)
            raise InputError(f"label '{twice}' occurs twice; give every behavior its own label")
        if not np.allclose(self.squared, self.squared.T, equal_nan=True):
            raise InputError("squared distances are not symmetric")
        if np.any(np.diagonal(self.squared) != 0):
            raise InputError("the diagonal of the squared distances is not zero")

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def distances(self) -> Float64Array:
        """(N, N) distances, sqrt(max(0, squared))."""
        return np.asarray(np.sqrt(np.maximum(self.squared, 0)))

    @cached_property
    def standard_errors(self) -> Float64Array:
        """(N, N) standard errors of the distances, by the delta method: se(d^2) / (2 d).

        The tangent is useless near zero; the error never exceeds sqrt(se(d^2)), the distance that
        a true zero would show at one standard error.
        """
        error = self.squared_standard_errors
        with np.errstate(divide="ignore", invalid="ignore"):
            tangent = np.where(error == 0, 0.0, error / (2 * self.distances))
        return np.asarray(np.minimum(tangent, np.sqrt(error)))

    @property
    def indistinguishable(self) -> BoolArray:
        """(N, N) deprecated: pairs that are not `apart`, the diagonal among them; see `states`."""
        warnings.warn(
            "`indistinguishable` says 'not shown to be apart', which is not sameness; use `states`",
            DeprecationWarning,
            stacklevel=2,
        )
        return ~self.states().are(APART)

    def states(self, margin: float | None = None) -> PairStates:
        """Say of every pair whether it is apart, the same within a margin, or undecided.

        Parameters
        ----------
        margin
            The distance that does not matter; default the one the matrix was measured with
            (``metadata["margin"]``), or none: then no pair is called the same.

        Raises
        ------
        InputError
            If the margin is not above 0.
        """
        error = np.hypot(self.squared_standard_errors, self.floor_standard_errors)
        limits = np.asarray(self.limits)
        exact = bool(np.isfinite(limits[~np.eye(len(self), dtype=bool)]).any())
        return decide(
            self.labels,
            self.squared,
            evidence(self.squared - self.floor, error, np.asarray(self.degrees_of_freedom)),
            self.differs,
            # Intervals that hold together (Bonferroni), where no limits were taken.
            limits if exact else self._end(SIDE / max(len(self) * (len(self) - 1) // 2, 1)),
            self.metadata.get("margin") if margin is None else margin,
            n_probes=self.metadata.get("n_probes"),
            exact_limits=exact,
        )

    def interval(self, level: float = 0.95) -> tuple[Float64Array, Float64Array]:
        """Return (low, high) of the squared distance, each (N, N), for every pair by itself.

        Student's t, corrected for the skewness of the estimate (`distance.intervals`); `cautions`
        says where that is not enough.
        """
        tail = (1 - level) / 2
        return self._end(1 - tail), self._end(tail)

    def cautions(self) -> tuple[str, ...]:
        """Return what a reader of the intervals should know, a sentence each."""
        freedom = float(np.min(self.degrees_of_freedom, initial=np.inf))
        return cautions(np.asarray(self.skewness), freedom, self.metadata)

    def select(self, labels: Sequence[str]) -> DistanceMatrix:
        """Return the matrix of some of the behaviors, in the given order.

        Raises
        ------
        InputError
            If a label is unknown.
        """
        for label in labels:
            if label not in self.labels:
                raise InputError(f"no behavior '{label}': {did_you_mean(label, self.labels)}")
        at = np.ix_(*[[self.labels.index(label) for label in labels]] * 2)
        parts = {name: getattr(self, name)[at] for name in _ARRAYS}
        differs = None if self.differs is None else self.differs[at]
        return replace(self, labels=tuple(labels), differs=differs, **parts)

    def with_floor(
        self, floor: Float64Array | float, standard_error: Float64Array | float = 0.0
    ) -> DistanceMatrix:
        """Return the same matrix with another squared noise floor, and the error of that floor.

        A floor above the present one says that runs of one behavior differ: then a difference at
        some probe does not make two behaviors apart, the interval above the floor does.
        """
        noisy = bool(np.any(np.asarray(floor) > self.floor))
        return replace(
            self,
            floor=floor,
            floor_standard_errors=standard_error,
            differs=None if noisy else self.differs,
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return the distances (not squared) as a labelled frame."""
        return self._frame(self.distances)

    def to_skbio(self) -> skbio.DistanceMatrix:
        """Return the distances as a scikit-bio DistanceMatrix (PERMANOVA, Mantel, PCoA, ...)."""
        return scikit_bio().DistanceMatrix(np.array(self.distances), list(self.labels))

    def save(self, path: str | Path) -> None:
        """Write a ``.npz`` file, or into a folder: four CSV files and ``distances.npz``.

        ``distances.csv`` (not squared), ``standard_errors.csv``, ``states.csv`` (apart, same,
        undecided, missing; empty on the diagonal), and for older readers ``indistinguishable.csv``
        (1 where a pair is not apart). Each file is written atomically.
        """
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.differs is not None:
            arrays["differs"] = self.differs
        inputs = {"labels": list(self.labels), "metadata": self.metadata}
        text = np.array(json.dumps(self.metadata, sort_keys=True))
        parts = {"labels": np.array(self.labels), "metadata": text, **arrays}
        write_matrix(Path(path), NPZ, self._tables, inputs, parts)

    @staticmethod
    def load(path: str | Path) -> DistanceMatrix:
        """Read what `save` wrote: the ``.npz`` file, or the folder that holds it.

        Raises
        ------
        InputError
            If it is missing, truncated or something else.
        """
        with opened_npz(Path(path), NPZ, "distances", "distance matrix") as file:
            names = (*_ARRAYS[:4], *(n for n in (*_ARRAYS[4:], "differs") if n in file))
            labels, metadata = tuple(file["labels"].tolist()), json.loads(str(file["metadata"]))
            return DistanceMatrix(labels, metadata=metadata, **{n: file[n] for n in names})

    @overload
    def heatmap(self, ax: None = None, path: str | Path | None = None, **look: Any) -> Figure: ...
    @overload
    def heatmap(self, ax: Axes, path: str | Path | None = None, **look: Any) -> Axes: ...
    def heatmap(
        self, ax: Axes | None = None, path: str | Path | None = None, **look: Any
    ) -> Figure | Axes:
        """Draw the matrix in clustered order; write it to `path` (.png, .svg, .pdf) if given.

        `look`: title, palette, full_range, groups, as `distance.heatmap.draw_heatmap` has them.
        The figure shows itself as a cell's last line; with `ax`, that is returned.
        """
        from behaviordist.distance.heatmap import draw_heatmap, save_figure

        figure = draw_heatmap(self, ax=ax, **look)
        if path is not None:
            save_figure(figure, Path(path))
        return figure if ax is None else ax

    def _tables(self) -> dict[str, pd.DataFrame]:
        states = self.states()
        return {
            "distances.csv": self.to_pandas(),
            "standard_errors.csv": self._frame(self.standard_errors),
            "states.csv": states.to_pandas(),
            "indistinguishable.csv": self._frame((~states.are(APART)).astype(np.float64)),
        }

    def _frame(self, values: NDArray[Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(np.array(values), index=list(self.labels), columns=list(self.labels))

    def _end(self, quantile: float) -> Float64Array:
        freedom, skewness = np.asarray(self.degrees_of_freedom), np.asarray(self.skewness)
        errors = self.squared_standard_errors
        return interval_end(self.squared, errors, freedom, skewness, quantile)

    def __repr__(self) -> str:
        return f"DistanceMatrix({len(self)} behaviors, {self.metadata.get('geometry', '')})"

    def _repr_html_(self) -> str:
        geometry = str(self.metadata.get("geometry", ""))
        tables = (self.distances, self.standard_errors, self.states().table)
        return matrix_html(self.labels, *tables, geometry)


_ARRAYS = (
    "squared",
    "squared_standard_errors",
    "degrees_of_freedom",
    "floor",
    "floor_standard_errors",
    "limits",
    "skewness",
)
