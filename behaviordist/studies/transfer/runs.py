"""Everything that study `transfer` trains: names, places, seeds, and the jobs that make it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from behaviordist.regimes.declaration import Regime
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.jobs import permuted_job
from behaviordist.studies.places import Places
from behaviordist.studies.soft import Source, both_ways, goals_of, mixture, peaked_to_flat
from behaviordist.studies.transfer.study import Study
from behaviordist.transfer.runs import Goal, Transfer


@dataclass(frozen=True)
class Runs(Places[Study]):
    """Names, places and seeds of everything that the study trains, each once."""

    def checkpoint(self, label: str, replicate: int = 0) -> Path:
        """Folder of one checkpoint; there is one of each."""
        del replicate
        return self.folder / "checkpoints" / label

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """All sources, in the order of tables and figures."""
        declared, functions = self.study.sources, self.study.functions
        sources = []
        for base, count in declared.mixtures.items():
            rng = np.random.default_rng(derived_seed(self.seed, "mixtures", base))
            drawn = rng.dirichlet(np.full(len(functions), declared.concentration), count)
            sources += [
                Source(
                    f"{base}-m{i:02d}", f"mixture of {base}", mixture(functions, w, declared.floor)
                )
                for i, w in enumerate(drawn)
            ]
        copied = [s for s in sources if s.name.startswith("A-")][: declared.permuted]
        sources += [Source(f"{s.name}-permuted", "permuted", s.shares, s.name) for s in copied]
        sources += [Source(base, "base") for base in ("A", "B")]
        sources += [Source(f"A-{budget}", "snapshot") for budget in self.study.snapshots]
        sources += [Source(f"hard-{f}", "hard", {f: 1.0}) for f in declared.hard]
        return tuple(sources)

    @cached_property
    def square(self) -> tuple[Source, ...]:
        """The soft behaviors that are tuned into one another, from peaked to flat."""
        seed = derived_seed(self.seed, "square")
        shares = peaked_to_flat(self.study.functions, self.study.square, seed)
        return tuple(Source(f"q{i:02d}", "square", each) for i, each in enumerate(shares))

    def level(self, name: str) -> float:
        """Score of a finished checkpoint under the regime that made it."""
        return float(self.provenance(name)["score"])

    def base_jobs(self) -> list[Job]:
        """Return the pre-trainings, the longest first."""
        return [
            self.training(
                name,
                self.study.base_regime(budget),
                None,
                seed=derived_seed(self.seed, "base", name[0]),
            )
            for name, budget in [("A", None), ("B", None)]
            + [(f"A-{budget}", budget) for budget in sorted(self.study.snapshots, reverse=True)]
        ]

    def behavior_jobs(self) -> list[Job]:
        """Return what is trained from the bases: targets, soft and hard sources, the square."""
        targets = {regime.label: regime for regime in self.study.regimes()}
        jobs = [self._from("A", label, regime) for label, regime in targets.items()]
        for source in self.sources:
            if source.kind.startswith("mixture") and source.shares is not None:
                regime = self.study.mixture_regime(source.shares)
                jobs.append(self._from(source.name[0], source.name, regime))
        for function, algorithm in self.study.sources.hard.items():
            settings = self.study.targets[algorithm]
            regime = Regime.model_validate({"algorithm": algorithm, "task": function, **settings})
            jobs.append(self._from("A", f"hard-{function}", regime))
        for soft in self.square:
            regime = self.study.square_regime(soft.shares or {}, self.study.square.steps)
            jobs.append(self._from("A", soft.name, regime))
        return jobs

    def copy_jobs(self) -> list[Job]:
        """Return the permuted copies."""
        return [
            permuted_job(
                self.checkpoint(source.name),
                self.checkpoint(source.copy_of),
                derived_seed(self.seed, source.name),
            )
            for source in self.sources
            if source.copy_of is not None
        ]

    def transfers(self, replicate: int) -> list[Transfer]:
        """Return every source into every target; of a repetition, some of the sources."""
        step = self.study.transfer.repeated if replicate else 1
        return [
            Transfer(
                source.name,
                source.kind,
                regime.label,
                replicate,
                self._curves(source.name, regime.algorithm, replicate) / f"{regime.label}.json",
            )
            for source in self.sources[::step]
            for regime in self.study.regimes()
            if self.is_target(regime.label)
        ]

    def transfer_jobs(self, replicate: int) -> list[Job]:
        """Return one job a source and algorithm; all sources of a target see the same data."""
        step = self.study.transfer.repeated if replicate else 1
        jobs = []
        for source in self.sources[::step]:
            for algorithm in self.study.targets:
                regimes = {
                    r.label: self.study.transfer_regime(r)
                    for r in self.study.targets_of(algorithm)
                    if self.is_target(r.label)
                }
                path = self._curves(source.name, algorithm, replicate)
                jobs.append(self.tuning(path, regimes, source.name, self.goals, replicate))
        return jobs

    def square_transfers(self) -> list[Transfer]:
        """Return both directions of every pair of the square."""
        return both_ways({a.name: self._curves(a.name, "square", 0) for a in self.square}, "square")

    def square_jobs(self) -> list[Job]:
        """Return one job a source of the square."""
        regimes = {
            soft.name: self.study.square_regime(soft.shares or {}, self.study.square.budget)
            for soft in self.square
        }
        return [
            self.tuning(
                self._curves(a.name, "square", 0),
                {name: regime for name, regime in regimes.items() if name != a.name},
                a.name,
                self.square_goals,
                0,
            )
            for a in self.square
        ]

    def is_target(self, label: str) -> bool:
        """Whether the target reached its own level; else there is nothing to tune into."""
        return bool(self.provenance(label)["converged"])

    @cached_property
    def goals(self) -> dict[str, Goal]:
        """What each target asks: `share` of its own level, fixed before any transfer."""
        labels = [r.label for r in self.study.regimes() if self.is_target(r.label)]
        return goals_of({label: self.level(label) for label in labels}, self.study.transfer.share)

    @cached_property
    def square_goals(self) -> dict[str, Goal]:
        """What each behavior of the square asks, relative to its own level."""
        levels = {soft.name: self.level(soft.name) for soft in self.square}
        return goals_of(levels, self.study.square.share)

    def _curves(self, source: str, what: str, replicate: int) -> Path:
        return self.folder / "transfers" / f"{source}-{what}-s{replicate}"

    def _from(self, base: str, name: str, regime: Regime) -> Job:
        return self.training(name, regime, base, seed=derived_seed(self.seed, name))
