"""Labelled matrices become the pairs that a test may use, and an account of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, to_digits
from behaviordist.hypothesis.permutation.relabelling import units_of
from behaviordist.hypothesis.tables.checks import (
    check_labels,
    check_size,
    remarks_on,
    shared_units,
    unrankable,
)


@runtime_checkable
class HasFrame(Protocol):
    """Anything that gives itself as a labelled frame, such as a DistanceMatrix."""

    def to_pandas(self) -> pd.DataFrame:
        """Return the labelled matrix."""
        ...


Matrix = pd.DataFrame | HasFrame


@dataclass(frozen=True)
class Pairs:
    """What is tested: costs of pairs, and predictors of them.

    Attributes
    ----------
    sources, targets
        Labels of rows (S) and columns (T).
    cost
        (S, T); larger is dearer. NaN is no pair: missing, the diagonal, or a column left out.
    names, predictors
        K names and (K, S, T) values; larger should mean dearer. NaN on the diagonal.
    left_out
        Targets that cannot be ranked, with the reason.
    references
        Labels that never were a target; they are no sources of the statistic either.
    n_missing
        Cells of counted columns without a cost or without a distance.
    n_censored
        Counted pairs of which at least one run was censored.
    units
        Unit of each label that shares one with others; a label that is not there is its own.
    remarks
        What was passed over in the tables.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    cost: FloatArray
    names: tuple[str, ...]
    predictors: FloatArray
    left_out: tuple[tuple[str, str], ...]
    references: tuple[str, ...]
    n_missing: int
    n_censored: int
    units: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def counted(self) -> BoolArray:
        """(T,) Which targets count."""
        return np.asarray(np.isfinite(self.cost).any(axis=0))

    @property
    def n_pairs(self) -> int:
        """How many pairs have a cost and a distance (the first predictor)."""
        return int((np.isfinite(self.cost) & np.isfinite(self.predictors[0])).sum())

    @property
    def n_units(self) -> int:
        """How many units the labels fall into."""
        rows, columns = units_of(self.sources, self.targets, self.units)
        return len({*rows, *columns})

    @property
    def across(self) -> FloatArray:
        """(S, T) 1 where source and target belong to different units, 0 where to one."""
        rows, columns = map(np.array, units_of(self.sources, self.targets, self.units))
        return np.asarray(rows[:, None] != columns[None, :], dtype=np.float64)

    def with_predictors(self, further: Mapping[str, FloatArray]) -> Pairs:
        """Return pairs with further (S, T) predictors; a name already taken is kept as it is."""
        new = {name: matrix for name, matrix in further.items() if name not in self.names}
        return replace(
            self,
            names=(*self.names, *new),
            predictors=np.stack([*self.predictors, *new.values()]),
        )

    def dropping(self, name: str) -> Pairs:
        """Return pairs without one predictor."""
        keep = [i for i, other in enumerate(self.names) if other != name]
        return replace(
            self, names=tuple(self.names[i] for i in keep), predictors=self.predictors[keep]
        )

    def like_cost(self, frame: pd.DataFrame) -> FloatArray:
        """Return a frame's (S, T) values where there is a cost, NaN elsewhere."""
        values = _cells(frame, self.sources, self.targets, "halves")
        return np.where(np.isfinite(self.cost), values, np.nan)


def frame_of(matrix: Matrix, name: str) -> pd.DataFrame:
    """Return a float64 frame with text labels; checked: unique labels, nothing infinite."""
    frame = matrix.to_pandas() if isinstance(matrix, HasFrame) else matrix
    if not isinstance(frame, pd.DataFrame):
        raise InputError(
            f"{name}: expected a labelled pandas DataFrame, got {type(matrix).__name__}"
        )
    try:
        frame = frame.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: not all cells are numbers ({error})") from None
    frame = frame.set_axis([str(i) for i in frame.index], axis=0)
    frame = frame.set_axis([str(c) for c in frame.columns], axis=1)
    for axis, place in ((frame.index, "row"), (frame.columns, "column")):
        if not axis.is_unique:
            twice = axis[axis.duplicated()][0]
            raise InputError(f"{name}: {place} label '{twice}' appears twice")
    infinite = np.argwhere(np.isinf(frame.to_numpy()))
    if len(infinite):
        i, j = infinite[0]
        raise InputError(
            f"{name}: row '{frame.index[i]}', column '{frame.columns[j]}' is infinite;"
            " use NaN for what is missing"
        )
    return frame


