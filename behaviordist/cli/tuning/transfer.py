"""`behaviordist transfer`: what it costs to tune real checkpoints into other behaviors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from behaviordist.cli.help import Command, out_to
from behaviordist.cli.inputs import Backend
from behaviordist.cli.terminal import visible

LISTS = ("--sources", "--targets", "--also-score")
Sources = Annotated[
    list[Path] | None,
    typer.Option("--sources", help="Checkpoints to start from.", show_default=False),
]
Targets = Annotated[
    list[Path],
    typer.Option("--targets", help="Regime files to tune into, one or more.", show_default=False),
]


class WithLists(Command):
    """Lets an option take several values, ``--sources A B C``, as shells expand patterns to."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before every further value."""
        spread: list[str] = []
        current: str | None = None
        for word in args:
            if word.startswith("-"):
                current = word if word in LISTS else None
                spread.append(word)
            else:
                again = current is not None and spread[-1] != current
                spread.extend([current, word] if again and current else [word])
        return list(super().parse_args(ctx, spread))


def transfer(
    targets: Targets,
    sources: Sources = None,
    out: Annotated[Path, out_to("Folder of the results.")] = Path("reports/transfer"),
    base: Annotated[
        Path | None,
        typer.Option(
            help="Checkpoint that each target's own run starts from, which sets its level; it is"
            " a source too, the only one if no --sources are named. Without a base the level is the"
            " regime's convergence.at_least.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the weights of every run, under OUT/tuned.")
    ] = False,
    also_score: Annotated[
        list[Path] | None,
        typer.Option(
            help="Regime files on whose held-out examples every run is scored too: what it"
            " forgets, in OUT/forgetting.csv.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of every pair.")] = 3,
    share: Annotated[float, typer.Option(help="tau: this share of the target's level.")] = 0.9,
    seed: Annotated[int, typer.Option(help="Seeds every random draw.")] = 0,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; more than one on several devices.", show_default="1"),
    ] = None,
    backend: Backend = None,
) -> None:
    """Measure transfers on real models; run the same command again to continue them.

    Writes transfers.parquet, costs.csv, censored.csv, measures/ and behaviors/: links to the
    checkpoints under the labels of costs.csv. `behaviordist distance OUT/behaviors/*` and
    `behaviordist test` make it a study.
    """
    from behaviordist.cli.inputs import command_line
    from behaviordist.engines.threads import one_thread_per_process
    from behaviordist.store.cluster import workers
    from behaviordist.studies.real_models.pairs import open_pairs, tune_pairs
    from behaviordist.studies.stages import StageClock

    runs = open_pairs(
        sources or [],
        targets,
        base,
        share=share,
        seeds=seeds,
        seed=seed,
        out=out,
        keep=keep,
        also=also_score or [],
    )
    one_thread_per_process()
    with workers(backend, jobs if jobs or backend else 1, gpus=True) as processes:
        outcome = tune_pairs(runs, processes, StageClock.on_stderr(), command_line())
    if outcome is None:
        return
    matrix, notes = outcome
    for note in notes:
        typer.echo(visible(f"note: {note}"))
    numbers = matrix.costs.round(1).astype(str)
    shown = numbers.where(matrix.censored.fillna(0) == 0, ">" + numbers)
    run = matrix.costs.notna()
    shown = shown.loc[run.any(axis=1), run.any(axis=0)]
    typer.echo("Mean steps until the target's level; rows: source, columns: target")
    typer.echo(visible(shown.replace("nan", "").to_string()))
    typer.echo(f"written: {out / 'costs.csv'}")
