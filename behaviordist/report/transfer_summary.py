"""The top of a transfer report: the verdict in one plain sentence, and what it rests on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from behaviordist.report.folder import RunFolder
from behaviordist.report.formatting import (
    MISSING,
    NBSP,
    as_float,
    count,
    decimal,
    interval,
    p_value,
    plural,
)
from behaviordist.report.page import Fact, Summary
from behaviordist.report.transfer_tables import nearest_source, reference_labels

CLAIMS = {
    "supported": ("Closer behaviors were cheaper to reach", "yes"),
    "not supported": (
        "This study does not support that closer behaviors are cheaper to reach",
        "no",
    ),
    "inconclusive": ("This study cannot say whether closer behaviors are cheaper to reach", "open"),
}


def transfer_summary(run: RunFolder) -> Summary:
    """Return verdict, statistic, interval, p-value, baselines, and the smallest visible effect."""
    verdict = str(run.test.get("verdict") or "")
    claim, tone = CLAIMS.get(verdict, ("The folder holds no test of the hypothesis", "open"))
    statistic = run.test.get("statistic")
    record = statistic if isinstance(statistic, dict) else {}
    sentences = [
        f"{claim}{_evidence(record)}.",
        _beside(run, record),
        _sensitivity(run),
        _practical(run),
    ]
    facts = _facts(run, record) if run.test else _design_facts(run)
    return Summary(tuple(s for s in sentences if s), facts, verdict or "no test", tone)


def records(value: Any) -> list[dict[str, Any]]:
    """Return the mappings in a JSON list; empty where it is none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _evidence(record: dict[str, Any]) -> str:
    if not math.isfinite(as_float(record.get("value"))):
        return ""
    p = p_value(record.get("p_value"), record.get("permutations"))
    return f": {record.get('name', 'statistic')} {interval(record)}, p{NBSP}{p}"


def _beside(run: RunFolder, record: dict[str, Any]) -> str:
    """Name the baselines, and say which of them predict as well or better."""
    known = [
        b for b in records(run.test.get("baselines")) if math.isfinite(as_float(b.get("value")))
    ]
    if not known:
        return ""
    known.sort(key=lambda b: -as_float(b.get("value")))
    listed = ", ".join(f"{b.get('name')} ({interval(b)})" for b in known)
    better = [
        str(b.get("name"))
        for b in known
        if as_float(b.get("value")) >= as_float(record.get("value"))
    ]
    end = (
        f"{' and '.join(better)} did as well or better." if better else "None of them did as well."
    )
    return f"Simpler explanations, by the same statistic: {listed}. {end}"


def _sensitivity(run: RunFolder) -> str:
    smallest = as_float(run.test.get("minimum_detectable"))
    ceiling = as_float(run.test.get("noise_ceiling"))
    parts = []
    if math.isfinite(smallest):
        parts.append(f"The smallest effect this study could have seen is {decimal(smallest)}")
    if math.isfinite(ceiling):
        words = "the noise between seeds lets no predictor pass"
        parts.append(f"{words if parts else words.capitalize()} {decimal(ceiling)}")
    return "; ".join(parts) + "." if parts else ""


def _practical(run: RunFolder) -> str:
    """Say what starting from the nearest checkpoint saved against starting from the base."""
    base = [str(r.get("label")) for r in run.rows("behaviors") if r.get("role") == "base"]
    if not base or base[0] not in run.costs.index:
        return ""
    saved, references = [], reference_labels(run)
    for target in run.costs.columns:
        column = run.costs[target].drop(index=target, errors="ignore").dropna()
        if target in references or base[0] not in column.index:
            continue
        nearest = nearest_source(run, str(target), [s for s in column.index if s not in references])
        if nearest is not None:
            saved.append(float(column[base[0]] - column[nearest]))
    if not saved:
        return ""
    middle, wins = float(np.median(saved)), sum(s > 0 for s in saved)
    word = "saved" if middle >= 0 else "cost"
    return (
        f"Starting from the nearest checkpoint instead of the base {word} "
        f"{decimal(abs(middle), 1)} steps in the median, and was cheaper for {wins} of "
        f"{plural(len(saved), 'target')}."
    )


def _facts(run: RunFolder, record: dict[str, Any]) -> tuple[Fact, ...]:
    test = run.test
    pairs = f"{count(test.get('n_pairs'))} pairs; {count(test.get('n_missing'))} missing"
    return (
        Fact("statistic", interval(record), str(record.get("name") or "")),
        Fact(
            "p-value",
            p_value(record.get("p_value"), record.get("permutations")).removeprefix(f"={NBSP}"),
            f"one-sided; {count(record.get('permutations'))} relabellings of behaviors",
        ),
        Fact("smallest visible effect", decimal(test.get("minimum_detectable"))),
        Fact("noise ceiling", decimal(test.get("noise_ceiling")), "from two halves of the seeds"),
        Fact(
            "behaviors", count(test.get("n_behaviors")), f"{count(test.get('n_targets'))} targets"
        ),
        Fact("censored pairs", count(test.get("n_censored")), pairs),
        *_noise_floor(run),
    )


def _design_facts(run: RunFolder) -> tuple[Fact, ...]:
    return (Fact("behaviors", count(len(run.distances)) or MISSING), *_noise_floor(run))


def _noise_floor(run: RunFolder) -> tuple[Fact, ...]:
    floor = run.record.get("noise_floor")
    record = floor if isinstance(floor, dict) else {"value": floor}
    if not math.isfinite(as_float(record.get("value"))):
        return ()
    number = f"; {count(record['n'])} regimes" if "n" in record else ""
    meaning = f"distance between two seeds of a regime{number}"
    return (Fact("noise floor", decimal(record.get("value"), 3), meaning),)
