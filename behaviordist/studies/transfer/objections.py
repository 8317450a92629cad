"""What is left of the predictor where it might hold by construction."""

from __future__ import annotations

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest, transfer_test
from behaviordist.studies.law.tables import LABEL, START, WEIGHTS, Tables

LOW_START = 0.1


def objection_rows(tables: Tables, permutations: int, seed: int) -> list[tuple[str, ...]]:
    """Return one row a selection of pairs: KL and weights inside targets, and the cells."""
    start = 1 - tables.predictors[START]
    cost = tables.costs
    verified = tables.of("rlvr")
    soft = [s for s, kind in tables.kind.items() if kind == "mixture of A"]
    partial = _without(cost, start), _without(tables.nats, start)
    return [
        _row("all", tables, cost, permutations, seed),
        _row(
            f"score at step 0 of {LOW_START:g} or less",
            tables,
            cost.where(start <= LOW_START),
            permutations,
            seed,
        ),
        _row("RLVR targets, whose objective it is not", tables, cost[verified], permutations, seed),
        _row(
            "B is not A's main function",
            tables,
            cost.where(tables.baselines[LABEL] == 1),
            permutations,
            seed,
        ),
        _row(
            "one base, soft sources: weights at their best",
            tables,
            cost.loc[soft],
            permutations,
            seed,
        ),
        (
            "partial: the score at step 0 regressed out",
            _text(partial[1], partial[0], tables, permutations, seed),
            _text(
                _without(tables.baselines[WEIGHTS], start), partial[0], tables, permutations, seed
            ),
            str(int(cost.notna().to_numpy().sum())),
        ),
    ]


def _row(
    name: str, tables: Tables, costs: pd.DataFrame, permutations: int, seed: int
) -> tuple[str, ...]:
    cells = [
        _text(frame, costs, tables, permutations, seed)
        for frame in (tables.nats, tables.baselines[WEIGHTS])
    ]
    return (name, *cells, str(int(costs.notna().to_numpy().sum())))


def _text(
    predictor: pd.DataFrame, costs: pd.DataFrame, tables: Tables, permutations: int, seed: int
) -> str:
    kept = costs.dropna(axis=0, how="all")
    labels = {*kept.index, *kept.columns}
    try:
        test: TransferTest = transfer_test(
            predictor.loc[kept.index, kept.columns],
            kept,
            units={label: unit for label, unit in tables.units.items() if label in labels},
            permutations=min(permutations, 999),
            seed=seed,
        )
    except InputError as error:
        return str(error).split(":")[0]
    return f"{test.value:.2f} [{test.ci_low:.2f}, {test.ci_high:.2f}]".replace("-", "−")


def _without(values: pd.DataFrame, covariate: pd.DataFrame) -> pd.DataFrame:
    """Return ranks inside a target with those of another number regressed out."""
    y = values.rank()
    x = covariate.loc[y.index, y.columns].where(y.notna()).rank()
    y, x = y - y.mean(), x - x.mean()
    slope = (x * y).sum() / (x**2).sum().where(lambda s: s > 0)
    return y - x * slope.fillna(0.0)
