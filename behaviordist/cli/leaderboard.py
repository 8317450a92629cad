"""`behaviordist leaderboard`: which predictor of transfer cost is the best one."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from behaviordist.cli.help import out_to
from behaviordist.cli.tables import (
    Baselines,
    CostColumns,
    Costs,
    Gains,
    Invalid,
    Permutations,
    Rectangular,
    Seed,
    StatisticName,
    Strata,
    Units,
    named_paths,
    read_tables,
    span,
)
from behaviordist.cli.terminal import cell, say, table, visible
from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.hypothesis import Leaderboard


def leaderboard(
    distances: Annotated[
        list[str], typer.Option(help="NAME=FILE, a distance that may predict cost. Repeatable.")
    ],
    costs: Costs,
    gains: Gains = False,
    baseline: Baselines = None,
    seconds: Annotated[
        list[str] | None, typer.Option(help="NAME=SECONDS that computing a predictor took.")
    ] = None,
    statistic: StatisticName = "within-target",
    permutations: Permutations = 10_000,
    seed: Seed = 0,
    cost_column: CostColumns = None,
    rectangular: Rectangular = False,  # noqa: ARG001
    invalid: Invalid = None,
    strata: Strata = None,
    units: Units = None,
    out: Annotated[Path, out_to("Where the files go.")] = Path("reports/leaderboard"),
) -> None:
    """Compare predictors of transfer cost; writes leaderboard.json, .csv, .png and .svg."""
    from behaviordist.hypothesis import leaderboard as compare

    tables = read_tables(
        named_paths("--distances", distances),
        costs,
        cost_columns=cost_column,
        baselines=baseline,
        invalid=invalid,
        strata=strata,
        units=units,
    )
    took = {name: _seconds(text) for name, text in named_paths("--seconds", seconds or [])}
    results = [
        compare(
            tables.distances,
            gains=gains,
            statistic=statistic,
            permutations=permutations,
            seed=seed,
            seconds=took,
            **tables.of(column),
        )
        for column in tables.columns
    ]
    beside = dict(zip(cost_column or [], results, strict=False)) if len(results) > 1 else {}
    _write(results[0], beside, out)
    _draw(results[0], out)
    _show(results[0], Console())
    for name, result in list(beside.items())[1:]:
        typer.echo(visible(f"\ncost column {name}"))
        _show(result, Console())
    typer.echo(f"written: {out}/leaderboard.json, .csv, .png, .svg")


def _write(headline: Leaderboard, columns: dict[str, Leaderboard], out: Path) -> None:
    """Write the JSON and the CSV; with several cost columns, all of them in both."""
    import pandas as pd

    from behaviordist.store import write_json, write_text

    extra = [{"column": name, **board.to_json()} for name, board in columns.items()]
    record = headline.to_json() | ({"cost_columns": extra} if extra else {})
    write_json(out / "leaderboard.json", record)
    tables = [b.to_pandas().assign(cost_column=name) for name, b in columns.items()]
    table = pd.concat(tables) if tables else headline.to_pandas()
    write_text(out / "leaderboard.csv", table.to_csv(index=False))


def _seconds(text: Path) -> float:
    try:
        value = float(str(text))
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise InputError(f"--seconds: '{text}' is not a number of seconds")
    return value


def _show(result: Leaderboard, console: Console) -> None:
    headings = ("predictor", "value", "95 % interval", "p", "p adj.", "vs best baseline",
                "regret@1", "seconds")  # fmt: skip
    shown = table(f"{result.statistic}; positive: closer is cheaper", headings)
    for row in result.rows:
        versus = "" if row.baseline else (
            f"{row.difference:+.2f} ({span(row.difference_low, row.difference_high)})"
        )  # fmt: skip
        shown.add_row(
            cell(f"{row.name} (baseline)" if row.baseline else row.name),
            f"{row.value:+.3f}",
            span(row.ci_low, row.ci_high),
            f"{row.p_value:.2g}",
            f"{row.p_adjusted:.2g}",
            versus,
            f"{row.regret:.2f}",
            "" if math.isnan(row.seconds) else f"{row.seconds:.3g}",
        )
    console.print(shown)
    ceiling = "" if result.noise_ceiling is None else f"; noise ceiling {result.noise_ceiling:.2f}"
    say(
        console,
        f"{result.n_behaviors} behaviors, {result.n_targets} targets, {result.n_pairs} pairs;"
        f" best baseline: {result.best_baseline}{ceiling}",
    )
    for note in result.notes:
        say(console, f"note: {note}")
    say(console, result.sentence())


def _draw(result: Leaderboard, out: Path) -> None:
    from behaviordist.record import Estimate, Intervals
    from behaviordist.report.figures.forest import draw_forest
    from behaviordist.store import write_bytes

    distances, baselines = (
        tuple(Estimate.of(row) for row in result.rows if row.baseline == baseline)
        for baseline in (False, True)
    )
    ceiling = result.noise_ceiling
    figure = draw_forest(
        Intervals(
            name="leaderboard",
            title="",
            caption="",
            unit=f"{result.statistic}, 95 % intervals (positive: closer is cheaper)",
            groups=(("distances", distances), ("baselines", baselines)),
            main=tuple(row.label for row in distances),
            levels=() if ceiling is None else (("noise ceiling", ceiling),),
        )
    )
    for ending in ("png", "svg"):
        drawn = BytesIO()
        figure.savefig(drawn, format=ending, dpi=130)
        write_bytes(out / f"leaderboard.{ending}", drawn.getvalue())
