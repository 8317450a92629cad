"""Soft behaviors of study `reciprocity`: mixtures of functions, tuned into one another both ways.

Hard functions lie tens of nats apart, both ways alike. Mixtures from peaked to flat nest in one
another, so one way is more surprising than back: KL has an antisymmetric part to go with that of
cost, which no symmetric distance has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from behaviordist.hypothesis.asymmetry.antisymmetric import antisymmetric_link
from behaviordist.hypothesis.asymmetry.symmetry import symmetry_parts
from behaviordist.probes import ProbeSet
from behaviordist.record import Estimate
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.algorithms.runs import BASE
from behaviordist.studies.divergences import checkpoint_divergences
from behaviordist.studies.fingerprints import symmetric_distances
from behaviordist.studies.places import Places
from behaviordist.studies.reciprocity.study import MixtureSection, Study
from behaviordist.studies.soft import both_ways, goals_of, peaked_to_flat
from behaviordist.studies.stages import StageClock
from behaviordist.transfer.curves import summarise
from behaviordist.transfer.runs import Goal, Transfer, collect


@dataclass(frozen=True)
class SoftRuns(Places[Study]):
    """Names, places and seeds of the soft behaviors; there is one of each, from the one base."""

    once = (BASE,)

    @cached_property
    def soft(self) -> MixtureSection:
        """What the file says of them."""
        assert self.study.soft is not None  # the method asks before
        return self.study.soft

    @cached_property
    def shares(self) -> dict[str, Mapping[str, float]]:
        """Shares of the functions in each behavior, from peaked to flat."""
        shares = peaked_to_flat(self.study.tasks, self.soft, derived_seed(self.seed, "soft"))
        return {f"soft-{i:02d}": each for i, each in enumerate(shares)}

    def training_jobs(self) -> list[Job]:
        """Return the trainings from the base, for a fixed number of steps."""
        steps = self.soft.steps
        return [
            self.training(
                name,
                self.study.soft_regime(shares, steps),
                BASE,
                seed=derived_seed(self.seed, name),
            )
            for name, shares in self.shares.items()
        ]

    @cached_property
    def goals(self) -> dict[str, Goal]:
        """What each asks of others: `share` of its own level, fixed before any transfer."""
        levels = {name: float(self.provenance(name)["score"]) for name in self.shares}
        return goals_of(levels, self.soft.share)

    def transfer_jobs(self) -> list[Job]:
        """Return one job a source; all sources of a target see the same data."""
        budget = self.soft.budget
        regimes = {n: self.study.soft_regime(shares, budget) for n, shares in self.shares.items()}
        jobs = []
        for source in self.shares:
            others = {name: regime for name, regime in regimes.items() if name != source}
            jobs.append(self.tuning(self._curves(source), others, source, self.goals))
        return jobs

    def transfers(self) -> list[Transfer]:
        """Return both directions of every pair."""
        return both_ways({a: self._curves(a) for a in self.shares}, "soft")

    def _curves(self, source: str) -> Path:
        return self.folder / "transfers" / f"{source}-both-ways"


@dataclass(frozen=True)
class SoftTables:
    """Square tables over the soft behaviors, rows = source: steps, censoring, KL, distance."""

    costs: pd.DataFrame
    late: pd.DataFrame
    nats: pd.DataFrame
    distances: pd.DataFrame


@dataclass(frozen=True)
class SoftParts:
    """How the parts of cost go with distances.

    Attributes
    ----------
    tables
        What they are of.
    symmetric
        Correlations with the part that is the same both ways, source and target effects removed:
        of the symmetric distance, then of Jeffreys' divergence.
    antisymmetric
        Correlation of the antisymmetric parts of cost and KL.
    share
        Share of the costs' variance over pairs that is antisymmetric.
    """

    tables: SoftTables
    symmetric: tuple[Estimate, ...]
    antisymmetric: Estimate
    share: float


def run_soft(runs: SoftRuns, processes: int, clock: StageClock) -> SoftTables:
    """Train the soft behaviors, tune each into every other, and measure what lies between."""
    clock.run("soft behaviors", "Training mixtures of functions", runs.training_jobs(), processes)
    what = "Tuning every mixture into every other"
    clock.run("soft transfers", what, runs.transfer_jobs(), processes)
    table = summarise(collect(runs.transfers(), runs.goals))
    names, geometry = list(runs.shares), runs.study.distances.geometry
    costs, late = (
        table.pivot_table(index="source", columns="target", values=column)
        .reindex(index=names, columns=names)
        .astype(float)
        for column in ("steps", "censored")
    )
    places = {name: runs.checkpoint(name) for name in names}
    with clock.stage("divergences", 1, "Scoring the mixtures' answers") as done:
        nats = checkpoint_divergences(places, places, runs.soft.answers, runs.seed, runs.folder)
        done(1)
    probes = ProbeSet.load(runs.study.distances.probes)
    matrix = symmetric_distances(places, probes, geometry, runs.folder, clock, "soft behaviors")
    folder = runs.folder / "soft"
    matrix.save(folder)
    nats.save(folder)
    for name, frame in (("costs", costs), ("censored", late)):
        frame.to_csv(folder / f"{name}.csv")
    return SoftTables(costs, late, nats.to_pandas(), matrix.to_pandas())


def split_soft(study: Study, tables: SoftTables, seed: int) -> SoftParts:
    """Ask which part of cost goes with which part of distance; behaviors are the units."""
    costs, nats = tables.costs, tables.nats
    candidates = {study.distances.geometry: tables.distances, "Jeffreys": (nats + nats.T) / 2}
    symmetric = []
    for name, frame in candidates.items():
        parts = symmetry_parts(frame, costs, permutations=study.test.permutations, seed=seed)
        number = Estimate.of(parts.symmetric)
        symmetric.append(number.model_copy(update={"label": name, "n": len(costs)}))
    link = antisymmetric_link(nats, costs, permutations=study.test.permutations, seed=seed)
    # The link's p is of one side; a claim may fail on the other.
    both_sides = min(1.0, 2 * min(link.p_value, 1 - link.p_value + 1 / study.test.permutations))
    odd = Estimate(
        label="KL", value=link.value, low=link.low, high=link.high, p_value=both_sides, n=link.n
    )
    return SoftParts(tables, tuple(symmetric), odd, link.share)
