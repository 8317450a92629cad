"""What others wrote, as a terminal may show it: labels, file names, prompts hold no commands."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

KEPT = "\n\t"
"""Control characters that a terminal takes for what they are."""
TURNS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Kinds of characters that reorder the text after them."""


def visible(text: str) -> str:
    r"""Return the text with control characters written out: an escape is ``\x1b``."""
    return "".join(_written_out(c) if _commands(c) else c for c in text)


def cell(text: str) -> str:
    """Return the text for a table of `rich`: control characters and its own markup written out."""
    from rich.markup import escape

    return escape(visible(text))


def say(console: Console, line: str) -> None:
    """Print a line as it stands, control characters written out."""
    console.print(visible(line), highlight=False, markup=False, soft_wrap=True)


def _commands(character: str) -> bool:
    control = unicodedata.category(character) == "Cc" and character not in KEPT
    return control or unicodedata.bidirectional(character) in TURNS


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
