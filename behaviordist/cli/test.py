"""`behaviordist test`: anybody's distances and costs, tested."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console

from behaviordist.cli.help import out_to
from behaviordist.cli.inputs import JsonTo, check_json, give_json
from behaviordist.cli.tables import (
    Baselines,
    CostColumns,
    Costs,
    Gains,
    Invalid,
    Permutations,
    Predictors,
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

if TYPE_CHECKING:
    from behaviordist.hypothesis import PredictorTest, TransferTest
    from behaviordist.hypothesis.inference.intervals import Method

Interval = Annotated[
    str, typer.Option(help="jackknife or bootstrap (of the rank correlations), over behaviors.")
]


def test(
    distances: Annotated[Path, typer.Option(help="Labelled square CSV of distances.")],
    costs: Costs,
    gains: Gains = False,
    baseline: Baselines = None,
    predictor: Predictors = None,
    statistic: StatisticName = "within-target",
    permutations: Permutations = 10_000,
    interval: Interval = "jackknife",
    seed: Seed = 0,
    cost_column: CostColumns = None,
    rectangular: Rectangular = False,  # noqa: ARG001
    invalid: Invalid = None,
    strata: Strata = None,
    units: Units = None,
    models: Annotated[
        bool, typer.Option("--models", help="Also ask regressions; writes models.json.")
    ] = False,
    json_to: JsonTo = None,
    out: Annotated[Path, out_to("Where test.json goes.")] = Path("reports/test"),
) -> None:
    """Test whether closer behaviors are cheaper to reach."""
    # These bring pandas and scipy; --help of any command must not wait for them.
    from behaviordist.hypothesis import transfer_test
    from behaviordist.hypothesis.models.checks import model_checks
    from behaviordist.hypothesis.tables.long_tables import read_predictor
    from behaviordist.store import write_json

    check_json(json_to)
    tables = read_tables(
        [("distance", distances)],
        costs,
        cost_columns=cost_column,
        baselines=baseline,
        invalid=invalid,
        strata=strata,
        units=units,
    )
    further = {
        name: read_predictor(path) for name, path in named_paths("--predictor", predictor or [])
    }
    near, data = tables.distances["distance"], tables.columns[0]
    results = [
        transfer_test(
            near,
            predictors=further,
            gains=gains,
            statistic=statistic,
            permutations=permutations,
            interval=cast("Method", interval),
            seed=seed,
            **tables.of(column),
        )
        for column in tables.columns
    ]
    result = results[0]
    checks: tuple[PredictorTest, ...] = ()
    if models:
        checks = model_checks(
            near,
            data.costs,
            beyond=tables.baselines,
            gains=gains,
            runs=data.runs,
            invalid=tables.invalid,
            strata=tables.strata,
            units=tables.units,
            seed=seed,
        )
        write_json(
            out / "models.json", {"schema": 1, "models": [check.to_json() for check in checks]}
        )
    beside = dict(zip(cost_column or [], results, strict=False)) if len(results) > 1 else {}
    extra = {"cost_columns": [_column(*item) for item in beside.items()]} if beside else {}
    record, aside = {**result.to_json(), **extra}, json_to == "-"
    write_json(out / "test.json", record)
    give_json(json_to, record)
    show(result, Console(stderr=aside), checks)
    for name, each in beside.items():
        typer.echo(visible(f"{name}: {each.sentence()}"), err=aside)
    typer.echo(f"written: {out / 'test.json'}", err=aside)


def show(result: TransferTest, console: Console, checks: Sequence[PredictorTest] = ()) -> None:
    """Print the result as a table, its notes, the rule, and the verdict in one sentence."""
    title = f"{result.statistic}; positive: closer is cheaper"
    shown = table(title, ("predictor", "value", "95 % interval", "p"))
    shown.add_row("distance", *_cells(result.value, result.ci_low, result.ci_high, result.p_value))
    beyond = [result.beyond_sources] if result.beyond_sources else []
    for e in (*beyond, *result.predictors, *result.baselines, *checks):
        name = f"distance, {e.name}" if e is result.beyond_sources else e.name
        shown.add_row(cell(name), *_cells(e.value, e.ci_low, e.ci_high, e.p_value))
    console.print(shown)
    console.print(_counts(result), soft_wrap=True)
    for line in (*(f"note: {note}" for note in result.notes), f"rule: {result.rule.text()}"):
        say(console, line)
    say(console, result.sentence())


def _counts(result: TransferTest) -> str:
    """Say what was counted, and how far a predictor could get."""
    units = f" in {result.n_units} units" if result.n_units < result.n_behaviors else ""
    ceiling = result.tie_ceiling if result.noise_ceiling is None else result.noise_ceiling
    return (
        f"{result.n_behaviors} behaviors{units}, {result.n_targets} targets,"
        f" {result.n_pairs} pairs, {result.n_missing} missing, {result.n_censored} censored;"
        f" a predictor without ties reaches {ceiling:.2f} at most"
    )


def _column(name: str, result: TransferTest) -> dict[str, Any]:
    """Return what test.json says about one of several cost columns."""
    record = result.to_json()
    keys = ("n_pairs", "n_missing", "n_censored", "noise_ceiling", "verdict", "sentence")
    return {
        "column": name,
        "statistic": record["statistic"],
        **{key: record[key] for key in keys},
        "baselines": record["baselines"],
    }


def _cells(value: float, low: float, high: float, p_value: float) -> tuple[str, str, str]:
    return f"{value:+.3f}", span(low, high, 3), f"{p_value:.2g}"
