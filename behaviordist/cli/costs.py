"""`behaviordist costs import`: costs out of anybody's training logs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from behaviordist.cli.help import Command, out_to

app = typer.Typer(name="costs", help="Costs from training logs.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Costs from training logs."""


@app.command("import", cls=Command)
def import_(
    manifest: Annotated[
        Path,
        typer.Argument(
            help="CSV: source,target,path[,seed,budget,level], paths relative to it; or a wide"
            " table: source, one column of scores a budget."
        ),
    ],
    metric: Annotated[str | None, typer.Option(help="Name of the score in the logs.")] = None,
    tau: Annotated[float | None, typer.Option(help="Score at which a run has arrived.")] = None,
    share: Annotated[
        float | None, typer.Option(help="Or: this share of the target's own level.")
    ] = None,
    lower: Annotated[bool, typer.Option("--lower", help="Lower scores are better.")] = False,
    target: Annotated[
        str | None, typer.Option(help="Of a wide table's runs.", show_default="the file's name")
    ] = None,
    out: Annotated[Path, out_to("Long table to write.")] = Path("costs.csv"),
) -> None:
    """Read trainer_state.json, TRL, TensorBoard, JSON-lines or CSV logs into one table of costs."""
    from behaviordist.store import write_text
    from behaviordist.transfer.import_logs import TauRule, import_costs

    costs = import_costs(manifest, metric, TauRule(tau, share, lower), target)
    write_text(out, costs.to_csv(index=False))
    typer.echo(
        f"{len(costs)} runs, {int(costs['censored'].sum())} censored; written: {out}"
        f" (use it as --costs {out})"
    )
