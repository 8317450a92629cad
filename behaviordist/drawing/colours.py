"""The colours of values: sequential, from light to strong, told apart under colour blindness."""

from __future__ import annotations

import seaborn as sns
from matplotlib.colors import Colormap, ListedColormap
from numpy import linspace

from behaviordist.errors import InputError, did_you_mean

# Name -> seaborn palette that starts light. The strong end stops short of black: near the top of
# the scale two values must still differ, and a slide must not be a black square.
SEQUENTIAL = {
    "blue": "mako_r",
    "red": "rocket_r",
    "viridis": "viridis_r",
    "cividis": "cividis_r",
    "grey": "Greys",
}
DEFAULT = "blue"
DIVERGING, DARK = "vlag", "icefire"
PALEST, STRONGEST = 0.02, 0.78


def colour_map(name: str = "", *, dark: bool = False) -> Colormap:
    """Return the colours of a palette, weakest first.

    Parameters
    ----------
    name
        One of `SEQUENTIAL`, default blue; or any palette of seaborn as it is (``vlag``).
    dark
        For a dark page: the weakest colour is the one nearest to black.

    Raises
    ------
    InputError
        If there is no such palette.
    """
    known = SEQUENTIAL.get(name or DEFAULT)
    if known is None:
        try:
            palette: Colormap = sns.color_palette(name, as_cmap=True)
            return palette
        except (ValueError, TypeError):
            raise unknown_palette(name) from None
    places = linspace(PALEST, STRONGEST, 256)
    if dark:
        places = linspace(0.8, 0.08, 256)
    return ListedColormap(sns.color_palette(known, as_cmap=True)(places))


def unknown_palette(name: str) -> InputError:
    """Return what a palette is refused with that there is not."""
    return InputError(f"no palette '{name}': {did_you_mean(name, SEQUENTIAL)}")
