"""From a matplotlib figure to bytes: PNG and SVG, the same for the same input."""

from __future__ import annotations

import io
import re

from matplotlib.figure import Figure

from behaviordist.drawing.style import figure_style
from behaviordist.report.page import RenderedFigure

PNG_DPI = 130
CSS_PIXELS_PER_INCH = 96


@figure_style()
def render_figure(
    name: str, figure: Figure, title: str, caption: str, alt: str = ""
) -> RenderedFigure:
    """Return the figure as PNG and SVG with its words; `alt` is the title where it is not given."""
    png, svg = io.BytesIO(), io.StringIO()
    # No dates, so that a report of the same run is the same file.
    figure.savefig(png, format="png", dpi=PNG_DPI, metadata={"Software": None})
    # The layout is solved once; the second format takes it over.
    figure.set_layout_engine("none")
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    width = round(figure.get_figwidth() * CSS_PIXELS_PER_INCH)
    # Matplotlib writes each label as a comment, which doubles the file for no reader.
    text = re.sub(r"\s*<!--.*?-->", "", svg.getvalue(), flags=re.DOTALL)
    return RenderedFigure(name, title, caption, alt or title, png.getvalue(), text, width)
