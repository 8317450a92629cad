"""`behaviordist test`: anybody's distances and costs, tested."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from behaviordist.errors import InputError

if TYPE_CHECKING:
    from behaviordist.hypothesis import Estimate, TransferTest
    from behaviordist.hypothesis.long_tables import CostData

Costs = Annotated[
    Path,
    typer.Option(help="Rows = source, columns = target; or long: source,target,cost,..."),
]
Gains = Annotated[bool, typer.Option("--gains", help="Higher is better in COSTS.")]
Baselines = Annotated[
    list[str] | None,
    typer.Option(help="NAME=FILE, a simpler predictor; larger = dearer. Repeatable."),
]
StatisticName = Annotated[
    str,
    typer.Option(
        help="within-target, two-way, kendall, weighted-tau, ndcg, saving@1, saving@3,"
        " percentile@1, percentile@3."
    ),
]
Permutations = Annotated[int, typer.Option(help="Random relabellings.")]
Seed = Annotated[int, typer.Option(help="Of relabellings.")]
CostColumns = Annotated[
    list[str] | None,
    typer.Option(
        "--cost-column",
        help="Cost column of a long table; default the first known one. Repeatable: the first is"
        " the headline, the others are reported beside it.",
    ),
]
CostColumn = Annotated[
    str | None, typer.Option(help="Cost column of a long table; default the first known one.")
]
Rectangular = Annotated[
    bool, typer.Option("--rectangular", help="Sources and targets are different behaviors.")
]
Invalid = Annotated[
    Path | None, typer.Option(help="CSV target,source of pairs that must not count.")
]
Strata = Annotated[
    Path | None, typer.Option(help="CSV label,stratum; names are swapped inside a stratum only.")
]


def test(
    distances: Annotated[Path, typer.Option(help="Labelled square CSV of distances.")],
    costs: Costs,
    gains: Gains = False,
    baseline: Baselines = None,
    statistic: StatisticName = "within-target",
    permutations: Permutations = 10_000,
    seed: Seed = 0,
    cost_column: CostColumns = None,
    rectangular: Rectangular = False,
    invalid: Invalid = None,
    strata: Strata = None,
    models: Annotated[
        bool, typer.Option("--models", help="Also ask regressions; writes models.json.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where test.json goes.")] = Path("reports/test"),
) -> None:
    """Test whether closer behaviors are cheaper to reach."""
    # These bring pandas and scipy; --help of any command must not wait for them.
    from behaviordist.hypothesis import transfer_test
    from behaviordist.hypothesis.long_tables import (
        read_cost_columns,
        read_invalid,
        read_predictor,
        read_strata,
    )
    from behaviordist.hypothesis.models import model_checks
    from behaviordist.store import write_json

    columns = read_cost_columns(costs, cost_column, rectangular)
    data = columns[0]
    labels = labels_of(columns)
    near = read_predictor(distances, "distances", rectangular)
    simpler = {
        name: read_predictor(path, "matrix", rectangular)
        for name, path in named_paths("--baseline", baseline or [])
    }
    results = [
        transfer_test(
            near,
            each.costs,
            baselines=simpler,
            gains=gains,
            statistic=statistic,
            permutations=permutations,
            seed=seed,
            censored=each.censored,
            halves=None if each.halves is None else [each.halves],
            invalid=None if invalid is None else read_invalid(invalid),
            strata=None if strata is None else read_strata(strata, labels),
        )
        for each in columns
    ]
    result = results[0]
    checks: tuple[Estimate, ...] = ()
    if models:
        checks = model_checks(
            near, data.costs, beyond=simpler, gains=gains, runs=data.runs, seed=seed
        )
        write_json(
            out / "models.json", {"schema": 1, "models": [check.to_json() for check in checks]}
        )
    beside = dict(zip(cost_column or [], results, strict=False)) if len(results) > 1 else {}
    extra = {"cost_columns": [_column(*item) for item in beside.items()]} if beside else {}
    write_json(out / "test.json", {**result.to_json(), **extra})
    show(result, Console(), checks)
    for name, each in beside.items():
        typer.echo(f"{name}: {each.sentence()}")
    typer.echo(f"written: {out / 'test.json'}")


def show(result: TransferTest, console: Console, checks: Sequence[Estimate] = ()) -> None:
    """Print the result as a table, its notes, the rule, and the verdict in one sentence."""
    table = Table(title=f"{result.statistic}; positive: closer is cheaper")
    for heading in ("predictor", "value", "95 % interval", "p"):
        table.add_column(heading, justify="left" if heading == "predictor" else "right")
    table.add_row("distance", *_cells(result.value, result.ci_low, result.ci_high, result.p_value))
    for b in result.baselines:
        table.add_row(escape(b.name), *_cells(b.value, b.ci_low, b.ci_high, b.p_value))
    for check in checks:
        table.add_row(
            escape(check.name), *_cells(check.value, check.ci_low, check.ci_high, check.p_value)
        )
    console.print(table)
    console.print(
        f"{result.n_behaviors} behaviors, {result.n_targets} targets, {result.n_pairs} pairs,"
        f" {result.n_missing} missing, {result.n_censored} censored"
    )
    for line in (*(f"note: {note}" for note in result.notes), f"rule: {result.rule.text()}"):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(result.sentence(), highlight=False, markup=False, soft_wrap=True)


def labels_of(columns: Iterable[CostData]) -> list[str]:
    """Return every source and target of any of the cost columns, once."""
    tables = [data.costs for data in columns]
    return list(dict.fromkeys(label for t in tables for label in [*t.index, *t.columns]))


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


def named_paths(option: str, texts: Iterable[str]) -> list[tuple[str, Path]]:
    """Split NAME=FILE texts; `InputError` names the option and the text that is none or again."""
    named: list[tuple[str, Path]] = []
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InputError(f"{option} {text}: expected NAME=FILE.csv")
        if name in dict(named):
            raise InputError(f"{option} {text}: '{name}' is named twice; give each its own name")
        named.append((name, Path(path)))
    return named


def _cells(value: float, low: float, high: float, p_value: float) -> tuple[str, str, str]:
    return f"{value:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{p_value:.2g}"
