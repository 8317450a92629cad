"""`behaviordist report`: make the report of a run again from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from behaviordist.errors import InputError

LOOK = "How it looks"
FORMATS = ("page", "slide")

Palette = Annotated[
    str | None,
    typer.Option(
        help="Colours: blue, red, viridis, cividis, grey.",
        show_default="blue",
        rich_help_panel=LOOK,
    ),
]
FullRange = Annotated[
    bool | None,
    typer.Option(
        "--full-range/--own-range",
        help="Colours over all that the geometry allows, or over the values' own range.",
        show_default="own range",
        rich_help_panel=LOOK,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV with the header label,name: names to show on the page.",
        rich_help_panel=LOOK,
    ),
]
Groups = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="CSV with the header label,GROUPING...: colours along both axes (base, family, ...).",
        rich_help_panel=LOOK,
    ),
]
Format = Annotated[
    str,
    typer.Option(
        "--format",
        help="page; or slide: slide.png (1920 x 1080) beside the page.",
        rich_help_panel=LOOK,
    ),
]


def check_format(name: str) -> None:
    """Refuse, before anything runs, a format that there is not."""
    if name not in FORMATS:
        raise InputError(f"--format is page or slide, not '{name}'")


def report(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="What `run` or `distance` wrote.", show_default=False),
    ],
    palette: Palette = None,
    full_range: FullRange = None,
    labels: Labels = None,
    groups: Groups = None,
    form: Format = "page",
) -> None:
    """Write index.html and figures/ from the numbers in DIR; runs no model.

    The look is kept in the folder (look.json) for the next time.
    """
    check_format(form)
    # Plotting takes seconds to import; --help must not wait for it.
    from behaviordist.report import write_report
    from behaviordist.report.look import changed, read_look

    look = None
    if any(option is not None for option in (palette, full_range, labels, groups)):
        look = changed(read_look(folder), palette, full_range, labels, groups)
    typer.echo(f"report: {write_report(folder, look, slide=form == 'slide')}")
    if form == "slide":
        typer.echo(f"slide: {folder / 'slide.png'}")
