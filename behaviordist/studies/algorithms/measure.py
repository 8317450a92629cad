"""What study `algorithms` measures: distances, the floor of a seed, what predicts cost without."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.probes import ProbeSet
from behaviordist.record import Estimate
from behaviordist.record.transfers.numbers import Chance
from behaviordist.studies.algorithms.runs import BASE, RANDOM, LabRuns
from behaviordist.studies.fingerprints import fingerprint_stage, regime_matrices
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.matrix import scores_at_start


def replicates(runs: LabRuns, behaviors: list[str]) -> dict[str, list[Path]]:
    """Checkpoint folders of every behavior, then of the base and of random weights."""
    seeds = range(runs.study.seeds)
    folders = {label: [runs.checkpoint(label, r) for r in seeds] for label in behaviors}
    return {
        **folders,
        BASE: [runs.checkpoint(BASE)],
        RANDOM: [runs.checkpoint(RANDOM, r) for r in seeds],
    }


def measure_distances(runs: LabRuns, behaviors: list[str], clock: StageClock) -> dict[str, Any]:
    """Return regime-level distance matrices, one a geometry, from fingerprints made once."""
    section = runs.study.distances
    probes = ProbeSet.load(section.probes)
    folders = replicates(runs, behaviors)
    labels = [label for label, paths in folders.items() for _ in paths]
    places = {folder.name: folder for paths in folders.values() for folder in paths}
    geometries = (section.geometry, *section.also)
    prints = fingerprint_stage(places, probes, geometries, runs.folder, clock, reference=BASE)
    return regime_matrices(labels, prints)


def predictors(
    runs: LabRuns, behaviors: list[str], rows: pd.DataFrame, labels: list[str]
) -> dict[str, pd.DataFrame]:
    """Other looks at the two functions, larger = expected dearer.

    The score at step 0 is, for a deterministic target, their inner product.
    """
    from behaviordist.engines.gradient_alignment import gradient_misalignment

    folders = replicates(runs, behaviors)
    regimes = {r.label: r for r in runs.study.regimes() if r.label in behaviors}
    return {
        "gradient misalignment": gradient_misalignment(folders, regimes, runs.config),
        "score at step 0": 1.0 - scores_at_start(rows, labels),
    }


def noise_floor(main: Any, behaviors: list[str]) -> tuple[Estimate | None, dict[str, float]]:
    """Distance between two seeds of one regime: root mean square over regimes, and of each."""
    floor = main.metadata.get("noise_floor")
    if not floor:
        return None, {}
    each = {k: v for k, v in floor["per_regime"].items() if k in behaviors}
    value = float(np.sqrt(np.mean(np.square(list(each.values())))))
    return Estimate(value=value, n=len(each)), each


def preference_evidence(
    provenance: Mapping[str, Any], judge: Mapping[str, Any] | None
) -> dict[str, float]:
    """Evidence of a run that learned from preferences; empty for one that did not.

    Parameters
    ----------
    provenance, judge
        Of the run, and of its reward model where it had one.

    Returns
    -------
    dict
        ``kl`` from the reference at the end (nats an answer), ``best_score`` of the whole run, and
        where there was a reward model its held-out ``accuracy`` with the best possible
        ``bayes_accuracy``, and what it thought of the policy at the start and at the end
        (``proxy_start``, ``proxy_end``, nats). Where that rose while the score fell from its best,
        the reward was hacked.
    """
    evidence = provenance["evidence"]
    numbers: dict[str, float] = {}
    if "kl" in evidence:
        numbers |= {"kl": evidence["kl"][-1], "best_score": max(evidence["scores"])}
    if "proxy" in evidence:
        numbers |= {"proxy_start": evidence["proxy"][0], "proxy_end": evidence["proxy"][-1]}
    if judge is not None:
        names = ("accuracy", "bayes_accuracy")
        numbers |= {name: judge["evidence"][name][-1] for name in names}
    return numbers


def base_chance(runs: LabRuns) -> tuple[Chance, ...]:
    """Probability that the base answers a hidden prompt with each function, over strings."""
    from behaviordist.lab import checkpoint
    from behaviordist.regimes.evaluation import evaluation_documents, string_scores

    base = checkpoint.load(runs.checkpoint(BASE))
    pretrain = runs.study.base_regime()
    regime = runs.study.regimes()[0]
    rows = []
    for name in pretrain.functions:
        documents = evaluation_documents(regime.model_copy(update={"task": name}))
        chances = np.asarray(string_scores(base.params, base.config, documents)[0], np.float64)
        error = chances.std(ddof=1) / np.sqrt(len(chances))
        rows.append(Chance(function=name, mean=chances.mean(), standard_error=error))
    return tuple(rows)
