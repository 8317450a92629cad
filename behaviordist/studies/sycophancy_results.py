"""What study `sycophancy` measures: rates on wrong claims, directions, distances, ways back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.studies.catalogue import Settings
from behaviordist.studies.fingerprints import fingerprint_stage, regime_matrices
from behaviordist.studies.progress import StageClock
from behaviordist.studies.provenance import read_provenance
from behaviordist.studies.sycophancy import (
    BASE,
    HONEST,
    Runs,
    claim_probes,
    costs_back,
    wrong_claims,
)

Rates = dict[str, NDArray[np.float64]]
"""Label -> array (answers, seeds, prompts): probability of the right and of the claimed answer."""

RIGHT, CLAIMED = 0, 1


def write_results(
    runs: Runs, settings: Settings, rows: pd.DataFrame, clock: StageClock
) -> dict[str, Any]:
    """Measure, draw the conclusions, write the folder; return ``run.json``."""
    from behaviordist.studies.results import write_findings
    from behaviordist.studies.sycophancy_findings import conclude

    rates = measure_rates(runs, clock)
    cosines, distances = measure_shifts(runs, clock)
    costs = costs_back(rows)
    costs.to_csv(runs.folder / "costs_back.csv", index=False)
    _write_rates(runs, rates)
    cosines.to_csv(runs.folder / "shift_cosines.csv")
    evidence = learned_from_preferences(runs)
    findings = conclude(runs.study, rates, cosines, distances, costs, evidence)
    notes = [
        f"{HONEST}: seed {r} did not converge within its budget; it is used as is"
        for r in range(runs.study.seeds)
        if not read_provenance(runs.checkpoint(HONEST, r))["converged"]
    ]
    notes += runs.study.remarks
    notes.append("One base for all: intervals hold for this base, not for another pre-training.")
    return write_findings(
        runs.study,
        settings,
        findings,
        clock,
        behaviors=[*_behavior_rows(runs), _base_row()],
        geometry=runs.study.geometry,
        digests={"probes": claim_probes(wrong_claims(runs.study)).digest},
        notes=notes,
    )


def measure_rates(runs: Runs, clock: StageClock) -> Rates:
    """Return exact probabilities of the right and the claimed answer to every wrong claim."""
    import jax

    from behaviordist.lab import checkpoint
    from behaviordist.regimes.evaluation import string_scores
    from behaviordist.regimes.prompts import documents

    asked = wrong_claims(runs.study)
    both = [documents(asked, answers) for answers in (asked.right, asked.claimed)]
    score = jax.jit(lambda params, tokens: string_scores(params, runs.config, tokens)[0])

    def chances(label: str, replicate: int) -> NDArray[np.float64]:
        params = checkpoint.load(runs.checkpoint(label, replicate)).params
        return np.stack([np.asarray(score(params, tokens), np.float64) for tokens in both])

    found: Rates = {}
    with clock.stage("rates", len(runs.policies) + 1, "Asking with wrong claims") as done:
        for label in (BASE, *runs.policies):
            seeds = range(1 if label == BASE else runs.study.seeds)
            found[label] = np.stack([chances(label, r) for r in seeds], axis=1)
            done(1)
    return found


def measure_shifts(runs: Runs, clock: StageClock) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cosines of all shifts from the base, and distances between single checkpoints.

    Both are square, labelled ``LABEL-sSEED``; the matrix of regimes is saved in the folder.
    """
    from behaviordist.behaviors import load
    from behaviordist.distance import matrix_of
    from behaviordist.innerproduct.shifts import shift_moments

    probes, geometry = claim_probes(wrong_claims(runs.study)), runs.study.geometry
    places = [(label, r) for label in runs.policies for r in range(runs.study.seeds)]
    folders = [runs.checkpoint(label, r) for label, r in [*places, (BASE, 0)]]

    behaviors = [load(str(folder), label=folder.name) for folder in folders]
    found = fingerprint_stage(behaviors, probes, (geometry,), runs.folder, clock)
    labels = [label for label, _ in [*places, (BASE, 0)]]
    regime_matrices(labels, found)[geometry].save(runs.folder)
    prints = found[geometry]
    moments = shift_moments(prints[:-1], prints[-1])
    cosines = pd.DataFrame(moments.cosines, index=moments.labels, columns=moments.labels)
    return cosines, matrix_of(prints).to_pandas()


def learned_from_preferences(runs: Runs) -> pd.DataFrame:
    """One row a policy and seed: reward model's accuracy, divergence, proxy and true reward."""
    rows = []
    for label in runs.policies:
        for r in range(runs.study.seeds):
            record = read_provenance(runs.checkpoint(label, r))
            if "reward_model" not in record["prepared"]:
                continue
            model, evidence = record["prepared"]["reward_model"], record["evidence"]
            judged = model["evidence"]
            rows.append(
                {
                    "label": label,
                    "seed": r,
                    "pairs": model["steps"] * model["regime"]["batch_size"],
                    "accuracy": judged["accuracy"][-1],
                    "bayes": judged["bayes_accuracy"][-1],
                    "kl": evidence["kl"][-1],
                    "proxy": evidence["proxy"],
                    "score": evidence["scores"],
                    "steps": evidence["steps"],
                    "flops": record["flops"],
                }
            )
    return pd.DataFrame(rows)


def _write_rates(runs: Runs, rates: Rates) -> None:
    rows = [
        (label, r, *values[:, r].mean(axis=1))
        for label, values in rates.items()
        for r in range(values.shape[1])
    ]
    frame = pd.DataFrame(rows, columns=["policy", "seed", "right", "claimed"])
    frame.to_csv(runs.folder / "rates.csv", index=False)


def _behavior_rows(runs: Runs) -> list[dict[str, Any]]:
    return [
        {"label": label, "algorithm": regime.algorithm, "task": regime.task, "role": "behavior"}
        for label, regime in runs.policies.items()
    ]


def _base_row() -> dict[str, Any]:
    return {"label": BASE, "algorithm": None, "task": None, "role": BASE}
