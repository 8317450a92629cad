"""DirectedMatrix: labelled directed distances, rows = source, columns = target."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.intervals import SIDE, evidence
from behaviordist.distance.matrix_files import DIRECTED, opened_npz, write_matrix
from behaviordist.distance.states import APART, SAME, UNDECIDED
from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.arrays import BoolArray, Float64Array
from behaviordist.innerproduct.directed import surprise
from behaviordist.store.shown import html_table
from behaviordist.store.step_down import holm

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

CSV, ERRORS = "divergences.csv", "divergence_errors.csv"
GEOMETRIES = ("kl", "overlap")
SURPRISE = "-log overlap"


@dataclass(frozen=True, eq=False)
class DirectedMatrix:
    """Directed distances of S sources from T targets, with uncertainty.

    Parameters
    ----------
    sources, targets
        Names of rows and of columns; each different among themselves.
    values
        (S, T): KL(f_B || f_A) in nats (an answer, a token, a byte: ``metadata["per"]``), or the
        overlap, a probability. Infinite where a source gives an answer of the target probability
        zero; NaN where unknown.
    standard_errors
        (S, T), same unit; NaN where unknown.
    geometry
        ``"kl"`` or ``"overlap"``.
    degrees_of_freedom
        (T,) or scalar, of the errors.
    cross_entropy
        Targets known by their answers alone: their column of a KL matrix is a cross-entropy,
        larger than KL by the target's own entropy. It ranks sources; it is no distance.
    floor
        Scalar or (S, T): the value that rounding gives a behavior from itself.
    gap_errors
        (S, T): standard error of the difference from the column's nearest other source, paired over
        inputs (`nearest.gaps`); NaN where unknown.
    metadata
        JSON-able: probes, answers, notes.

    Raises
    ------
    InputError
        On wrong shapes, names that occur twice, or an unknown geometry.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> nats, errors = np.array([[0.0, 1.5], [0.3, 0.0]]), np.array([[0.0, 0.1], [0.1, 0.0]])
    >>> bd.DirectedMatrix(("a", "b"), ("a", "b"), nats, errors, "kl").to_pandas().loc["a", "b"]
    np.float64(1.5)
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    values: Float64Array
    standard_errors: Float64Array
    geometry: str = "kl"
    degrees_of_freedom: Float64Array | float = np.inf
    cross_entropy: tuple[str, ...] = ()
    floor: Float64Array | float = 0.0
    gap_errors: Float64Array | float = np.nan
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("sources", "targets", "cross_entropy"):
            object.__setattr__(self, name, tuple(map(str, getattr(self, name))))
        shape = (len(self.sources), len(self.targets))
        for name in _ARRAYS:
            try:
                value = np.array(np.broadcast_to(getattr(self, name), shape), dtype=np.float64)
            except ValueError:
                raise InputError(f"{name} must be {shape}, sources by targets") from None
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        for names, what in ((self.sources, "source"), (self.targets, "target")):
            twice = next((x for x in names if names.count(x) > 1), None)
            if twice is not None:
                raise InputError(f"{what} '{twice}' occurs twice; give each its own name")
        if self.geometry not in GEOMETRIES:
            raise InputError(
                f"no directed geometry '{self.geometry}'; known: {', '.join(GEOMETRIES)}"
            )

    @property
    def labels(self) -> tuple[str, ...]:
        """Names that are both a source and a target, in the sources' order."""
        return tuple(x for x in self.sources if x in self.targets)

    @property
    def diagonal(self) -> BoolArray:
        """(S, T) where source and target are one behavior."""
        return np.array([[a == b for b in self.targets] for a in self.sources])

    def interval(self, level: float = 0.95) -> tuple[Float64Array, Float64Array]:
        """Return (low, high) of the values, by Student's t, each (S, T)."""
        from scipy.stats import t

        df = np.maximum(self.degrees_of_freedom, 1)
        half = t.ppf(0.5 + level / 2, df) * self.standard_errors
        return self.values - half, self.values + half

    @property
    def tested(self) -> BoolArray:
        """(T,) whether a column's pairs can be apart: those of a KL alone have a floor, 0."""
        kl = self.geometry == "kl" and self.metadata.get("quantity") != SURPRISE
        return np.array([kl and t not in self.cross_entropy for t in self.targets], dtype=bool)

    def states(self, margin: float | None = None) -> NDArray[np.str_]:
        """Return (S, T) of ``apart``, ``same``, ``undecided``, that hold together.

        A pair of a KL matrix is apart where it lies above the floor by Student's t (an infinite
        divergence does), the same where it lies below `margin` nats; each at 2.5 % in all, by
        Holm's step-down over the pairs of different behaviors. The others are undecided, and so is
        every pair of a column that is not `tested`.
        """
        states = np.full(self.values.shape, UNDECIDED, dtype="<U9")
        cells = self.tested[None, :] & ~self.diagonal & ~np.isposinf(self.values)
        states[cells] = np.where(
            self._below(-self.values, -np.asarray(self.floor), cells), APART, UNDECIDED
        )
        if margin is not None:
            limit = np.full(self.values.shape, margin)
            states[cells] = np.where(self._below(self.values, limit, cells), SAME, states[cells])
        states[np.isposinf(self.values) & self.tested[None, :]] = APART
        states[self.diagonal & (self.values == 0) & self.tested[None, :]] = SAME
        return states

    def _below(self, values: Float64Array, limits: Float64Array, cells: BoolArray) -> BoolArray:
        """Return of the cells asked which lie below their limits, all of them at `SIDE`."""
        freedom = np.maximum(np.asarray(self.degrees_of_freedom)[cells], 1)
        gaps = (limits - values)[cells]
        return holm(evidence(gaps, self.standard_errors[cells], freedom)) <= SIDE

    @cached_property
    def surprise(self) -> DirectedMatrix:
        """-log overlap, nats: an expected reward as a distance. Of an overlap matrix alone."""
        if self.geometry != "overlap":
            raise InputError("surprise is -log of an overlap; this matrix holds KL divergences")
        values, errors = surprise(self.values, self.standard_errors)
        return replace(
            self,
            values=values,
            standard_errors=errors,
            geometry="kl",
            gap_errors=np.nan,
            metadata={**self.metadata, "quantity": SURPRISE},
        )

    @property
    def symmetric(self) -> pd.DataFrame:
        """(M + M^T) / 2 over the names that are both source and target; KL: half of Jeffreys."""
        square = self._square()
        return (square + square.T) / 2

    @property
    def antisymmetric(self) -> pd.DataFrame:
        """(M - M^T) / 2: positive where the row is surprised by the column more than it by it."""
        square = self._square()
        return (square - square.T) / 2

    def select(self, sources: tuple[str, ...], targets: tuple[str, ...]) -> DirectedMatrix:
        """Return the matrix of some sources and targets, in the given order.

        Raises
        ------
        InputError
            If a name is unknown.
        """
        for names, known in ((sources, self.sources), (targets, self.targets)):
            for name in names:
                if name not in known:
                    raise InputError(f"no behavior '{name}': {did_you_mean(name, known)}")
        at = np.ix_(
            [self.sources.index(s) for s in sources], [self.targets.index(t) for t in targets]
        )
        arrays = {name: getattr(self, name)[at] for name in _ARRAYS}
        # Differences from a nearest source that is left out say nothing of those that stay.
        left = [i for i, name in enumerate(self.sources) if name not in sources]
        gone = (self.gap_errors[left] == 0).any(axis=0)[at[1][0]]  # type: ignore[index]
        arrays["gap_errors"] = np.where(gone, np.nan, arrays["gap_errors"])
        return replace(
            self,
            sources=tuple(sources),
            targets=tuple(targets),
            cross_entropy=tuple(t for t in self.cross_entropy if t in targets),
            **arrays,
        )

    def renamed(self, names: Mapping[str, str]) -> DirectedMatrix:
        """Return the matrix with some of its behaviors called otherwise."""
        sources, targets, known_by_answers = (
            tuple(names.get(x, x) for x in group)
            for group in (self.sources, self.targets, self.cross_entropy)
        )
        return replace(self, sources=sources, targets=targets, cross_entropy=known_by_answers)

    def to_pandas(self) -> pd.DataFrame:
        """Return the values as a labelled frame, rows = source."""
        return self._frame(self.values)

    def save(self, path: str | Path) -> None:
        """Write a ``.npz`` file, or into a folder `CSV`, `ERRORS` and `DIRECTED`, atomically."""
        names = ("sources", "targets", "geometry", "cross_entropy", "metadata")
        said = {name: getattr(self, name) for name in names}
        text = np.array(json.dumps(said, sort_keys=True))
        arrays = {"said": text, **{name: getattr(self, name) for name in _ARRAYS}}
        write_matrix(
            Path(path),
            DIRECTED,
            lambda: {CSV: self.to_pandas(), ERRORS: self._frame(self.standard_errors)},
            said,
            arrays,
        )

    @staticmethod
    def load(path: str | Path) -> DirectedMatrix:
        """Read what `save` wrote: the ``.npz`` file, or the folder that holds it.

        Raises
        ------
        InputError
            If it is missing, truncated or something else.
        """
        with opened_npz(Path(path), DIRECTED, "divergences", "matrix of divergences") as file:
            kept = [name for name in _ARRAYS if name in file.files or name != "gap_errors"]
            said = dict(json.loads(str(file["said"])))
            return DirectedMatrix(**said, **{name: file[name] for name in kept})

    def __repr__(self) -> str:
        shape = f"{len(self.sources)} sources x {len(self.targets)} targets"
        return f"DirectedMatrix({shape}, {self.geometry})"

    def _repr_html_(self) -> str:
        per = f" per {self.metadata['per']}" if "per" in self.metadata else ""
        unit = "overlap" if self.geometry == "overlap" else f"nats{per}"
        rows = (
            (a, *(f"{x:.3g} ± {e:.2g}" for x, e in zip(values, errors, strict=True)))
            for a, values, errors in zip(
                self.sources, self.values, self.standard_errors, strict=True
            )
        )
        return html_table(f"{unit} ± standard error; rows: source", ("", *self.targets), rows)

    def heatmap(self, path: str | Path | None = None, **look: Any) -> Figure:
        """Draw the matrix, sources as rows; write it to `path` (.png, .svg, .pdf) if given.

        `look`: title, palette, full_range, groups, as `directed.heatmap.draw_directed` has them.
        """
        from behaviordist.distance.directed.heatmap import draw_directed
        from behaviordist.distance.heatmap import save_figure

        figure = draw_directed(self, **look)
        if path is not None:
            save_figure(figure, Path(path))
        return figure

    def _square(self) -> pd.DataFrame:
        if len(self.labels) < 2:
            raise InputError("both directions need two behaviors that are source and target")
        return self.to_pandas().loc[list(self.labels), list(self.labels)]

    def _frame(self, values: NDArray[Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(np.array(values), index=list(self.sources), columns=list(self.targets))


_ARRAYS = ("values", "standard_errors", "degrees_of_freedom", "floor", "gap_errors")
