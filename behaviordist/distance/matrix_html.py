"""A distance matrix as a notebook shows it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.states import SAME, UNDECIDED
from behaviordist.store.shown import html_table

SIGNS = {UNDECIDED: "? ", SAME: "≈ "}


def matrix_html(
    labels: Sequence[str],
    distances: NDArray[np.float64],
    errors: NDArray[np.float64],
    states: NDArray[np.str_],
    geometry: str,
) -> str:
    """Return the table of N behaviors, each array (N, N); undecided and same pairs with a sign."""

    def cell(i: int, j: int) -> str:
        sign = SIGNS.get(str(states[i, j]), "")
        return "" if i == j else f"{sign}{distances[i, j]:.3g} ± {errors[i, j]:.2g}"

    places = range(len(labels))
    rows = ((labels[i], *(cell(i, j) for j in places)) for i in places)
    note = f"{geometry} distance ± standard error (? undecided, ≈ the same)".strip()
    return html_table(note, ("", *labels), rows)
