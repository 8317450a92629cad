"""A study of transfers as version 0.1.0 wrote it: numbers in ``run.json`` and ``test.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.distance.matrix_files import NPZ
from behaviordist.record.transfers.findings import remarks, transfer_findings
from behaviordist.record.transfers.matrices import Costs
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.store.tables import read_parquet, read_square

ROWS = ("base_chance", "targets")
# Of what 0.1.0 called baselines, these open no function; the others are predictors.
BASELINES = ("weight-space distance", "source quality", "random")
COUNTS = ("n_behaviors", "n_targets", "n_pairs", "n_missing", "n_censored")


def read_findings(
    value: dict[str, Any], test: dict[str, Any] | None, behaviors: Any, folder: Path
) -> dict[str, Any]:
    """Return findings, numbers and notes of an old record, its test and its tables.

    Parameters
    ----------
    value, test
        ``run.json`` and ``test.json`` (None where there was no test).
    behaviors
        Rows of behaviors in today's shape.
    folder
        Holds costs, distances and transfers.
    """
    numbers = TransferNumbers.model_validate(
        {
            **{key: value[key] for key in ROWS if key in value},
            "behaviors": behaviors,
            "outcome": _outcome(test) if test else None,
            "untested": value.get("untested", ""),
            "geometries": _estimates(value, "geometries"),
            "measures": _estimates(value, "cost_measures"),
            "parts": _estimates(value, "parts"),
            "factors": _estimates(value, "factors"),
            "split_half": value.get("split_half", {}),
            "sweep": [_tau(row) for row in value.get("tau_sweep", [])],
            "places": [_place(row) for row in value.get("places", [])],
            "noise_floor": _floor(value.get("noise_floor")),
            "random_start": value.get("random_start", []),
        }
    )
    costs = _costs(folder, numbers)
    return {
        "findings": transfer_findings(numbers, costs, _targets(folder / "transfers.parquet")),
        "numbers": numbers,
        "notes": [*value.get("notes", []), *remarks(numbers, costs)],
    }


def _outcome(test: dict[str, Any]) -> dict[str, Any]:
    head, others = test["statistic"], _estimates(test, "baselines")
    return {
        "statistic": {**_estimate(head), "smallest_effect": test["minimum_detectable"]},
        "permutations": head["permutations"],
        "verdict": test["verdict"],
        "rule": test.get("rule", {}).get("text", ""),
        "baselines": [row for row in others if row["label"] in BASELINES],
        "predictors": [row for row in others if row["label"] not in BASELINES],
        "noise_ceiling": test.get("noise_ceiling"),
        "per_target": test.get("per_target", []),
        "left_out": [(row["target"], row["reason"]) for row in test.get("left_out", [])],
        "notes": test.get("notes", []),
        **{key: test[key] for key in COUNTS},
    }


def _estimate(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "label": row["name"],
        "value": row["value"],
        "low": row.get("ci_low"),
        "high": row.get("ci_high"),
        "p_value": row.get("p_value"),
        "reason": row.get("reason", ""),
    }


def _estimates(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    return [_estimate(row) for row in value.get(key, [])]


def _tau(row: dict[str, Any]) -> dict[str, Any]:
    censored = row.get("n_censored") or 0
    return {"share": row["share"], "estimate": _estimate(row), "n_censored": censored}


def _place(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "estimate": _estimate(row),
        "floor": row["floor"],
        "apart": row["apart"],
        "n_apart": row["n"] - row["indistinguishable"],
        "n": row["n"],
    }


def _floor(value: Any) -> dict[str, Any] | None:
    return None if not value else {"value": value["value"], "n": value["n"]}


def _costs(folder: Path, numbers: TransferNumbers) -> Costs | None:
    if not (folder / "costs.csv").is_file():
        return None
    frame = read_square(folder / "costs.csv", "costs")
    censored = folder / "censored.csv"
    return Costs(
        frame,
        read_square(censored, "matrix") if censored.is_file() else pd.DataFrame(dtype=float),
        DistanceMatrix.load(folder) if (folder / NPZ).is_file() else None,
        numbers.references,
    )


def _targets(path: Path) -> Sequence[str]:
    if not path.is_file():
        return ()
    return [str(t) for t in read_parquet(path, ["target"])["target"].unique()]
