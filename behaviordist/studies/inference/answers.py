"""Everything that study `inference` measured, and what can be asked of it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from behaviordist.probes import ProbeSet
from behaviordist.studies.inference.measure import (
    Floats,
    read,
    squared_distances,
)
from behaviordist.studies.inference.runs import SettingRuns
from behaviordist.studies.inference.study import PLAIN


@dataclass(frozen=True)
class Answers:
    """Everything that was measured; arrays have the seed as their first axis."""

    runs: SettingRuns
    probes: ProbeSet
    names: tuple[str, ...]
    models: dict[str, dict[str, Floats]]
    quantisation: dict[str, Floats]

    @staticmethod
    def of(runs: SettingRuns) -> Answers:
        """Read the measurements of a finished run."""
        seeds = range(runs.study.seeds)
        models = {m: read([runs.measured(m, r) for r in seeds]) for m in runs.models}
        quantisation = read([runs.measured("quantisation", r) for r in seeds])
        probes = ProbeSet.load(runs.study.probes)
        return Answers(runs, probes, tuple(runs.study.specs), models, quantisation)

    def tagged(self, *tags: str) -> NDArray[np.bool_]:
        """Which probes have all the tags, (probes,)."""
        return np.array([set(tags) <= set(probe.tags) for probe in self.probes])

    def chance(self, model: str, setting: str, *tags: str) -> Floats:
        """Mean probability of the right answer over the probes with the tags, (seeds,)."""
        table = self.models[model]["chance"][:, self.names.index(setting)]
        return np.asarray(table[:, self.tagged(*tags)].mean(axis=1))

    def change(self, model: str, setting: str, *tags: str) -> Floats:
        """Change of that probability against the model as it is, (seeds,)."""
        return self.chance(model, setting, *tags) - self.chance(model, PLAIN, *tags)

    def distance(self, model: str, setting: str, *tags: str) -> Floats:
        """Distance from the model as it is, over the probes with the tags, (seeds,)."""
        table = self.models[model]["squared"][:, self.names.index(setting)]
        return np.asarray(np.sqrt(table[:, self.tagged(*tags)].mean(axis=1)))

    def between_seeds(self, model: str) -> Floats:
        """Root mean squared distance of each seed's model from the other seeds', (seeds,)."""
        roots = self.models[model]["roots"].astype(np.float64)
        counts = [len(probe.continuation.split()) for probe in self.probes]
        where = np.repeat(np.arange(len(counts)), counts)
        squared = np.zeros((len(roots), len(roots)))
        for a, b in itertools.combinations(range(len(roots)), 2):
            squared[a, b] = squared[b, a] = squared_distances(roots[a], roots[b], where).mean()
        return np.asarray(np.sqrt(squared.sum(axis=1) / max(1, len(roots) - 1)))


def predicted(answers: Answers, model: str, at: float) -> Floats:
    """Distance of a model from itself at a temperature near 1, to first order, (seeds,)."""
    return np.asarray(abs(1 / at - 1) * np.sqrt(answers.models[model]["spread"]) / 2)


def temperature(answers: Answers, name: str) -> float:
    """Return the temperature of a setting."""
    from behaviordist.behaviors.settings import parse_spec

    spec = answers.runs.study.specs[name]
    return parse_spec(f"model@{spec}")[1].temperature if spec else 1.0
