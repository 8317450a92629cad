"""What a page knows of single pairs beyond their distance: witnesses, and distances by tag."""

from __future__ import annotations

import math
from typing import Any

from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.record.formatting import decimal, digits_for


def pair_details(matrix: DistanceMatrix) -> dict[str, list[dict[str, Any]]]:
    """Return "i,j" (i < j) -> small tables of the pair, of what the matrix carries."""
    details = {}
    for one in matrix.metadata.get("witnesses", ()):
        places = [list(matrix.labels).index(x) for x in one["pair"] if x in matrix.labels]
        if len(places) == 2:
            details[",".join(map(str, sorted(places)))] = _tables(one)
    return details


def _with_error(value: float, error: float) -> str:
    digits = digits_for(error)
    known = f" ± {decimal(error, digits)}" if math.isfinite(error) else ""
    return "∞" if math.isinf(value) else f"{decimal(value, digits)}{known}"


def _tables(one: dict[str, Any]) -> list[dict[str, Any]]:
    tables = []
    tags = [[tag, decimal(value, 3)] for tag, value in one.get("tags", {}).items()]
    if tags:
        tables.append({"title": "By tag", "header": ["tag", "distance"], "rows": tags})
    first, second = one["pair"]
    kl = [
        [f"{a} ‖ {b}", _with_error(*said)]
        for (a, b), said in zip(((first, second), (second, first)), one.get("kl", ()), strict=False)
    ]
    if kl:
        tables.append(
            {"title": "KL, both ways", "header": ["from", "nats a token ± se"], "rows": kl}
        )
    rows = [
        [
            w.get("context") or f"{w['probe']}, position {w['position'] + 1}",
            f"{decimal(w['squared'] ** 0.5, 3)} ({w['share']:.0%} of d²)",
        ]
        for w in one["witnesses"]
    ]
    if rows:
        header = ["probe and position", "distance there"]
        tables.append({"title": "Where they differ most", "header": header, "rows": rows})
    return tables
