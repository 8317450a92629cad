"""Everything that study `sycophancy` trains: names, places, seeds."""

from __future__ import annotations

from dataclasses import dataclass

from behaviordist.regimes.declaration import Regime
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.jobs import transfer_job
from behaviordist.studies.places import Places
from behaviordist.studies.sycophancy.study import BASE, HONEST, Study, rater_name
from behaviordist.transfer.runs import Goal, Transfer


@dataclass(frozen=True)
class RaterRuns(Places[Study]):
    """The base, a policy a rater, the honest one, and the ways back to it."""

    once = (BASE,)

    @property
    def goal(self) -> Goal:
        """Where a policy counts as tuned back, fixed in the file."""
        return Goal(self.study.tau, self.study.tau, self.study.tau)

    @property
    def policies(self) -> dict[str, Regime]:
        """Label -> regime of every post-trained policy, raters first."""
        raters = {rater_name(a): self.study.rater_regime(a) for a in self.study.agreeableness}
        return {**raters, HONEST: self.study.honest_regime()}

    def base_job(self) -> Job:
        """Return the pre-training of the base."""
        seed = derived_seed(self.seed, BASE)
        return self.training(BASE, self.study.base_regime(), None, seed=seed)

    def policy_jobs(self) -> list[Job]:
        """Return the post-trainings from the base, every seed."""
        return [
            self.training(label, regime, BASE, r)
            for label, regime in self.policies.items()
            for r in self.replicates
        ]

    def transfers(self) -> list[Transfer]:
        """Return the ways back: every rater's policy, and the base itself, to right answers."""
        sources = [(BASE, BASE), *((p, "behavior") for p in self.policies if p != HONEST)]
        return [
            self.transfer(label, role, HONEST, r)
            for label, role in sources
            for r in self.replicates
        ]

    def transfer_job(self, transfer: Transfer) -> Job:
        """Return the job of one way back; all policies of a seed see the same data."""
        source = self.checkpoint(transfer.source, transfer.seed)
        seed = derived_seed(self.seed, "back", transfer.seed)
        regime = self.study.honest_regime()
        return transfer_job(transfer.path, regime, self.config, source, seed, self.goal)
