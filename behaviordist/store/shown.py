"""Objects as notebooks show them: small tables in HTML, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

LONGEST = 40
"""Characters of a text in a one-line description."""
MOST_ROWS = 30
"""Rows beyond which a table is cut: a cell of a notebook is no place for more."""


def html_table(caption: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; text stays text. Past 30 rows the rest is counted."""
    every = list(rows)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in every[:MOST_ROWS]
    )
    more = len(every) - MOST_ROWS
    foot = f"<tr><td colspan={len(header)}>… and {more} more</td></tr>" if more > 0 else ""
    title = f"<caption>{html.escape(caption)}</caption>"
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}{foot}</tbody></table>"


class ShownFields:
    """What a dataclass made with ``repr=False`` shows: one line, and a table of all its fields.

    The line leaves out what is as by default, and cuts long texts.
    """

    def __repr__(self: Any) -> str:
        known = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        said = (f"{name}={_short(value)!r}" for name, value, default in known if value != default)
        return f"{type(self).__name__}({', '.join(said)})"

    def _repr_html_(self: Any) -> str:
        rows = [(f.name, str(getattr(self, f.name))) for f in fields(self)]
        return html_table(type(self).__name__, ("", "value"), rows)


def _short(value: Any) -> Any:
    long = isinstance(value, str) and len(value) > LONGEST
    return value[: LONGEST - 1] + "…" if long else value
