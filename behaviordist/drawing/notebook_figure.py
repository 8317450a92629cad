"""A figure that shows itself once as the last line of a notebook's cell."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from behaviordist.drawing.style import figure_style


class NotebookFigure(Figure):
    """A figure that pyplot does not know: nothing else shows it, nothing needs closing."""

    @figure_style()
    def _repr_png_(self) -> bytes:
        """Return what IPython shows where matplotlib's inline backend is not on."""
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=100)
        return stream.getvalue()
