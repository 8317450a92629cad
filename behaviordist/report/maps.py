"""A matrix to touch: what the script of a page needs to draw it, and the pictures beside it.

Without scripts, and in print, the pictures stand; with them, the script (`templates/page.js`) draws
the layers in their place. Numbers travel as little-endian float32 in base64.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from behaviordist.drawing.colours import DARK, DIVERGING, colour_map
from behaviordist.drawing.panels import PALETTE
from behaviordist.report.page import RenderedFigure

STATES = ("", "apart", "same", "undecided", "missing")
# Behaviors beyond which intervals stay in the run's files: a page is to open at once.
WITH_INTERVALS = 300
STOPS = 24


@dataclass(frozen=True, eq=False)
class Layer:
    """One table of a map.

    Parameters
    ----------
    name, unit
        What it is called, and what its numbers are.
    values, low, high
        (R, C) values and the ends of their intervals; NaN is missing, `low` None: no intervals.
    states
        (R, C) ``apart``, ``same``, ``undecided``, ``missing`` or empty; None where nothing is said.
    most
        The largest value that the geometry allows, if there is one.
    diverging
        Whether values have both signs.
    words
        (R, C) what is said of single cells in place of states; empty where nothing is.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    states: NDArray[np.str_] | None = None
    most: float | None = None
    diverging: bool = False
    words: NDArray[np.str_] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what the script reads."""
        symmetric = self.values.shape[0] == self.values.shape[1] and np.array_equal(
            self.values, self.values.T, equal_nan=True
        )
        kept = np.triu_indices(len(self.values), 1) if symmetric else ...
        data: dict[str, Any] = {"name": self.name, "unit": self.unit, "symmetric": bool(symmetric)}
        data |= {"most": self.most, "diverging": self.diverging}
        data["values"] = _packed(self.values[kept])
        if self.low is not None and self.high is not None and len(self.values) <= WITH_INTERVALS:
            data |= {"low": _packed(self.low[kept]), "high": _packed(self.high[kept])}
        if self.states is not None:
            kind = self.states[kept]
            numbers = np.zeros(kind.shape, dtype=np.uint8)
            for number, name in enumerate(STATES):
                numbers[kind == name] = number
            data["states"] = base64.b64encode(numbers.tobytes()).decode()
        if self.words is not None:
            said = np.argwhere(self.words != "")
            data["words"] = {f"{i},{j}": str(self.words[i, j]) for i, j in said.tolist()}
        return data


@dataclass(frozen=True, eq=False)
class Map:
    """A labelled matrix on a page.

    Parameters
    ----------
    name, title, caption
        As of every figure.
    rows, columns
        Names; columns are the rows' own where both are the same.
    layers
        Tables to switch between.
    figures
        The pictures that stand where no script runs.
    order
        The rows' (and columns') clustered order; None for a rectangle.
    axes
        What rows and columns are.
    groups, column_groups
        Name of a grouping -> a name for every row; for every column, where those are others.
    pairs
        "i,j" of rows -> what else is known of the pair (`details`).
    palette
        Of `drawing.colours`.
    """

    name: str
    title: str
    caption: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    layers: tuple[Layer, ...]
    figures: tuple[RenderedFigure, ...]
    order: Sequence[int] | None = None
    axes: tuple[str, str] = ("", "")
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    column_groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pairs: Mapping[str, Any] = field(default_factory=dict)
    palette: str = ""
    type: ClassVar[str] = "map"

    def like(self, other: Map) -> bool:
        """Return whether the other is of the same rows and columns."""
        return (self.rows, self.columns) == (other.rows, other.columns)

    def with_layers(self, other: Map) -> Map:
        """Return this map with the layers and pictures of another `like` it."""
        caption = (
            self.caption if self.caption == other.caption else f"{self.caption} {other.caption}"
        )
        return replace(
            self,
            caption=caption,
            layers=(*self.layers, *other.layers),
            figures=(*self.figures, *other.figures),
        )

    @property
    def data(self) -> str:
        """JSON for a data block: no character of it ends a script element or starts a comment."""
        text = json.dumps(self._payload(), separators=(",", ":"), allow_nan=False)
        for sign in "<>&":
            text = text.replace(sign, f"\\u{ord(sign):04x}")
        return text

    def _payload(self) -> dict[str, Any]:
        light, dark = colour_map(self.palette), colour_map(self.palette, dark=True)
        return {
            "rows": self.rows,
            "columns": None if self.columns == self.rows else self.columns,
            "axes": self.axes,
            "order": self.order,
            "layers": [layer.to_json() for layer in self.layers],
            "groups": {name: list(of) for name, of in self.groups.items()},
            "columnGroups": {name: list(of) for name, of in self.column_groups.items()},
            "groupColours": PALETTE,
            "pairs": self.pairs,
            "palettes": {
                "light": stops(light),
                "dark": stops(dark),
                "lightDiverging": stops(colour_map(DIVERGING)),
                "darkDiverging": stops(colour_map(DARK)),
            },
        }


def stops(palette: Any) -> list[str]:
    """Return the colours as the script takes them, weakest first."""
    return [to_hex(palette(place)) for place in np.linspace(0, 1, STOPS)]


def _packed(values: NDArray[np.float64]) -> str:
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()
