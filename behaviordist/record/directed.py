"""What a page says of directed distances: the headline, the tables, every cell's interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from behaviordist.distance.directed.matrix import DirectedMatrix
from behaviordist.record.blocks import Grid, Section, Table
from behaviordist.record.findings import Findings

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
    return "a probability" if matrix.geometry == "overlap" else f"nats per {_per(matrix)}"


def _per(matrix: DirectedMatrix) -> str:
    return str(matrix.metadata.get("per", "answer"))


def _tables(matrix: DirectedMatrix) -> list[tuple[str, str, Any]]:
    name = "KL(f_B || f_A)" if matrix.geometry == "kl" else "overlap <f_A, f_B>"
    tables = [(VALUES, name, matrix.to_pandas())]
    if matrix.geometry == "kl" and len(matrix.labels) > 1:
        parts = (("symmetric", "(there + back) / 2"), ("antisymmetric", "(there − back) / 2"))
        tables += [(part, title, getattr(matrix, part)) for part, title in parts]
    return tables


def _intervals(matrix: DirectedMatrix, unit: str) -> Section:
    """Return every cell with its interval and state."""
    low, high = matrix.interval()
    states = matrix.states(matrix.metadata.get("margin"))
    rows = tuple(
        (a, b, f"{matrix.values[i, j]:.4g}", f"{low[i, j]:.4g} to {high[i, j]:.4g}", states[i, j])
        for i, a in enumerate(matrix.sources)
        for j, b in enumerate(matrix.targets)
        if a != b
    )
    table = Table(
        title=f"Every pair, {unit}",
        header=("source A", "target B", "value", "95 % interval", "state"),
        rows=rows,
        align="llrrl",
        note="Intervals over probes, all answers to a probe one cluster; pair by pair.",
    )
    return Section.of("Intervals", table)


def _headline(matrix: DirectedMatrix, unit: str) -> str:
    off = np.where(matrix.diagonal, np.nan, matrix.values)
    if not np.isfinite(off).any():
        return "No pair of different behaviors has a finite value."
    sign = -1 if matrix.geometry == "overlap" else 1
    i, j = np.unravel_index(int(np.nanargmin(sign * off)), off.shape)
    said = "has most in common with" if sign < 0 else "is least surprised by"
    return f"{matrix.sources[i]} {said} {matrix.targets[j]}: {off[i, j]:.3g} ({unit})."
