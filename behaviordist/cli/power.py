"""`behaviordist power`: how large a study has to be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from behaviordist.cli.tables import Units
from behaviordist.errors import InputError


def power(
    rho: Annotated[float, typer.Option(help="Effect: within-target rank correlation.")] = 0.3,
    reliability: Annotated[
        float | None, typer.Option(help="Of one seed's costs; default 1, or from --costs.")
    ] = None,
    costs: Annotated[
        Path | None, typer.Option(help="Long table of a pilot with several seeds.")
    ] = None,
    cost_column: Annotated[str | None, typer.Option(help="Its cost column.")] = None,
    behaviors: Annotated[str, typer.Option(help="Numbers to try.")] = "6,8,10,12,14,16,20,24,30",
    seeds: Annotated[str, typer.Option(help="Numbers to try.")] = "1,2,3",
    source_share: Annotated[
        float, typer.Option(help="Share of residual variance that is source quality.")
    ] = 0.0,
    units: Units = None,
    studies: Annotated[int, typer.Option(help="Simulated studies of each size.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 0,
) -> None:
    """Say how many behaviors and seeds it takes to detect an effect."""
    from behaviordist.hypothesis.power import power as simulate
    from behaviordist.hypothesis.tables.long_tables import read_groups

    if costs is not None and reliability is not None:
        raise InputError("give --reliability or --costs, not both")
    single = reliability if reliability is not None else 1.0
    if costs is not None:
        single = _pilot_reliability(costs, cost_column)
        typer.echo(f"reliability of one seed in the pilot: {single:.2f}")
    result = simulate(
        rho,
        reliability=single,
        behaviors=_integers("--behaviors", behaviors),
        seeds=_integers("--seeds", seeds),
        source_share=source_share,
        units=None if units is None else read_groups(units, "unit", []),
        studies=studies,
        seed=seed,
    )
    table = Table(
        title=f"power to support rho = {rho:g}, in brackets for p <= {result.rule.alpha:g} alone"
        f" (Monte Carlo error {result.standard_error:.2f})"
    )
    table.add_column("behaviors", justify="right")
    for column in result.seeds:
        table.add_column(f"{column} seed(s)", justify="right")
    for n, row, effects in zip(result.behaviors, result.supported, result.significant, strict=True):
        table.add_row(str(n), *(f"{v:.0%} ({f:.0%})" for v, f in zip(row, effects, strict=True)))
    console = Console()
    console.print(table)
    console.print(result.sentence(), highlight=False, soft_wrap=True)


def _pilot_reliability(path: Path, column: str | None) -> float:
    from behaviordist.hypothesis.inference.reliability import split_half
    from behaviordist.hypothesis.power import single_seed_reliability
    from behaviordist.hypothesis.statistics.statistic import statistic_named
    from behaviordist.hypothesis.tables.long_tables import read_cost_data

    data = read_cost_data(path, column)
    if data.halves is None or data.runs is None:
        raise InputError(f"{path}: one seed only; reliability needs two or more (column 'seed')")
    first, second = (half.to_numpy() for half in data.halves)
    r = split_half(statistic_named("within-target"), [(first, second)])
    if r <= 0:
        raise InputError(f"{path}: costs do not repeat between seeds (split-half {r:.2f})")
    return single_seed_reliability(r, max(1, data.runs["seed"].nunique() // 2))


def _integers(option: str, text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{option} {text}: expected whole numbers separated by commas") from None
