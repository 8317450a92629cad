"""What others wrote, as a terminal may show it: labels, file names, prompts hold no commands."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

KEPT = "\n\t"
"""Control characters that a terminal takes for what they are."""
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Kinds of characters that reorder the text after them."""


def visible(text: str) -> str:
    r"""Return the text with control characters written out: an escape is ``\x1b``."""
    return "".join(c.encode("unicode_escape").decode("ascii") if _commands(c) else c for c in text)


def cell(text: str) -> str:
    """Return the text for a table of `rich`: control characters and its own markup written out."""
    from rich.markup import escape

    return escape(visible(text))


def table(title: str | None, headings: Sequence[str]) -> Table:
    """Return a table of `rich`: names to the left, then numbers."""
    from rich.table import Table

    made = Table(title=title)
    for k, heading in enumerate(headings):
        made.add_column(heading, justify="right" if k else "left")
    return made


def of_two(title: str, least: int, headings: Sequence[str]) -> Table:
    """Return the table of two models: names, at least so many characters wide, then numbers.

    Numbers stay whole in a narrow terminal; a long name goes on in the next line.
    """
    from rich import box
    from rich.table import Table

    made = Table(title=cell(title), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    made.add_column("", overflow="fold", min_width=least)
    for heading in headings:
        made.add_column(heading, justify="right", no_wrap=True)
    return made


def say(console: Console, line: str) -> None:
    """Print a line as it stands, control characters written out."""
    console.print(visible(line), highlight=False, markup=False, soft_wrap=True)


def _commands(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" and character not in KEPT
    return control or unicodedata.bidirectional(character) in TURNS
