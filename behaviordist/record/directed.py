"""What a page says of directed distances: the headline, the tables, every cell's interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from behaviordist.distance.directed.matrix import DirectedMatrix
from behaviordist.distance.directed.nearest import contenders, gaps
from behaviordist.record.blocks import Grid, Section, Table
from behaviordist.record.findings import Findings
from behaviordist.record.formatting import limits

NAMED = 3
VALUES = "divergences"
"""Name of the block of the matrix itself."""


def directed_findings(matrix: DirectedMatrix) -> Findings:
    """Return the headline, the matrix with its symmetric parts, and a table of the intervals."""
    unit = unit_of(matrix)
    blocks = [
        Grid.of(
            frame,
            name=name,
            title=title,
            caption="Rows are sources, columns targets.",
            scale=unit,
            row_axis="source A",
            column_axis="target B",
            diverging=name == "antisymmetric",
        )
        for name, title, frame in _tables(matrix)
    ]
    return Findings(
        headline=_headline(matrix, unit),
        sections=(Section.of("Directed distances", *blocks), _intervals(matrix, unit)),
    )


def unit_of(matrix: DirectedMatrix) -> str:
    """Return what the numbers are."""
    per = matrix.metadata.get("per", "answer")
    return "a probability" if matrix.geometry == "overlap" else f"nats per {per}"


def _tables(matrix: DirectedMatrix) -> list[tuple[str, str, Any]]:
    name = "KL(f_B || f_A)" if matrix.geometry == "kl" else "overlap <f_A, f_B>"
    if set(matrix.targets) == set(matrix.cross_entropy):
        name = "Cross-entropy of B's answers under A"
    tables = [(VALUES, name, matrix.to_pandas())]
    if matrix.geometry == "kl" and len(matrix.labels) > 1:
        parts = (("symmetric", "(there + back) / 2"), ("antisymmetric", "(there − back) / 2"))
        tables += [(part, title, getattr(matrix, part)) for part, title in parts]
    return tables


def _intervals(matrix: DirectedMatrix, unit: str) -> Section:
    """Return every cell with its interval and state, and how it stands to its column's nearest."""
    low, high = matrix.interval()
    gap, least, most = gaps(matrix)
    states = np.where(matrix.tested[None, :], matrix.states(matrix.metadata.get("margin")), "–")
    rows = tuple(
        (
            a,
            b,
            f"{matrix.values[i, j]:.4g}",
            f"{low[i, j]:.4g} to {high[i, j]:.4g}",
            str(states[i, j]),
            _behind(gap[i, j], least[i, j], most[i, j]),
        )
        for j, b in enumerate(matrix.targets)
        for i, a in enumerate(matrix.sources)
        if a != b
    )
    table = Table(
        title=f"Every pair, {unit}",
        header=("source A", "target B", "value", "95 % interval", "state", "behind the nearest"),
        rows=rows,
        align="llrrlr",
        note="Intervals over probes, all answers to a probe one cluster; pair by pair. Behind the"
        " nearest: the difference from the target's nearest source on the same answers; a target's"
        " intervals hold together.",
    )
    return Section.of("Intervals", table)


def _behind(gap: float, low: float, high: float) -> str:
    if gap == 0 and not low < 0:
        return "nearest"
    return f"{gap:.3g}" if np.isinf(gap) else f"{gap:.3g} {limits(low, high)}"


def _headline(matrix: DirectedMatrix, unit: str) -> str:
    """Say which source is nearest where that is shown; a tie is called one."""
    nearest = contenders(matrix)
    if not any(nearest):
        return "No pair of different behaviors has a finite value."
    if len(matrix.sources) - matrix.diagonal.any(axis=0).astype(int).max() < 2:
        return _only_pairs(matrix, unit)
    known = [(b, names) for b, names in zip(matrix.targets, nearest, strict=True) if names]
    shown = [(b, names[0]) for b, names in known if len(names) == 1]
    if len(matrix.targets) == 1:
        return _of_one(matrix, known[0][1], unit)
    open_ = len(known) - len(shown)
    some = "; ".join(f"{a} for {b}" for b, a in shown[:NAMED])
    more = f" and {len(shown) - NAMED} more" if len(shown) > NAMED else ""
    rest = f"which source is nearest, for {open_} of {len(known)} targets"
    if not shown:
        return f"These answers do not decide {rest}."
    undecided = f"; these answers do not decide {rest}" if open_ else ""
    return f"Shown to be nearest: {some}{more}{undecided}."


def _of_one(matrix: DirectedMatrix, nearest: tuple[str, ...], unit: str) -> str:
    target, others = matrix.targets[0], len(matrix.sources) - 1
    values = {a: f"{v:.4g}" for a, v in zip(matrix.sources, matrix.values[:, 0], strict=True)}
    first = nearest[0]
    if len(nearest) == 1:
        return (
            f"{first} is nearest to {target} ({values[first]} {unit}); each of the other {others}"
            " is shown to be farther."
        )
    names = [f"{name} ({values[name]})" for name in nearest[:NAMED]]
    more = f" and {len(nearest) - NAMED} more" if len(nearest) > NAMED else ""
    return (
        f"These answers do not decide which source is nearest to {target}: {', '.join(names)}{more}"
        f" are not told apart, in {unit}."
    )


def _only_pairs(matrix: DirectedMatrix, unit: str) -> str:
    """Say what there is where no target has two sources: values with intervals, no ranking."""
    low, high = matrix.interval()
    said = [
        f"{a} to {b}: {matrix.values[i, j]:.3g} {limits(low[i, j], high[i, j], '.3g')}"
        for i, a in enumerate(matrix.sources)
        for j, b in enumerate(matrix.targets)
        if a != b
    ]
    more = f", and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return f"{'; '.join(said[:NAMED])}{more} ({unit})."
