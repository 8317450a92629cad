"""Made-up folders of runs with a planted truth: cost grows with distance inside every target.

Records are built through their types; `write_old_run` writes what version 0.1.0 wrote.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from behaviordist.distance.directed import DirectedMatrix
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.record import (
    Behavior,
    CompareRecord,
    Cpu,
    DistanceRecord,
    Estimate,
    Findings,
    Grid,
    Mark,
    Probes,
    Provenance,
    Run,
    Section,
    StudyRecord,
    Target,
    TransferRecord,
    write_record,
)
from behaviordist.record.directed import directed_findings
from behaviordist.record.transfers.findings import remarks, transfer_findings
from behaviordist.record.transfers.matrices import Costs
from behaviordist.record.transfers.numbers import (
    Chance,
    Outcome,
    RandomStart,
    TargetRank,
    Tau,
    TransferNumbers,
)

TASKS = ("copy", "reverse", "rotate", "sort", "shift", "swap", "double", "upper", "drop", "mirror")
HOSTILE = (
    "<script>alert(1)</script>",
    "a $\\frac{1}{0} & 'quotes' \"too\"",
    "models/very/long/path/to/a/checkpoint/that/never/seems/to/end/step-100000@temperature=0.7,quant=int8",
    "naïve-日本語-☃",
)
OLD = Path(__file__).parents[1] / "record" / "schema_1"
BUDGET = 80
STEPS = (0, 5, 10, 15, 20, 30, 40, 60, 80)


MADE = Provenance(
    command="behaviordist run transfer --seed 0",
    seed=0,
    versions={"behaviordist": "0.2.0", "jax": "0.10.0"},
    commit="12ab" * 10,
    cpu=Cpu(model="A processor", instruction_set="avx2"),
    digests={"probes": "ab" * 32, "study": "cd" * 32},
    times_s={"pretrain": 61.2, "transfers": 310.4},
)


def write_transfer_run(folder: Path, n: int = 6, seed: int = 0, hostile: bool = False) -> Path:
    """Write the folder of a transfer study of `n` behaviors, a base and random weights."""
    rng = np.random.default_rng(seed)
    behaviors = _behaviors(n, hostile)
    labels = [row.label for row in behaviors]
    matrix = _write_distances(folder, labels, _points(behaviors, rng), rng)
    transfers = _transfers(behaviors, matrix.to_pandas(), rng)
    transfers.to_parquet(folder / "transfers.parquet")
    costs, censored = _costs(transfers, labels)
    costs.to_csv(folder / "costs.csv")
    censored.to_csv(folder / "censored.csv")
    numbers = transfer_numbers(behaviors, transfers, censored)
    both = Costs(costs, censored, matrix, numbers.references)
    targets = list(transfers["target"].unique())
    record = TransferRecord(
        study="transfer",
        question="Are closer behaviors cheaper to reach?",
        provenance=MADE,
        geometry="hellinger",
        behaviors=numbers.behaviors,
        findings=transfer_findings(numbers, both, targets),
        targets=numbers.targets,
        notes=("One regime did not converge and was left out.", *remarks(numbers, both)),
    )
    write_record(folder / "run.json", record)
    return folder


def write_distance_run(
    folder: Path, n: int = 6, seed: int = 0, hostile: bool = False, gap: bool = False
) -> Path:
    """Write the folder of `behaviordist distance` over `n` models; `gap`: one pair is missing."""
    rng = np.random.default_rng(seed)
    labels = [f"models/llm-{i}@temperature={0.5 + i / 10:.1f}" for i in range(n)]
    labels = [*HOSTILE, *labels[len(HOSTILE) :]] if hostile else labels
    _write_distances(folder, labels, rng.normal(size=(n, 4)), rng, gap)
    command = "behaviordist distance " + " ".join(f"'{label}'" for label in labels)
    record = DistanceRecord(
        provenance=MADE.model_copy(update={"command": command}),
        geometry="hellinger",
        probes=Probes(name="general", n=200, digest="ab" * 32),
        behaviors=tuple(Behavior(label=x, settings="none", identity="cd" * 32) for x in labels),
        notes=("Weights were rounded per output channel.",),
    )
    write_record(folder / "run.json", record)
    return folder


def write_directed_run(folder: Path, n: int = 7, seed: int = 0) -> Path:
    """Write the folder of directed distances: two square tables of the same names, marks in one."""
    values = np.random.default_rng(seed).gamma(2.0, 3.0, (n, n)) * (1 - np.eye(n))
    labels = [f"model-{k}@quant=int{2 + k}" for k in range(n)]
    frame = pd.DataFrame(values, labels, labels)
    parts = {"KL(f_B || f_A)": frame, "(there − back) / 2": (frame - frame.T) / 2}
    grids = [
        Grid.of(
            table, name=f"part-{k}", title=title, caption="Rows are sources.", scale="nats",
            diverging=k == 1, marks=(Mark.of("ring", "not shown", values < 2),) if k == 0 else (),
        )
        for k, (title, table) in enumerate(parts.items())
    ]  # fmt: skip
    findings = Findings(headline="A is near B.", sections=(Section.of("Directed", *grids),))
    record = StudyRecord(study="distance", question="How surprising?", findings=findings)
    folder.mkdir(exist_ok=True)
    write_record(folder / "run.json", record)
    return folder


def write_divergences_run(folder: Path, seed: int = 0) -> Path:
    """Write the folder of `distance --geometry kl --targets ...`: 5 sources by 3 others."""
    rng = np.random.default_rng(seed)
    sources = tuple(f"{'base' if k < 3 else 'tuned'}@temperature=0.{k + 1}" for k in range(5))
    targets = ("people", "tuned@temperature=0.5", "a long name of a model that was asked")
    values = rng.gamma(2.0, 3.0, (5, 3))
    matrix = DirectedMatrix(sources, targets, values, 0.2 * values, metadata={"per": "answer"})
    matrix.save(folder)
    record = StudyRecord(
        study="distance", question="How surprising?", geometry="kl", provenance=MADE,
        findings=directed_findings(matrix),
    )  # fmt: skip
    write_record(folder / "run.json", record)
    return folder


def write_old_run(folder: Path, kind: str) -> Path:
    """Write a folder of schema 1: ``distance``, ``findings`` or ``transfer``."""
    record = json.loads((OLD / f"{kind}.json").read_text())
    if kind != "findings":
        labels = [row["label"] for row in record["behaviors"]]
        rng = np.random.default_rng(0)
        _write_distances(folder, labels, rng.normal(size=(len(labels), 3)), rng)
    if kind == "transfer":
        (folder / "test.json").write_text(json.dumps(record.pop("test.json")))
        costs = pd.DataFrame(record.pop("costs.csv"), labels, labels, dtype=float)
        costs.to_csv(folder / "costs.csv")
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def _behaviors(n, hostile):
    names = [(a, t) for t in TASKS for a in ("sft", "rlvr")]
    while len(names) < n:
        names += [("dpo", t) for t in TASKS] + [("qat", t) for t in TASKS]
    labels = [f"{a}-{t}" for a, t in names[:n]]
    if hostile:
        labels[: len(HOSTILE)] = HOSTILE[:n]
    rows = [
        Behavior(label=label, algorithm=a, task=t, runs=_runs(k))
        for k, (label, (a, t)) in enumerate(zip(labels, names, strict=False))
    ]
    base = Behavior(label="base", algorithm="pretrain", role="base", runs=_runs(n))
    return [*rows, base, Behavior(label="random", role="random")]


def _runs(index):
    return tuple(
        Run(
            seed=s,
            checkpoint=f"checkpoints/{index}-s{s}",
            converged=not (index == 1 and s == 1),
            steps=10 + 5 * (index % 5) + s,
            tokens=832 * (10 + index),
            flops=1.2e10 * (1 + index),
            score=0.97 - 0.01 * (index % 4),
        )
        for s in range(2)
    )


def _points(behaviors, rng):
    tasks = {t: rng.normal(size=3) for t in TASKS}
    points = []
    for row in behaviors:
        near = rng.normal(size=3) * 0.25
        points.append(tasks.get(row.task, np.zeros(3)) + near)
        if row.role == "random":
            points[-1] = np.array([3.0, 3.0, 0.0])
    return np.array(points)


def _write_distances(folder, labels, points, rng, gap=False):
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1) / 4
    # Two regimes that coincide: the unbiased square came out negative, so the distance is 0.
    squared = distances**2
    squared[0, 1] = squared[1, 0] = -0.001
    if gap:
        squared[1, 3] = squared[3, 1] = np.nan
    error = 2 * distances * (0.01 + 0.02 * rng.random()) + 0.001
    np.fill_diagonal(error, 0.0)
    matrix = DistanceMatrix(tuple(labels), squared, error, metadata={"geometry": "hellinger"})
    matrix.save(folder)
    return matrix


def _transfers(behaviors, distances, rng):
    rows = []
    targets = [row for row in behaviors if row.role == "behavior"]
    for j, target in enumerate(targets):
        hopeless = j == len(targets) - 1
        difficulty = rng.uniform(4, 20)
        for source in behaviors:
            if source.label == target.label:
                continue
            distance = distances.loc[source.label, target.label]
            for seed in range(2):
                half = 0.5 + difficulty * (0.2 + 2 * distance) * rng.lognormal(0, 0.3)
                for step in STEPS:
                    score = 0.0 if hopeless else 0.97 / (1 + np.exp(-(step - half) / (half / 3)))
                    rows.append(
                        {
                            "source": source.label,
                            "target": target.label,
                            "source_role": source.role,
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


def transfer_numbers(behaviors, transfers, censored, outcome=True):
    """The numbers of such a study; the last target is hopeless, so the test leaves it out."""
    targets = [row.label for row in behaviors if not row.is_reference]
    hopeless = [t for t in targets if censored[t].mean() > 0.8]
    last = transfers.groupby(["source", "target", "seed"]).score.max().groupby("target")
    return TransferNumbers(
        behaviors=tuple(behaviors),
        targets=tuple(
            Target(
                target=t,
                level=0.97,
                tau=0.87,
                budget=BUDGET,
                runs=2 * (len(behaviors) - 1),
                censored=int((last.get_group(t) < 0.87).sum()),
                left_out=t in hopeless,
                reason="every run was censored" if t in hopeless else "",
            )
            for t in targets
        ),
        outcome=planted_outcome(targets, hopeless) if outcome else None,
        geometries=tuple(
            Estimate(label=name, value=value, low=value - 0.2, high=value + 0.2, p_value=0.002)
            for name, value in (("hellinger", 0.34), ("aitchison", 0.4), ("euclidean", 0.29))
        ),
        measures=(Estimate(label="aulc", value=0.47, low=0.2, high=0.6, p_value=0.0003),),
        split_half={"steps": 0.84, "aulc": 0.95},
        sweep=tuple(
            Tau(
                share=share,
                estimate=Estimate(value=0.4 - 0.1 * share, low=0.1, high=0.5, p_value=0.01),
                n_censored=k,
            )
            for k, share in enumerate((0.5, 0.7, 0.9))
        ),
        noise_floor=Estimate(value=0.08, n=16),
        base_chance=(Chance(function="copy", mean=0.03, standard_error=0.004),),
        random_start=tuple(
            RandomStart(target=t, algorithm="rlvr", runs=2, censored=2, best_score=0.0)
            for t in targets
            if t.startswith("rlvr")
        ),
    )


def planted_outcome(targets=("a", "b"), left_out=(), **changes):
    """What a test could have found."""
    kept = [t for t in targets if t not in left_out]
    fields = {
        "statistic": Estimate(
            label="within-target spearman", value=0.6, low=0.4, high=0.75, p_value=1 / 10001,
            smallest_effect=0.21,
        ),
        "smallest_supported": 0.32,
        "permutations": 10000,
        "verdict": "supported",
        "rule": "Supported if it is so.",
        "baselines": (
            Estimate(label="weight-space distance", value=0.25, low=0.05, high=0.4, p_value=0.02),
            Estimate(label="source quality", value=-0.02, low=-0.2, high=0.15, p_value=0.55),
            Estimate(label="random", value=0.0),
        ),
        "predictors": (
            Estimate(label="score at step 0", value=0.31, low=0.12, high=0.45, p_value=0.004),
        ),
        "beyond_sources": Estimate(label="two-way", value=0.5, low=0.2, high=0.7, p_value=0.001),
        "tie_ceiling": 0.91,
        "noise_ceiling": 0.84,
        "n_behaviors": len(targets),
        "n_units": len(targets),
        "n_targets": len(kept),
        "n_pairs": 30,
        "n_missing": 1,
        "n_censored": 7,
        "per_target": tuple(
            TargetRank(target=t, rho=0.6 - 0.1 * k, n_sources=5) for k, t in enumerate(kept)
        ),
        "left_out": tuple((t, "every run was censored") for t in left_out),
    }  # fmt: skip
    return Outcome(**fields | changes)


def write_compare_run(folder, tags=20):
    """Write the record of a comparison whose names, tags and texts are anybody's."""
    from behaviordist.distance.analysis.places import InContext
    from behaviordist.distance.comparison import Compared, Difference, Moved
    from behaviordist.distance.estimates import ProbeMean
    from behaviordist.distance.positions import MEASURES

    def measures(size, n):
        values = (size, size / 2, size / 2.1, 1 - size / 4, size / 9)
        return {
            name: ProbeMean(value, value / 8, n - 1.0)
            for name, value in zip(MEASURES, values, strict=True)
        }

    names = [*HOSTILE, *(f"tag:{k}" for k in range(tags - len(HOSTILE)))]
    long = "a very long context " * 40
    differences = tuple(
        Difference(
            f"probe-{k}", 1 / (k + 1), f"{long}[ x] at token 1 of the continuation",
            (Moved(" no", 0.6, 0.1), Moved(text, 0.2, 0.7)),
            InContext(f"{long}{text}", text, f" and {long}", 0.2, 0.7) if k else None,
        )
        for k, text in enumerate(HOSTILE)
    )  # fmt: skip
    compared = Compared(
        reference=HOSTILE[2], candidate=HOSTILE[0], probes="made up", n_probes=240,
        n_positions=960, overall=measures(0.2, 240),
        by_tag={name: measures(0.4 / (k + 1), 12) for k, name in enumerate(names)},
        n_by_tag=dict.fromkeys(names, 12), differences=differences,
    )  # fmt: skip
    floor = replace(compared, overall=measures(0.01, 240), differences=())
    write_record(
        folder / "comparison.json",
        CompareRecord(comparison=compared, floor=floor, provenance=MADE),
    )
    return folder
