"""Everything that a study of the law on a real model trains: names, places, and the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from behaviordist.engines.trl_engine import discard_checkpoints, train, write_checkpoint
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.files import placed
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.jobs import grown_job, permuted_job, regime_job
from behaviordist.studies.real_models.base import base_place
from behaviordist.studies.real_models.runs import BASE, RealRuns, run_folder, run_inputs
from behaviordist.studies.seeds import training_seed
from behaviordist.studies.soft import Source, mixture
from behaviordist.studies.soft_models.study import Study
from behaviordist.studies.soft_models.styles import STYLES

EVEN = "even"
"""An even mixture, no source: own runs by RLVR start there, for the base never earns a reward."""


@dataclass(frozen=True)
class SoftRuns:
    """The study's sources and targets in one folder, for one seed."""

    study: Study
    folder: Path
    seed: int

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """All sources, in the order of tables and figures."""
        declared = self.study.sources
        rng = np.random.default_rng(derived_seed(self.seed, "mixtures"))
        drawn = rng.dirichlet(np.full(len(STYLES), declared.concentration), declared.mixtures)
        soft = [
            Source(f"m{i:02d}", "mixture", mixture(tuple(STYLES), w, declared.floor))
            for i, w in enumerate(drawn)
        ]
        copies = [
            Source(f"{s.name}-permuted", "permuted", s.shares, s.name)
            for s in soft[: declared.permuted]
        ]
        if declared.grown is not None:
            copies.append(Source(f"{soft[0].name}-grown", "grown", soft[0].shares, soft[0].name))
        retuned = [
            Source(f"{s.name}-retuned", "retuned", s.shares, s.name, soft[-1 - i].name)
            for i, s in enumerate(soft[: declared.retuned])
        ]
        return (*soft, *copies, *retuned, Source(BASE, "base"))

    @cached_property
    def mixtures(self) -> dict[str, Mapping[str, float]]:
        """Name of a mixture's files -> shares: those of the sources, and the even one."""
        named = {s.name: s.shares for s in self.sources if s.kind == "mixture" and s.shares}
        return {**named, EVEN: mixture(tuple(STYLES), np.full(len(STYLES), 1 / len(STYLES)), 0.0)}

    @cached_property
    def real(self) -> RealRuns:
        """Targets and transfers, as any of real models are run."""
        targets = {regime.label: regime for regime in self.study.regimes()}
        names = (*(s.name for s in self.sources), EVEN)
        given = {name: self.folder / "checkpoints" / name for name in names}
        return RealRuns(
            self.folder,
            self.seed,
            self.study.seeds,
            targets,
            tuple(s.name for s in self.sources),
            {**given, BASE: base_place(self.folder, self.study.base)},
            self.study.share,
            self.study.budgets,
            keep=True,  # what a run took away is measured of its weights
            starts={label: EVEN for label, r in targets.items() if r.algorithm == "rlvr"},
        )

    def checkpoint(self, name: str) -> Path:
        """Folder of a source, or of a target's first run."""
        return self.real.source(name, 0)

    def mixture_jobs(self) -> list[Job]:
        """Return what is tuned from the base into mixtures."""
        return [
            self._merged_job(name, self.study.mixture_regime(name), BASE) for name in self.mixtures
        ]

    def retuned_jobs(self) -> list[Job]:
        """Return what reaches its mixture from another source's weights."""
        return [
            self._merged_job(s.name, self.study.mixture_regime(s.copy_of), s.start)
            for s in self.sources
            if s.kind == "retuned" and s.copy_of is not None and s.start is not None
        ]

    def copy_jobs(self) -> list[Job]:
        """Return the copies that say the same: permuted and grown."""
        jobs = []
        for source in self.sources:
            if source.copy_of is None or source.kind not in ("permuted", "grown"):
                continue
            path, start = self.checkpoint(source.name), self.checkpoint(source.copy_of)
            seed = derived_seed(self.seed, source.name)
            if source.kind == "permuted":
                jobs.append(permuted_job(path, start, seed))
            else:
                growth = self.study.sources.grown
                assert growth is not None
                jobs.append(grown_job(path, start, growth, seed, key="grown"))
        return jobs

    def _merged_job(self, name: str, regime: Regime, start: str) -> Job:
        source, ready = self.checkpoint(start), placed(regime, self.folder)
        path, seed = self.checkpoint(name), training_seed(self.seed, name, 0)
        inputs = {**run_inputs(ready, source, seed), "merged": True}
        arguments = {"regime": ready, "source": source, "seed": seed}
        job = regime_job(path, regime, inputs, train_merged, arguments)
        work = run_folder(self.folder, path, job.inputs)
        return replace(job, arguments={**arguments, "work": work})


def train_merged(folder: Path, regime: Regime, source: Path, seed: int, work: Path) -> None:
    """Tune a source by an adapter, and write the whole weights with the adapter merged in.

    So all sources start from whole weights: a transfer never goes on with a source's own adapter.
    """
    run = train(regime, source, work, seed)
    whole = replace(run, model=run.model.merge_and_unload())
    write_checkpoint(folder, whole, regime, source, seed)
    discard_checkpoints(work)
