"""`behaviordist report`: make the report of a run again from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="What `run` or `distance` wrote.", show_default=False),
    ],
) -> None:
    """Write index.html and figures/ from the numbers in DIR; runs no model."""
    # Plotting takes seconds to import; --help must not wait for it.
    from behaviordist.report import write_report

    typer.echo(f"report: {write_report(folder)}")
