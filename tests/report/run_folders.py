"""Made-up folders of runs with a planted truth: cost grows with distance inside every target."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

TASKS = ("copy", "reverse", "rotate", "sort", "shift", "swap", "double", "upper", "drop", "mirror")
HOSTILE = (
    "<script>alert(1)</script>",
    "a $\\frac{1}{0} & 'quotes' \"too\"",
    "models/very/long/path/to/a/checkpoint/that/never/seems/to/end/step-100000@temperature=0.7,quant=int8",
    "naïve-日本語-☃",
)
BUDGET = 80
STEPS = (0, 5, 10, 15, 20, 30, 40, 60, 80)


def write_transfer_run(folder: Path, n: int = 6, seed: int = 0, hostile: bool = False) -> Path:
    """Write the folder of a transfer study of `n` behaviors, a base and random weights."""
    rng = np.random.default_rng(seed)
    behaviors = _behaviors(n, hostile)
    labels = [row["label"] for row in behaviors]
    points = _points(behaviors, rng)
    distances = _write_distances(folder, labels, points, rng)
    transfers = _transfers(behaviors, distances, rng)
    transfers.to_parquet(folder / "transfers.parquet")
    costs, censored = _costs(transfers, labels)
    costs.to_csv(folder / "costs.csv")
    censored.to_csv(folder / "censored.csv")
    targets = [row["label"] for row in behaviors if row["role"] == "behavior"]
    left_out = [t for t in targets if censored[t].mean() > 0.8]
    _write(folder / "test.json", _test(targets, left_out, distances, costs, rng))
    _write(folder / "run.json", _run_record(behaviors, targets, left_out, transfers, rng))
    return folder


def write_distance_run(folder: Path, n: int = 6, seed: int = 0, hostile: bool = False) -> Path:
    """Write the folder of `behaviordist distance` over `n` models."""
    rng = np.random.default_rng(seed)
    labels = [f"models/llm-{i}@temperature={0.5 + i / 10:.1f}" for i in range(n)]
    labels = [*HOSTILE, *labels[len(HOSTILE) :]] if hostile else labels
    _write_distances(folder, labels, rng.normal(size=(n, 4)), rng)
    record = {
        "schema": 1,
        "kind": "distance",
        "command": "behaviordist distance " + " ".join(f"'{label}'" for label in labels),
        "versions": {"behaviordist": "0.1.0", "torch": "2.13.0"},
        "digests": {"probes": "ab" * 32},
        "geometry": "hellinger",
        "probes": {"name": "general", "n": 200, "digest": "ab" * 32},
        "behaviors": [{"label": x, "settings": {}, "identity": "cd" * 32} for x in labels],
        "times_s": {"fingerprints": 31.2, "distances": 0.4},
        "notes": ["Weights were rounded per output channel."],
    }
    _write(folder / "run.json", record)
    return folder


def _behaviors(n, hostile):
    names = [(a, t) for t in TASKS for a in ("sft", "rlvr")]
    while len(names) < n:
        names += [("dpo", t) for t in TASKS] + [("qat", t) for t in TASKS]
    rows = [
        {"label": f"{a}-{t}", "algorithm": a, "task": t, "role": "behavior"} for a, t in names[:n]
    ]
    if hostile:
        for row, label in zip(rows, HOSTILE, strict=False):
            row["label"] = label
    rows.append({"label": "base", "algorithm": "pretrain", "task": "", "role": "base"})
    rows.append({"label": "random", "algorithm": "", "task": "", "role": "random"})
    for index, row in enumerate(rows):
        row["runs"] = [
            {
                "seed": s,
                "checkpoint": f"checkpoints/{index}-s{s}",
                "converged": not (index == 1 and s == 1),
                "steps": 10 + 5 * (index % 5) + s,
                "tokens": 832 * (10 + index),
                "flops": 1.2e10 * (1 + index),
                "score": 0.97 - 0.01 * (index % 4),
            }
            for s in range(2)
        ]
    return rows


def _points(behaviors, rng):
    tasks = {t: rng.normal(size=3) for t in TASKS}
    points = []
    for row in behaviors:
        near = rng.normal(size=3) * 0.25
        points.append(tasks.get(row["task"], np.zeros(3)) + near)
        if row["role"] == "random":
            points[-1] = np.array([3.0, 3.0, 0.0])
    return np.array(points)


def _write_distances(folder, labels, points, rng):
    folder.mkdir(parents=True, exist_ok=True)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) / 4
    # Two regimes that coincide: the unbiased square came out negative, so the distance is 0.
    distances[0, 1] = distances[1, 0] = 0.0
    errors = np.full_like(distances, 0.01) + 0.02 * rng.random()
    np.fill_diagonal(errors, 0.0)
    frame = pd.DataFrame(distances, index=labels, columns=labels)
    frame.to_csv(folder / "distances.csv")
    pd.DataFrame(errors, index=labels, columns=labels).to_csv(folder / "standard_errors.csv")
    same = (distances < 0.08) & ~np.eye(len(labels), dtype=bool)
    pd.DataFrame(same.astype(int), index=labels, columns=labels).to_csv(
        folder / "indistinguishable.csv"
    )
    return frame


def _transfers(behaviors, distances, rng):
    rows = []
    targets = [row for row in behaviors if row["role"] == "behavior"]
    for j, target in enumerate(targets):
        hopeless = j == len(targets) - 1
        difficulty = rng.uniform(4, 20)
        for source in behaviors:
            if source["label"] == target["label"]:
                continue
            distance = distances.loc[source["label"], target["label"]]
            for seed in range(2):
                half = 0.5 + difficulty * (0.2 + 2 * distance) * rng.lognormal(0, 0.3)
                for step in STEPS:
                    score = 0.0 if hopeless else 0.97 / (1 + np.exp(-(step - half) / (half / 3)))
                    rows.append(
                        {
                            "source": source["label"],
                            "target": target["label"],
                            "source_role": source["role"],
                            "seed": seed,
                            "step": step,
                            "tokens": 832 * step,
                            "flops": 1e9 * step,
                            "score": score,
                            "greedy": min(1.0, score * 1.05),
                            "level": 0.97,
                            "tau": 0.87,
                            "budget": BUDGET,
                        }
                    )
    return pd.DataFrame(rows)


def _costs(transfers, labels):
    runs = transfers[transfers.score >= transfers.tau].groupby(["source", "target", "seed"])
    every = transfers.groupby(["source", "target", "seed"]).budget.first()
    first = runs.step.min().reindex(every.index)
    steps = first.fillna(every).groupby(["source", "target"]).mean().unstack("target")
    stopped = first.isna().groupby(["source", "target"]).mean().unstack("target")
    # A pair that was never run: its cells are empty.
    steps.loc[labels[2], labels[0]] = stopped.loc[labels[2], labels[0]] = np.nan
    return (frame.reindex(index=labels, columns=labels) for frame in (steps, stopped))


def _test(targets, left_out, distances, costs, rng):
    per_target = []
    for target in targets:
        if target in left_out:
            continue
        pair = pd.concat([distances[target], costs[target]], axis=1).drop(index=target).dropna()
        rho = pair.rank().corr().iloc[0, 1]
        per_target.append({"target": target, "rho": rho, "n_sources": len(pair)})
    value = float(np.mean([row["rho"] for row in per_target]))
    return {
        "schema": 1,
        "n_behaviors": len(targets),
        "n_targets": len(per_target),
        "n_pairs": int(costs.notna().sum().sum()),
        "n_missing": 1,
        "n_censored": 7,
        "statistic": {
            "name": "within-target spearman",
            "value": value,
            "ci_low": value - 0.2,
            "ci_high": min(1.0, value + 0.15),
            "p_value": 1 / 10001,
            "permutations": 10000,
        },
        "per_target": per_target,
        "baselines": [
            {
                "name": "weight-space distance",
                "value": 0.25,
                "ci_low": 0.05,
                "ci_high": 0.4,
                "p_value": 0.02,
            },
            {
                "name": "score at step 0",
                "value": 0.31,
                "ci_low": 0.12,
                "ci_high": 0.45,
                "p_value": 0.004,
            },
            {
                "name": "source quality",
                "value": -0.02,
                "ci_low": -0.2,
                "ci_high": 0.15,
                "p_value": 0.55,
            },
            {"name": "random", "value": 0.0, "ci_low": None, "ci_high": None, "p_value": None},
        ],
        "noise_ceiling": 0.84,
        "minimum_detectable": 0.21,
        "verdict": "supported",
    }


def _run_record(behaviors, targets, left_out, transfers, rng):
    last = transfers.groupby(["source", "target", "seed"]).score.max().groupby("target")
    tasks = sorted({row["task"] for row in behaviors if row["task"]})
    sweep = [0.5, 0.7, 0.8, 0.9, 0.95]
    return {
        "schema": 1,
        "kind": "transfer",
        "command": "behaviordist run transfer --seed 0",
        "study": "transfer",
        "quick": False,
        "seed": 0,
        "versions": {"behaviordist": "0.1.0", "jax": "0.10.0"},
        "digests": {"probes": "ab" * 32, "study": "cd" * 32},
        "times_s": {"pretrain": 61.2, "checkpoints": 40.0, "transfers": 310.4, "test": 4.2},
        "behaviors": behaviors,
        "base_chance": [
            {"function": t, "mean": float(rng.uniform(0.01, 0.07)), "standard_error": 0.004}
            for t in tasks
        ],
        "noise_floor": {"value": 0.08, "n": 16},
        "targets": [
            {
                "target": t,
                "level": 0.97,
                "tau": 0.87,
                "runs": 2 * (len(behaviors) - 1),
                "censored": int((last.get_group(t) < 0.87).sum()),
                "left_out": t in left_out,
                "reason": "every run was censored" if t in left_out else "",
            }
            for t in targets
        ],
        "random_start": [
            {"target": t, "algorithm": "rlvr", "runs": 2, "censored": 2, "best_score": 0.0}
            for t in targets
            if t.startswith("rlvr")
        ],
        "split_half": {"steps": 0.84, "aulc": 0.95},
        "geometries": [
            {"name": "hellinger", "value": 0.34, "ci_low": 0.1, "ci_high": 0.5, "p_value": 0.002},
            {"name": "aitchison", "value": 0.4, "ci_low": 0.2, "ci_high": 0.55, "p_value": 0.0004},
            {"name": "euclidean", "value": 0.29, "ci_low": 0.06, "ci_high": 0.46, "p_value": 0.01},
            {"name": "fisher", "value": None, "ci_low": None, "ci_high": None, "p_value": None},
        ],
        "cost_measures": [
            {"name": "steps", "value": 0.34, "ci_low": 0.1, "ci_high": 0.5, "p_value": 0.002},
            {"name": "aulc", "value": 0.47, "ci_low": 0.2, "ci_high": 0.6, "p_value": 0.0003},
        ],
        "tau_sweep": [
            {
                "share": s,
                "value": 0.4 - 0.1 * s,
                "ci_low": 0.1,
                "ci_high": 0.5,
                "p_value": 0.01,
                "n_censored": 3 * k,
            }
            for k, s in enumerate(sweep)
        ],
        "notes": ["One regime did not converge and was left out.", "Costs are in optimizer steps."],
    }


def _write(path, value):
    path.write_text(json.dumps(value, indent=1))
