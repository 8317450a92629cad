"""DistanceMatrix: labelled squared distances with standard errors."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.errors import InputError
from behaviordist.store import publish

if TYPE_CHECKING:
    import pandas as pd
    import skbio
    from matplotlib.figure import Figure

Float64Array = NDArray[np.float64]

NPZ = "distances.npz"


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
    metadata
        JSON-able: geometry, probes, references, notes.

    Raises
    ------
    InputError
        On wrong shapes, duplicate labels, or a matrix that is not symmetric.
    """

    labels: tuple[str, ...]
    squared: Float64Array
    squared_standard_errors: Float64Array
    degrees_of_freedom: Float64Array | float = np.inf
    floor: Float64Array | float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.labels)
        object.__setattr__(self, "labels", tuple(self.labels))
        for name in ("squared", "squared_standard_errors", "degrees_of_freedom", "floor"):
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

    @cached_property
    def indistinguishable(self) -> NDArray[np.bool_]:
        """(N, N) whether the 95% interval of the squared distance reaches down to the floor.

        Always true on the diagonal; false where no standard error is known, unless the distance
        itself is not above the floor.
        """
        low = np.where(np.isnan(self.interval()[0]), self.squared, self.interval()[0])
        return np.asarray(low <= self.floor) | np.eye(len(self), dtype=bool)

    def interval(self, level: float = 0.95) -> tuple[Float64Array, Float64Array]:
        """Return (low, high) of the squared distance, by Student's t, each (N, N)."""
        from scipy.stats import t

        half = t.ppf(0.5 + level / 2, self.degrees_of_freedom) * self.squared_standard_errors
        return self.squared - half, self.squared + half

    def select(self, labels: Sequence[str]) -> DistanceMatrix:
        """Return the matrix of some of the behaviors, in the given order.

        Raises
        ------
        InputError
            If a label is unknown.
        """
        from behaviordist.errors import did_you_mean

        for label in labels:
            if label not in self.labels:
                raise InputError(f"no behavior '{label}': {did_you_mean(label, self.labels)}")
        at = np.ix_(*[[self.labels.index(label) for label in labels]] * 2)
        names = ("squared", "squared_standard_errors", "degrees_of_freedom", "floor")
        return replace(self, labels=tuple(labels), **{n: getattr(self, n)[at] for n in names})

    def with_floor(self, floor: Float64Array | float) -> DistanceMatrix:
        """Return the same matrix with another squared noise floor."""
        return replace(self, floor=floor)

    def to_pandas(self) -> pd.DataFrame:
        """Return the distances (not squared) as a labelled frame."""
        return self._frame(self.distances)

    def to_skbio(self) -> skbio.DistanceMatrix:
        """Return the distances as a scikit-bio DistanceMatrix (PERMANOVA, Mantel, PCoA, ...)."""
        return scikit_bio().DistanceMatrix(np.array(self.distances), list(self.labels))

    def save(self, path: str | Path) -> None:
        """Write a ``.npz`` file, or into a folder: three CSV files and ``distances.npz``.

        ``distances.csv`` (not squared), ``standard_errors.csv``, ``indistinguishable.csv`` (1 or
        0). Each file is written atomically.
        """
        from behaviordist.store.tables import write_square

        path = Path(path)
        try:
            if path.suffix == ".npz":
                self._save_npz(path)
                return
            write_square(path / "distances.csv", self.to_pandas())
            write_square(path / "standard_errors.csv", self._frame(self.standard_errors))
            mask = self._frame(self.indistinguishable.astype(np.float64))
            write_square(path / "indistinguishable.csv", mask)
            self._save_npz(path / NPZ)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written ({error}); make room or choose another folder"
            ) from None

    @staticmethod
    def load(path: str | Path) -> DistanceMatrix:
        """Read what `save` wrote: the ``.npz`` file, or the folder that holds it.

        Raises
        ------
        InputError
            If it is missing, truncated or something else.
        """
        path = Path(path)
        path = path / NPZ if path.is_dir() else path
        try:
            with np.load(path, allow_pickle=False) as file:
                return DistanceMatrix(
                    labels=tuple(file["labels"].tolist()),
                    metadata=json.loads(str(file["metadata"])),
                    **{name: file[name] for name in _ARRAYS},
                )
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; give a folder or .npz of distances") from None
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{path}: not a whole distance matrix ({error})") from None

    def heatmap(self, ax: Any = None, path: str | Path | None = None) -> Figure:
        """Draw the matrix in clustered order; write it to `path` (.png, .svg, .pdf) if given."""
        from behaviordist.distance.heatmap import draw_heatmap, save_figure

        figure = draw_heatmap(self, ax=ax)
        if path is not None:
            save_figure(figure, Path(path))
        return figure

    def _frame(self, values: NDArray[Any]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(np.array(values), index=list(self.labels), columns=list(self.labels))

    def _save_npz(self, path: Path) -> None:
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        metadata = json.dumps(self.metadata, sort_keys=True)
        inputs = {"labels": list(self.labels), "metadata": self.metadata}
        with publish(path, inputs) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, labels=np.array(self.labels), metadata=np.array(metadata), **arrays)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(label)}</th>" for label in self.labels)
        rows = []
        for i, label in enumerate(self.labels):
            cells = "".join(
                f"<td>{'' if i == j else self._cell(i, j)}</td>" for j in range(len(self))
            )
            rows.append(f"<tr><th>{html.escape(label)}</th>{cells}</tr>")
        geometry = html.escape(str(self.metadata.get("geometry", "")))
        note = f"{geometry} distance &plusmn; standard error; in brackets: not told from the floor"
        return f"<table><caption>{note}</caption><tr><th></th>{head}</tr>{''.join(rows)}</table>"

    def _cell(self, i: int, j: int) -> str:
        text = f"{self.distances[i, j]:.3g} &plusmn; {self.standard_errors[i, j]:.2g}"
        return f"({text})" if self.indistinguishable[i, j] else text


_ARRAYS = ("squared", "squared_standard_errors", "degrees_of_freedom", "floor")
