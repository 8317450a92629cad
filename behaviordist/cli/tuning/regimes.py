"""`behaviordist regimes`: the algorithms, a file to fill in, the schema of such files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from behaviordist.cli.help import Command, out_to
from behaviordist.cli.inputs import AsJson

app = typer.Typer(
    name="regimes", help="List algorithms, begin a regime file, print its schema.",
    no_args_is_help=True,
)  # fmt: skip


@app.command("list", cls=Command)
def list_algorithms(as_json: AsJson = False) -> None:
    """List the algorithms that a regime can name."""
    from behaviordist.regimes.base import ALGORITHMS
    from behaviordist.regimes.template import summary

    lines = {name: summary(name) for name in ALGORITHMS}
    if as_json:
        typer.echo(json.dumps(lines, indent=1))
        return
    for name, line in lines.items():
        typer.echo(f"{name:<9} {line}")


@app.command("new", cls=Command)
def new(
    algorithm: Annotated[str, typer.Argument(help="As in the list.", show_default=False)],
    out: Annotated[
        Path | None, out_to("File to write; it must not be there yet.", show_default="print it")
    ] = None,
) -> None:
    """Begin a regime file: what must be said, and what else the algorithm reads, explained."""
    from behaviordist.errors import InputError
    from behaviordist.regimes.template import template
    from behaviordist.store import write_text

    text = template(algorithm)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists():
        raise InputError(f"--out {out} is there already: give a file that is not")
    write_text(out, text)
    typer.echo(f"written: {out}")


@app.command("schema", cls=Command)
def print_schema() -> None:
    """Print the JSON schema of regime files, by which editors check and complete them."""
    from behaviordist.regimes.template import schema

    typer.echo(json.dumps(schema(), indent=1))
