"""What is left of the predictor where it might hold by construction."""

from __future__ import annotations

import pandas as pd

from behaviordist.errors import InputError
from behaviordist.hypothesis import TransferTest, transfer_test
from behaviordist.studies.law.tables import LABEL, START, WEIGHTS, Tables, told

LOW_START = 0.1


def objection_rows(tables: Tables, permutations: int, seed: int) -> list[tuple[str, ...]]:
    """Return one row a selection of pairs: KL and weights inside targets, and the cells."""
    start = 1 - tables.predictors[START]
    cost, both = tables.costs, (tables.nats, tables.baselines[WEIGHTS])
    soft = [s for s, kind in tables.kind.items() if kind == "mixture of A"]
    parts = {
        "all": cost,
        f"score at step 0 of {LOW_START:g} or less": cost.where(start <= LOW_START),
        "RLVR targets, whose objective it is not": cost[tables.of("rlvr")],
        "B is not A's main function": cost.where(tables.baselines[LABEL] == 1),
        "one base, soft sources: weights at their best": cost.loc[soft],
    }
    asked = [(name, part, part, both) for name, part in parts.items()]
    without = [_without(frame, start) for frame in (cost, *both)]
    name = "partial: the score at step 0 regressed out"
    asked.append((name, cost, without[0], (without[1], without[2])))
    return [
        (
            name,
            *(_text(frame, costs, tables, permutations, seed) for frame in predictors),
            str(int(cells.notna().to_numpy().sum())),
        )
        for name, cells, costs, predictors in asked
    ]


def _text(
    predictor: pd.DataFrame, costs: pd.DataFrame, tables: Tables, permutations: int, seed: int
) -> str:
    kept = costs.dropna(axis=0, how="all")
    try:
        test: TransferTest = transfer_test(
            predictor.loc[kept.index, kept.columns],
            kept,
            units=tables.units_in(kept),
            permutations=min(permutations, 999),
            seed=seed,
        )
    except InputError as error:
        return str(error).split(":")[0]
    return told(test)


def _without(values: pd.DataFrame, covariate: pd.DataFrame) -> pd.DataFrame:
    """Return ranks inside a target with those of another number regressed out."""
    y = values.rank()
    x = covariate.loc[y.index, y.columns].where(y.notna()).rank()
    y, x = y - y.mean(), x - x.mean()
    slope = (x * y).sum() / (x**2).sum().where(lambda s: s > 0)
    return y - x * slope.fillna(0.0)
