"""A report page as data: the blocks of a record, their figures drawn, and its HTML.

Nothing here knows of distances or transfers; every study assembles its page out of these parts.
All text is plain text and is escaped when it is rendered; figures are inlined as data URIs, and an
image that is a data URI runs no script, so a hostile label reaches neither page nor reader.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from behaviordist.record import Code, Fact, Notes, Paragraph, Table

if TYPE_CHECKING:
    from jinja2 import Template

# An SVG above this size (bytes) is inlined as PNG instead: dense figures are smaller as pixels.
SVG_INLINE_LIMIT = 400_000


@dataclass(frozen=True)
class RenderedFigure:
    """A drawn figure in both formats, with its words.

    Parameters
    ----------
    name
        File name without ending.
    title
        What the figure is about, a few words.
    caption
        How to read it and what it shows.
    alt
        What somebody who cannot see it should know.
    png, svg
        The image, as bytes and as text.
    width
        Natural width in CSS pixels.
    """

    name: str
    title: str
    caption: str
    alt: str
    png: bytes
    svg: str
    width: int
    type: ClassVar[str] = "figure"

    @property
    def data_uri(self) -> str:
        """The image as a data URI: SVG where that is small, else PNG."""
        vector = self.svg.encode()
        if len(vector) <= SVG_INLINE_LIMIT:
            return "data:image/svg+xml;base64," + base64.b64encode(vector).decode()
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


Block = Paragraph | Notes | Code | Table | RenderedFigure


@dataclass(frozen=True)
class DrawnSection:
    """A section of a record whose figures are drawn; one without blocks is not shown."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """Fragment identifier made of the title."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Summary:
    """The top of the page: a plain sentence or two, and the facts behind them.

    Parameters
    ----------
    sentences
        The answer; the first one is set large.
    facts
        Numbers to see at first glance.
    verdict
        A word or two above the sentence, or empty.
    tone
        ``yes``, ``no``, ``open`` or ``plain`` (no verdict): the colour.
    """

    sentences: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    verdict: str = ""
    tone: str = "open"


@dataclass(frozen=True)
class Page:
    """A whole report."""

    title: str
    subtitle: str
    summary: Summary
    sections: tuple[DrawnSection, ...]

    @property
    def figures(self) -> tuple[RenderedFigure, ...]:
        """Every figure of the page, in order."""
        blocks = (block for section in self.sections for block in section.blocks)
        return tuple(block for block in blocks if isinstance(block, RenderedFigure))


def render(page: Page) -> str:
    """Return the page as one self-contained HTML document (no scripts, no external requests)."""
    sections = [section for section in page.sections if section.blocks]
    return str(_template().render(page=page, sections=sections))


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("behaviordist.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