def make_pairs(
    distances: pd.DataFrame,
    costs: pd.DataFrame,
    predictors: Mapping[str, pd.DataFrame],
    censored: pd.DataFrame | None = None,
    gains: bool = False,
    invalid: Mapping[str, Sequence[str]] | None = None,
    name: str = "distance",
    units: Mapping[str, str] | None = None,
) -> Pairs:
    """Align matrices by label and set aside what cannot be ranked.

    Parameters
    ----------
    distances
        Square, or covering the sources and targets of rectangular costs. Only their order is
        used, so that scores of any sign do (smaller = nearer); what a label has with itself is
        passed over. It becomes the first predictor.
    costs
        (N, N) or rectangular, rows = source, columns = target. In a square table a label whose
        column is empty was never a target: it is a reference and is left out altogether.
    predictors
        Further predictors, labelled like `costs`.
    censored
        Share of runs censored, labelled like `costs`.
    gains
        Whether larger costs are better.
    invalid
        Sources that must not count, for each target.
    name
        What the distance is called among the predictors.
    units
        Unit of each label; all labels or none.

    Raises
    ------
    InputError
        Labels that differ, fewer than four behaviors or two units, nothing left to rank.

    Notes
    -----
    Costs and predictors are taken to twelve digits: numbers that differ less are one number that
    was computed in two ways, and must tie.
    """
    check_labels(distances, costs)
    sources, targets, references = _sides(costs)
    check_size(sources, targets)
    cost = _cells(costs, sources, targets, "costs") * (-1.0 if gains else 1.0)
    share = np.zeros_like(cost)
    if censored is not None:
        share = np.nan_to_num(_cells(censored, sources, targets, "censored"))
    dropped = _set_invalid(cost, sources, targets, invalid or {})
    stack = [_cells(distances, sources, targets, "distances")]
    stack += [_cells(frame, sources, targets, f"'{n}'") for n, frame in predictors.items()]
    left_out = unrankable(cost, stack[0], share, targets)
    skip = np.isin(targets, [label for label, _ in left_out])
    cost[:, skip] = np.nan
    if skip.all():
        raise InputError(
            f"costs: no target can be ranked ({left_out[0][1]}); raise the budget or add sources"
        )
    diagonal = np.array(sources)[:, None] == np.array(targets)[None, :]
    shared = shared_units(units, sources, targets)
    used = ~diagonal & ~skip[None, :] & ~dropped
    known = np.isfinite(cost) & np.isfinite(stack[0])
    return Pairs(
        sources=tuple(sources),
        targets=tuple(targets),
        cost=cost,
        names=(name, *predictors),
        predictors=np.stack(stack),
        left_out=tuple(left_out),
        references=tuple(references),
        n_missing=int((used & ~known).sum()),
        n_censored=int((known & (share > 0)).sum()),
        units=shared,
        remarks=tuple(remarks_on(distances, sources, targets, name)),
    )


def _sides(costs: pd.DataFrame) -> tuple[list[str], list[str], list[str]]:
    """Sources, targets and references. Square tables lose the labels that were never a target.

    Labels are sorted, so that the order in a file changes no random draw.
    """
    rows, columns = sorted(costs.index), sorted(costs.columns)
    if set(rows) != set(columns):
        return rows, columns, []
    values = costs.loc[rows, rows].to_numpy(dtype=np.float64, copy=True)
    np.fill_diagonal(values, np.nan)
    tried = np.isfinite(values).any(axis=0)
    kept = [label for label, used in zip(rows, tried, strict=True) if used]
    return kept, kept, [label for label, used in zip(rows, tried, strict=True) if not used]


def without_invalid(costs: pd.DataFrame, invalid: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return costs without those of invalid pairs; labels as in `make_pairs`."""
    values = costs.to_numpy(dtype=np.float64, copy=True)
    _set_invalid(values, list(costs.index), list(costs.columns), invalid)
    return pd.DataFrame(values, costs.index, costs.columns)


def _set_invalid(
    cost: FloatArray,
    sources: Sequence[str],
    targets: Sequence[str],
    invalid: Mapping[str, Sequence[str]],
) -> BoolArray:
    """Take the costs of invalid pairs out; return which (S, T) they were."""
    dropped = np.zeros(cost.shape, dtype=bool)
    for target, barred in invalid.items():
        unknown = sorted({target} - set(targets)) + sorted(set(barred) - set(sources))
        if unknown:
            raise InputError(f"invalid sources: '{unknown[0]}' is not in the costs")
        dropped[np.isin(sources, list(barred)), targets.index(target)] = True
    cost[dropped] = np.nan
    return dropped


def _cells(
    frame: pd.DataFrame, sources: Sequence[str], targets: Sequence[str], name: str
) -> FloatArray:
    """(S, T) values in our order, NaN where source and target are one behavior."""
    missing = sorted((set(sources) - set(frame.index)) | (set(targets) - set(frame.columns)))
    if missing:
        raise InputError(
            f"{name} and costs have different labels (not in {name}: {', '.join(missing[:8])}"
            f"{' ...' if len(missing) > 8 else ''})"
        )
    values = frame.loc[list(sources), list(targets)].to_numpy(dtype=np.float64, copy=True)
    values[np.array(sources)[:, None] == np.array(targets)[None, :]] = np.nan
    return to_digits(values)
