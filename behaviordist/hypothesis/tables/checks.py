"""What is checked of labelled tables before they become pairs, and what is passed over in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.hypothesis.statistics.within_target import MIN_SOURCES
from behaviordist.store.tables import require_same_labels

MIN_BEHAVIORS = 4
SLACK = 1e-9


def check_size(sources: Sequence[str], targets: Sequence[str]) -> None:
    """Refuse a table of too few behaviors."""
    n = len(set(sources) | set(targets))
    if n < MIN_BEHAVIORS:
        raise InputError(
            f"costs: {n} behaviors were both trained from and towards; a test needs at least"
            f" {MIN_BEHAVIORS}"
        )


def check_labels(distances: pd.DataFrame, costs: pd.DataFrame) -> None:
    """Square costs need square distances of the same labels; rectangular ones need enough."""
    if set(costs.index) != set(costs.columns):
        return
    if set(distances.index) != set(distances.columns):
        odd = sorted(set(distances.index) ^ set(distances.columns))
        raise InputError(f"distances: not square; '{odd[0]}' is only a row or only a column")
    require_same_labels(list(distances.index), list(costs.index), "distances", "costs")


def remarks_on(
    distances: pd.DataFrame, sources: Sequence[str], targets: Sequence[str], name: str
) -> list[str]:
    """Say what of a table of distances is no distance, and that only its order counts."""
    remarks = []
    both = set(sources) & set(targets)
    if set(sources) != set(targets):
        remarks.append(
            f"sources and targets are not the same: {len(sources)} sources, {len(targets)} targets,"
            f" {len(both)} label(s) that are both"
        )
    values = distances.loc[list(sources), list(targets)].to_numpy()
    diagonal = np.array(sources)[:, None] == np.array(targets)[None, :]
    negative = int((values[~diagonal] < 0).sum())
    if negative:
        remarks.append(f"{negative} value(s) of {name} are negative; only their order is used")
    itself = [s for s, t in zip(*np.nonzero(diagonal & (values > SLACK)), strict=True)]
    if itself:
        others = f" and {len(itself) - 1} more" if len(itself) > 1 else ""
        remarks.append(
            f"{name}: what '{sources[itself[0]]}'{others} measured against itself is ignored"
            " (larger means farther; of similarities, take the negative)"
        )
    return remarks


def shared_units(
    units: Mapping[str, str] | None, sources: Sequence[str], targets: Sequence[str]
) -> dict[str, str]:
    """Return the units of these labels; `InputError` for a label without one, or a single unit."""
    if not units:
        return {}
    labels = list(dict.fromkeys([*sources, *targets]))
    missing = [label for label in labels if label not in units]
    if missing:
        raise InputError(
            f"units: no unit for {', '.join(missing[:8])}{' ...' if len(missing) > 8 else ''}"
        )
    if len({units[label] for label in labels}) < 2:
        raise InputError(f"units: all labels are in '{units[labels[0]]}'; two units are needed")
    return {label: units[label] for label in labels}


def unrankable(
    cost: FloatArray, distance: FloatArray, share: FloatArray, targets: Sequence[str]
) -> list[tuple[str, str]]:
    """Return the targets (name, why) whose costs cannot be ranked."""
    left_out = []
    for t, target in enumerate(targets):
        known = np.isfinite(cost[:, t]) & np.isfinite(distance[:, t])
        values = cost[known, t]
        if len(values) < MIN_SOURCES:
            left_out.append((target, f"only {len(values)} sources with a cost"))
        elif np.ptp(values) == 0:
            reason = (
                "every run was censored" if (share[known, t] > 0).all() else "all costs are equal"
            )
            left_out.append((target, reason))
    return left_out
