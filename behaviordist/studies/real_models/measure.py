"""What study `trl-transfer` measures: distances of models, and of their adapters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from behaviordist.probes import ProbeSet
from behaviordist.studies.fingerprints import fingerprint_stage, regime_matrices
from behaviordist.studies.real_models.runs import BASE, RealRuns
from behaviordist.studies.real_models.study import ProbeSection, Study
from behaviordist.studies.stages import StageClock


def measure_distances(
    runs: RealRuns, section: ProbeSection, probes: ProbeSet, clock: StageClock
) -> dict[str, Any]:
    """Return regime-level distance matrices, one a geometry, from fingerprints made once."""
    labels = [label for label in runs.targets for _ in range(runs.seeds)]
    folders = [runs.checkpoint(label, r) for label in runs.targets for r in range(runs.seeds)]
    places = {**{folder.name: folder for folder in folders}, BASE: runs.given[BASE]}
    geometries = (section.geometry, *section.also)
    prints = fingerprint_stage(
        places, probes, geometries, runs.folder, clock, reference=BASE, what="models"
    )
    return regime_matrices([*labels, BASE], prints)


def study_probes(study: Study) -> ProbeSet:
    """Return the study's probes: some of each set, as one set."""
    parts = [ProbeSet.load(name).subset(study.distances.each) for name in study.distances.probes]
    return ProbeSet("+".join(part.name for part in parts), tuple(p for part in parts for p in part))


def adapter_distances(runs: RealRuns) -> pd.DataFrame | None:
    """Euclidean distance between the changes of weights, ``alpha / r B A`` of every adapter.

    The base is the origin. None where a behavior is no adapter.
    """
    changes: dict[str, list[Mapping[str, Any]]] = {BASE: [{}]}
    for label, regime in runs.targets.items():
        if regime.adapter is None:
            return None
        scale = regime.adapter.alpha / regime.adapter.rank
        folders = [runs.checkpoint(label, r) for r in range(runs.seeds)]
        changes[label] = [_changes(folder, scale) for folder in folders]
    labels = [*runs.targets, BASE]
    square = pd.DataFrame(0.0, index=labels, columns=labels)
    for first in labels:
        for second in labels:
            gaps = [_gap(a, b) for a in changes[first] for b in changes[second]]
            square.loc[first, second] = float(np.mean(gaps)) if first != second else 0.0
    return square


def _changes(folder: Path, scale: float) -> dict[str, Any]:
    from safetensors.numpy import load_file

    tensors = load_file(folder / "adapter_model.safetensors")
    ends = ".lora_A.weight"
    names = [name.removesuffix(ends) for name in tensors if name.endswith(ends)]
    return {n: scale * tensors[f"{n}.lora_B.weight"] @ tensors[f"{n}{ends}"] for n in names}


def _gap(first: Mapping[str, Any], second: Mapping[str, Any]) -> float:
    total = 0.0
    for name in {*first, *second}:
        gap = np.subtract(first.get(name, 0.0), second.get(name, 0.0))
        total += float(np.square(gap, dtype=np.float64).sum())
    return math.sqrt(total)
