"""A report page as data: the blocks of a record, their figures drawn, and its HTML.

Nothing here knows of distances or transfers; every study assembles its page out of these parts.
All text is plain text and is escaped when it is rendered; figures are inlined as data URIs, and an
image that is a data URI runs no script, so a hostile label reaches neither page nor reader. The one
script and the one style sheet are ours, named by their digests in the page's policy: a browser runs
no other. Without scripts everything but the touching stands.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar, Protocol

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


class MapBlock(Protocol):
    """What a page takes of a matrix to touch (`report.maps.Map` is one, and knows of this file)."""

    @property
    def name(self) -> str: ...
    @property
    def figures(self) -> tuple[RenderedFigure, ...]: ...
    @property
    def data(self) -> str: ...


@dataclass(frozen=True)
class Passage:
    """A text in which one part is marked, and a table about that part.

    Parameters
    ----------
    title
        What it is about, a few words.
    before, marked, after
        The text in order; `marked` may be empty.
    table
        What is said of the marked part; its own title is not shown.
    """

    title: str
    before: str
    marked: str
    after: str
    table: Table
    type: ClassVar[str] = "passage"


Block = Paragraph | Notes | Code | Table | Passage | RenderedFigure | MapBlock


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
    """A whole report.

    Parameters
    ----------
    title, subtitle
        What it is about.
    summary
        Its answer.
    sections
        In order.
    lead
        The picture that stands under the first sentence, above everything else.
    """

    title: str
    subtitle: str
    summary: Summary
    sections: tuple[DrawnSection, ...]
    lead: tuple[Block, ...] = ()

    @property
    def figures(self) -> tuple[RenderedFigure, ...]:
        """Every figure of the page, in order."""
        blocks = [*self.lead, *(block for section in self.sections for block in section.blocks)]
        return tuple(figure for block in blocks for figure in _figures(block))

    def picture_first(self) -> Page:
        """Return the page with its first picture on top, unless one stands there already."""
        if self.lead:
            return self
        for k, section in enumerate(self.sections):
            for block in section.blocks:
                if _figures(block):
                    rest = tuple(other for other in section.blocks if other is not block)
                    fewer = (*self.sections[:k], replace(section, blocks=rest))
                    return replace(self, sections=(*fewer, *self.sections[k + 1 :]), lead=(block,))
        return self


def _figures(block: Block) -> tuple[RenderedFigure, ...]:
    if isinstance(block, RenderedFigure):
        return (block,)
    return () if isinstance(block, Paragraph | Notes | Code | Table | Passage) else block.figures


def render(page: Page) -> str:
    """Return the page as one self-contained HTML document: nothing is fetched from anywhere."""
    from markupsafe import Markup

    sections = [section for section in page.sections if section.blocks]
    here = files("behaviordist.report") / "templates"
    style, script = ((here / f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src {_digest(style)};"
        f" script-src {_digest(script)}"
    )
    parts = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return str(_template().render(page=page, sections=sections, Markup=Markup, **parts))


def _digest(text: str) -> str:
    """Return how a content security policy names an inline text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


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
