"""`behaviordist atlas`: what a folder of fingerprints says, without a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from behaviordist.cli.help import Command, out_to
from behaviordist.cli.terminal import cell, visible
from behaviordist.errors import InputError

app = typer.Typer(name="atlas", help="What a folder of fingerprints says.", no_args_is_help=True)

POOR = 2 / 3
PICTURES = (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".html")
Folder = Annotated[Path, typer.Argument(metavar="ATLAS", help="Of `behaviordist fingerprint`.")]
Kind = Annotated[
    str | None,
    typer.Option(
        help="Which matrix, where there are several: hellinger-general, ...",
        show_default="the only one",
    ),
]


@app.command("ls", cls=Command)
def ls(atlas: Folder) -> None:
    """List the fingerprints: behavior, geometry, probes, sketch, size."""
    from behaviordist.distance.atlas.folder import listed

    rows = [
        (e.label, e.geometry, e.texts.get("probe_set", ""), e.kept, f"{e.path.stat().st_size:,}")
        for e in listed(atlas)
    ]
    if not rows:
        raise InputError(
            f"{atlas} holds no fingerprints; make some with `behaviordist fingerprint`"
        )
    _table(("behavior", "geometry", "probes", "kept as", "bytes"), rows)


@app.command("nearest", cls=Command)
def nearest(
    atlas: Folder,
    label: Annotated[str, typer.Argument(help="A behavior of the atlas.", show_default=False)],
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    kind: Kind = None,
) -> None:
    """Name the behaviors nearest to one, with 95 % intervals."""
    from behaviordist.distance.atlas.choosing import matrix_in
    from behaviordist.distance.atlas.nearest import nearest as of

    found = of(matrix_in(atlas, kind), label, k)
    rows = [
        (n.label, f"{n.distance:.4f}", f"{n.low:.4f} to {n.high:.4f}", n.state, "yes" * n.surely)
        for n in found
    ]
    _table(("behavior", "distance", "95% interval", "state", "nearer"), rows)
    typer.echo(
        "Intervals are of each pair by itself. Nearer: it ends below those of all that lie farther,"
        " listed or not; a row without a yes may tie with what comes after it."
    )


@app.command("map", cls=Command)
def map_(
    atlas: Folder,
    out: Annotated[Path, out_to("Folder of coordinates.csv and map.png.")] = Path("reports/map"),
    kind: Kind = None,
) -> None:
    """Place the behaviors in a plane by their distances; past 500 by landmarks."""
    import pandas as pd

    from behaviordist.distance.analysis.ordination import LANDMARKS, landmark_coordinates
    from behaviordist.distance.atlas.choosing import matrix_in
    from behaviordist.report.figures.ordination import draw_ordination
    from behaviordist.report.figures.render import render_figure
    from behaviordist.store import write_bytes, write_text
    from behaviordist.store.folders import check_folder

    check_folder(out)
    matrix = matrix_in(atlas, kind)
    made = landmark_coordinates(matrix)
    table = pd.DataFrame(made.coordinates, index=list(made.labels), columns=["axis_1", "axis_2"])
    write_text(out / "coordinates.csv", table.to_csv(index_label="label"))
    drawn = render_figure("map", draw_ordination(made, {})[0], "Behaviors by distance", "")
    write_bytes(out / "map.png", drawn.png)
    by = f", by {LANDMARKS} landmarks" if len(matrix) > LANDMARKS else ""
    shown = made.explained.sum()
    typer.echo(f"{len(matrix)} behaviors{by}: two axes show {shown:.0%} of the squared distances.")
    if shown < POOR:
        typer.echo("Less than two thirds: places in it may mislead; read the distances themselves.")
    typer.echo(visible(f"Map: {out / 'map.png'}"))


@app.command("tree", cls=Command)
def tree(
    atlas: Folder,
    out: Annotated[Path | None, out_to("File of the Newick text.", show_default="shown")] = None,
    replicates: Annotated[
        int, typer.Option(help="Draws of the probes behind the support; 0: none.")
    ] = 100,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    kind: Kind = None,
) -> None:
    """Join behaviors into a tree (Newick): branches in squared distance, support over probes."""
    from behaviordist.distance.analysis.tree import tree_of
    from behaviordist.distance.atlas.choosing import matrix_in, prints_of
    from behaviordist.store import write_text
    from behaviordist.store.folders import check_folder

    if out is not None:
        if out.suffix.lower() in PICTURES:
            raise InputError(f"{out}: a tree is Newick text, no picture; name a .nwk file")
        check_folder(out.parent)
    prints = prints_of(atlas, matrix_in(atlas, kind))
    newick, support = tree_of(prints, replicates=replicates, seed=seed)
    if out is None:
        typer.echo(visible(newick))
    else:
        write_text(out, newick + "\n")
        typer.echo(visible(f"Tree: {out}"))
    if support:
        weak = sum(value < 0.7 for value in support.values())
        branches = f"{len(support)} inner branches, {weak} of them in fewer than 70 %"
        typer.echo(f"{branches} of {replicates} draws.", err=out is None)


@app.command("drift", cls=Command)
def drift(
    atlas: Folder,
    series: Annotated[
        str,
        typer.Option(help="Labels of the series: 'base@revision=step*', in the order of numbers."),
    ] = "*",
    kind: Kind = None,
) -> None:
    """Follow a series of checkpoints: distance from the first and from the one before."""
    from behaviordist.distance.atlas import drift as of
    from behaviordist.distance.atlas.choosing import matrix_in

    matrix = matrix_in(atlas, kind)
    places = of.drift(matrix, of.series(matrix.labels, series))
    rows = [
        (
            p.label,
            f"{p.start:.4f}",
            f"{p.start_low:.4f} to {p.start_high:.4f}",
            f"{p.step:.4f}",
            f"{p.step_low:.4f} to {p.step_high:.4f}",
            f"{p.path:.4f}",
            "" if p.straight != p.straight else f"{p.straight:.2f}",
        )
        for p in places
    ]
    heads = ("checkpoint", "from the first", "95% interval", "step", "95% interval", "path")
    _table((*heads, "straight"), rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for k, head in enumerate(heads):
        table.add_column(head, justify="left" if k == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(cell, row))
    Console().print(table)
