"""The tables of `test` and `leaderboard`: their options, and one reader of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from behaviordist.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from behaviordist.hypothesis.tables.long_tables import CostData

Costs = Annotated[
    Path,
    typer.Option(help="Rows = source, columns = target; or long: source,target,cost,..."),
]
Gains = Annotated[bool, typer.Option("--gains", help="Higher is better in COSTS.")]
Baselines = Annotated[
    list[str] | None,
    typer.Option(
        help="NAME=FILE, a simpler explanation that opens no function, such as a"
        " distance of weights; larger = dearer. Repeatable."
    ),
]
StatisticName = Annotated[
    str,
    typer.Option(
        help="within-target, two-way, kendall, weighted-tau, scipy-weighted-tau, ndcg, saving@1,"
        " saving@3, percentile@1, percentile@3."
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
    bool,
    typer.Option("--rectangular", hidden=True, help="Not needed: a table says itself what it is."),
]
Predictors = Annotated[
    list[str] | None,
    typer.Option(
        "--predictor",
        help="NAME=FILE, another predictor that looks at the functions,"
        " such as the score at step 0; larger = dearer. Repeatable.",
    ),
]
Units = Annotated[
    Path | None,
    typer.Option(help="CSV label,unit: behaviors of one function, base or family are one unit."),
]
Invalid = Annotated[
    Path | None, typer.Option(help="CSV target,source of pairs that must not count.")
]
Strata = Annotated[
    Path | None, typer.Option(help="CSV label,stratum; names are swapped inside a stratum only.")
]


@dataclass(frozen=True)
class Tables:
    """What was read.

    Attributes
    ----------
    columns
        The cost columns, the headline first.
    distances, baselines
        Predictors by name.
    invalid
        Sources that must not count, for each target.
    strata, units
        Stratum and unit of each label.
    """

    columns: list[CostData]
    distances: dict[str, pd.DataFrame]
    baselines: dict[str, pd.DataFrame]
    invalid: dict[str, list[str]] | None
    strata: dict[str, str] | None
    units: dict[str, str] | None

    def of(self, column: CostData) -> dict[str, Any]:
        """Return the arguments that `transfer_test` and `leaderboard` share."""
        return {
            "costs": column.costs,
            "baselines": self.baselines,
            "censored": column.censored,
            "halves": None if column.halves is None else [column.halves],
            "invalid": self.invalid,
            "strata": self.strata,
            "units": self.units,
        }


def read_tables(
    distances: Iterable[tuple[str, Path]],
    costs: Path,
    *,
    cost_columns: Sequence[str] | None,
    baselines: Sequence[str] | None,
    invalid: Path | None,
    strata: Path | None,
    units: Path | None,
) -> Tables:
    """Read named distances, the costs and what goes with them; `InputError` names the file."""
    # These bring pandas and scipy; --help of any command must not wait for them.
    from behaviordist.hypothesis.tables.long_tables import (
        read_cost_columns,
        read_groups,
        read_invalid,
        read_predictor,
    )

    columns = read_cost_columns(costs, cost_columns)
    simpler = named_paths("--baseline", baselines or [])
    return Tables(
        columns,
        {name: read_predictor(path) for name, path in distances},
        {name: read_predictor(path) for name, path in simpler},
        None if invalid is None else read_invalid(invalid),
        None if strata is None else read_groups(strata, "stratum", _labels_of(columns)),
        None if units is None else read_groups(units, "unit", []),
    )


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


def _labels_of(columns: Iterable[CostData]) -> list[str]:
    """Return every source and target of any of the cost columns, once."""
    tables = [data.costs for data in columns]
    return list(dict.fromkeys(label for t in tables for label in [*t.index, *t.columns]))


def span(low: float, high: float, digits: int = 2) -> str:
    """Return an interval as a cell of a terminal table; a dash where it is not known."""
    if math.isnan(low) or math.isnan(high):
        return "–"
    return f"{low:+.{digits}f} to {high:+.{digits}f}"
