"""Objects as notebooks show them: small tables in HTML, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

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
