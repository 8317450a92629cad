"""Everything that study `growing` trains: names, places, seeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from behaviordist.engines.checkpoints import flops_per_step
from behaviordist.lab import checkpoint
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import GROWTH_SIZES
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.growing.study import Study, larger
from behaviordist.studies.jobs import grown_job, training_job, transfer_job
from behaviordist.studies.places import Places
from behaviordist.transfer.runs import Goal, Transfer

SMALL, CONTROL = "small", "not-grown"


@dataclass(frozen=True)
class GrowthRuns(Places[Study]):
    """Small models, grown ones, large ones from scratch, and all of them post-trained."""

    @cached_property
    def shapes(self) -> dict[str, LlamaConfig]:
        """Architecture of the large model of every operator."""
        return {g.operator: larger(g, self.config) for g in self.study.growths}

    def scratch(self, operator: str) -> str:
        """Return the name of the large model from scratch with the operator's shape."""
        growth = next(g for g in self.study.growths if g.operator == operator)
        size = GROWTH_SIZES[operator]
        return f"scratch-{size.replace('_', '-')}-{getattr(growth, size)}"

    @property
    def scratches(self) -> dict[str, LlamaConfig]:
        """Large models from scratch, one a shape: operators may share it."""
        return {self.scratch(operator): shape for operator, shape in self.shapes.items()}

    def small_jobs(self) -> list[Job]:
        """Return the pre-training of the small model, once a seed."""
        regime = self.study.small_regime()
        return [self.training(SMALL, regime, None, r) for r in self.replicates]

    def growth_jobs(self) -> list[Job]:
        """Return every growth of every small model."""
        return [
            grown_job(
                self.checkpoint(fresh(g.operator), r),
                self.checkpoint(SMALL, r),
                g,
                self._seed("new", r),
            )
            for g in self.study.growths
            for r in self.replicates
        ]

    def large_jobs(self) -> list[Job]:
        """Return the trainings to equal FLOPs: from scratch, grown, and small but not grown.

        All that train on see the same data in a seed; large models from scratch see other data.
        """
        jobs, steps = [], self.study.large_steps
        for name, shape in self.scratches.items():
            regime = self.study.spend(steps)
            for r in self.replicates:
                seed = self._seed("scratch", r)
                jobs.append(training_job(self.checkpoint(name, r), regime, shape, None, seed))
        for name in (*self.shapes, CONTROL):
            source = SMALL if name == CONTROL else fresh(name)
            for r in self.replicates:
                regime = self.study.spend(self.steps_left(name, r))
                where, seed = self.checkpoint(source, r), self._seed("continue", r)
                shape = self.shapes.get(name, self.config)
                jobs.append(training_job(self.checkpoint(name, r), regime, shape, where, seed))
        return jobs

    def steps_left(self, name: str, replicate: int) -> int:
        """Steps that the small model's FLOPs leave of the large one's; the control's is the first.

        Rounded down to whole evaluations: the grown models never get more than the large one.
        """
        large = self.shapes.get(name, next(iter(self.shapes.values())))
        shape = self.shapes.get(name, self.config)
        regime = self.study.small_regime()
        total = self.study.large_steps * flops_per_step(regime, large)
        left = total - self.provenance(SMALL, replicate)["flops"]
        every = self.study.every
        return int(left / flops_per_step(regime, shape) // every) * every

    def sources(self) -> list[str]:
        """Return the names of all models that are post-trained."""
        grown = [fresh(operator) for operator in self.shapes]
        return [SMALL, *grown, *self.shapes, CONTROL, *self.scratches]

    def transfers(self) -> list[Transfer]:
        """Return one post-training run for every model, algorithm and seed."""
        return [
            self.transfer(name, "base", regime.label, r)
            for regime in self.study.regimes()
            for name in self.sources()
            for r in self.replicates
        ]

    def transfer_jobs(self) -> list[Job]:
        """Return the jobs of the post-training runs; in a seed all sources see the same data."""
        regimes = {regime.label: regime for regime in self.study.regimes()}
        jobs = []
        for t in self.transfers():
            source = self.checkpoint(t.source, t.seed)
            config = checkpoint.load(source).config
            seed = self._seed(t.target, t.seed)
            jobs.append(transfer_job(t.path, regimes[t.target], config, source, seed, self.goal))
        return jobs

    @property
    def goal(self) -> Goal:
        """What every target asks, fixed in the file."""
        return Goal(level=self.study.tau, tau=self.study.tau, stop_at=self.study.tau)

    def _seed(self, *what: str | int) -> int:
        return derived_seed(self.seed, *what)


def fresh(operator: str) -> str:
    """Return the name of a model right after growth, before it trains on."""
    return f"{operator}-fresh"
