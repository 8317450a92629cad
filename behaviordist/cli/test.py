"""`behaviordist test`: anybody's distances and costs, tested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest, transfer_test
from behaviordist.store.tables import read_costs, read_square, require_same_labels


def test(
    distances: Annotated[Path, typer.Option(help="Labelled square CSV of distances.")],
    costs: Annotated[
        Path, typer.Option(help="Labelled square CSV, rows = source, columns = target.")
    ],
    gains: Annotated[bool, typer.Option("--gains", help="Higher is better in COSTS.")] = False,
    baseline: Annotated[
        list[str] | None,
        typer.Option(help="NAME=B.csv, a simpler predictor; larger = dearer. Repeatable."),
    ] = None,
    statistic: Annotated[str, typer.Option(help="within-target or two-way.")] = "within-target",
    permutations: Annotated[int, typer.Option(help="Random relabellings.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of relabellings.")] = 0,
    out: Annotated[Path, typer.Option(help="Where test.json goes.")] = Path("reports/test"),
) -> None:
    """Test whether closer behaviors are cheaper to reach."""
    distance_frame = read_square(distances, "distances")
    cost_frame, censored = read_costs(costs)
    require_same_labels(
        list(distance_frame.index), list(cost_frame.index), str(distances), str(costs)
    )
    frames = {name: read_square(path) for name, path in map(_named_path, baseline or [])}
    for name, frame in frames.items():
        require_same_labels(
            list(frame.index), list(cost_frame.index), f"baseline '{name}'", str(costs)
        )
    result = transfer_test(
        distance_frame,
        cost_frame,
        baselines=frames,
        gains=gains,
        statistic=statistic,
        permutations=permutations,
        seed=seed,
        censored=censored,
    )
    result.save(out / "test.json")
    show(result, Console())
    typer.echo(f"written: {out / 'test.json'}")


def show(result: TransferTest, console: Console) -> None:
    """Print the result as a table, its notes, the rule, and the verdict in one sentence."""
    table = Table(title=f"{result.statistic}; positive: closer is cheaper")
    for heading in ("predictor", "value", "95 % interval", "p"):
        table.add_column(heading, justify="left" if heading == "predictor" else "right")
    table.add_row("distance", *_cells(result.value, result.ci_low, result.ci_high, result.p_value))
    for b in result.baselines:
        table.add_row(b.name, *_cells(b.value, b.ci_low, b.ci_high, b.p_value))
    console.print(table)
    console.print(
        f"{result.n_behaviors} behaviors, {result.n_targets} targets, {result.n_pairs} pairs,"
        f" {result.n_missing} missing, {result.n_censored} censored"
    )
    for note in result.notes:
        console.print(f"note: {note}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"rule: {result.rule.text()}", highlight=False, markup=False, soft_wrap=True)
    console.print(result.sentence(), highlight=False, markup=False, soft_wrap=True)


def _cells(value: float, low: float, high: float, p_value: float) -> tuple[str, str, str]:
    return f"{value:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{p_value:.2g}"


def _named_path(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(f"--baseline {text}: expected NAME=FILE.csv")
    return name, Path(path)
