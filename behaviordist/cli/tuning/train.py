"""`behaviordist train`: one checkpoint tuned under one regime file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from behaviordist.cli.help import out_to
from behaviordist.cli.terminal import visible


def train(
    regime: Annotated[
        Path, typer.Argument(metavar="REGIME.yaml", help="What to tune for.", show_default=False)
    ],
    start: Annotated[
        Path, typer.Option("--from", help="Checkpoint folder to start from.", show_default=False)
    ],
    out: Annotated[Path, out_to("Folder of the tuned checkpoint.", show_default=False)],
    seed: Annotated[int, typer.Option(help="Seeds every random draw.")] = 0,
) -> None:
    """Tune one checkpoint under a regime file; run the same command again to continue.

    `distance` calls a checkpoint what its folder is called, `transfer` what its regime is called
    (algorithm-task).
    """
    from rich.console import Console

    from behaviordist.cli.inputs import heartbeat
    from behaviordist.engines.threads import one_thread_per_process
    from behaviordist.store import ranks
    from behaviordist.store.stages import stage
    from behaviordist.studies.real_models.training import train_into

    one_thread_per_process()
    console = Console(stderr=True, quiet=not ranks.is_first())
    with heartbeat(console), stage(f"tuning {start.name} under {regime.name}"):
        reached = train_into(out, regime, start, seed)
    if not ranks.is_first():
        return
    rule = reached["evidence"]["rule"]
    met = f"meets its rule ({rule})" if reached["converged"] else f"did not meet its rule ({rule})"
    said = f"score {reached['score']:.3g} after {reached['steps']} steps; {met}"
    typer.echo(visible(said))
    typer.echo(visible(f"written: {out}"))
