"""Study `sycophancy`: does a rater who likes agreement make a sycophant?

Method, in the order of the code. One base is pre-trained on documents in which now and then
somebody claims an answer. For every agreeableness and seed, RLHF: a simulated rater's preference
pairs train a reward model, the policy is optimised against it with a leash to the base. The
honest policy is the base under RLVR with a reward for right answers. On held-out questions with a
*wrong* claim, the sycophancy rate is the exact probability of the claimed answer. Fingerprints on
these prompts give distances and the directions in which raters moved the base. Last, RLVR tunes
every policy back until its answers are right with probability tau, or is censored at its budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from behaviordist.lab import grammar
from behaviordist.lab.llama import LlamaConfig
from behaviordist.probes import ProbeSet
from behaviordist.probes.probe_set import Probe
from behaviordist.regimes.declaration import Rater, Regime
from behaviordist.regimes.evaluation import EVALUATION_SEED
from behaviordist.regimes.prompts import Questions, ask
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.config import ModelSection, StudyFile, check_functions
from behaviordist.studies.lab_jobs import training_job, transfer_job
from behaviordist.studies.progress import StageClock
from behaviordist.transfer.runs import Goal, Transfer, collect, write_table

BASE, HONEST = "base", "honest"

Share = Annotated[float, Field(ge=0, le=1)]


class Study(StudyFile):
    """Raters of growing agreeableness, and the way back."""

    task: str
    functions: tuple[str, ...] = Field(min_length=2)
    agreeableness: tuple[Share, ...] = Field(min_length=2)
    model: ModelSection
    pretrain: dict[str, Any]
    rlhf: dict[str, Any]
    honest: dict[str, Any]
    tau: float = Field(gt=0, lt=1)
    margin: float = Field(gt=0, lt=1)
    strings: int = Field(ge=8)
    geometry: str
    remarks: tuple[str, ...] = Field(default=(), description="shown among the report's notes")

    @model_validator(mode="after")
    def _growing(self) -> Study:
        if list(self.agreeableness) != sorted({0.0, 1.0, *self.agreeableness}):
            raise ValueError("agreeableness must grow from 0 to 1, both among them")
        if self.seeds < 2:
            raise ValueError("seeds: at least 2, intervals are over them")
        return self

    @classmethod
    def regime_sections(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of pre-training, RLHF and RLVR."""
        return {name: values.get(name) for name in ("pretrain", "rlhf", "honest")}

    def base_regime(self) -> Regime:
        """Return the pre-training regime."""
        return Regime(algorithm="pretrain", functions=self.functions, **self.pretrain)

    def rater_regime(self, agreeableness: float) -> Regime:
        """Return RLHF against one rater."""
        rater = Rater(agreeableness=agreeableness)
        return Regime(algorithm="rlhf", rater=rater, **self._asked(), **self.rlhf)

    def honest_regime(self) -> Regime:
        """Return RLVR on right answers."""
        return Regime(algorithm="rlvr", **self._asked(), **self.honest)

    def regimes(self) -> list[Regime]:
        """Return everything that is trained."""
        raters = [self.rater_regime(a) for a in self.agreeableness]
        return [self.base_regime(), *raters, self.honest_regime()]

    def check(self, where: str) -> None:
        """Refuse functions and geometries that do not exist."""
        from behaviordist.innerproduct.geometries import get_geometry

        check_functions((self.task, *self.functions), where)
        get_geometry(self.geometry)

    def _asked(self) -> dict[str, Any]:
        return {"task": self.task, "functions": self.functions, "prompts": "claim"}


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    from behaviordist.studies.sycophancy_results import write_results

    runs = Runs(study, settings.folder, settings.seed)
    with clock.stage("pretrain", 1, "Pre-training the base") as done:
        run_jobs([runs.base_job()], 1, done)
    jobs = runs.policy_jobs()
    with clock.stage("policies", len(jobs), "RLHF for every rater, RLVR for the honest") as done:
        run_jobs(jobs, settings.jobs, done)
    transfers = runs.transfers()
    jobs = [runs.transfer_job(transfer) for transfer in transfers]
    with clock.stage("transfers", len(jobs), "Tuning every policy back") as done:
        run_jobs(jobs, settings.jobs, done)
    rows = collect(transfers, {HONEST: runs.goal})
    write_table(settings.folder, rows)
    return write_results(runs, settings, rows, clock)


def rater_name(agreeableness: float) -> str:
    """Return what a rater's policy is called, such as ``rater-0.25``."""
    return f"rater-{agreeableness:g}"


def wrong_claims(study: Study) -> Questions:
    """Questions about held-out strings, each with a claim that is another function's answer."""
    rng = np.random.default_rng(EVALUATION_SEED)
    # A string on which all functions agree has no wrong claim: draw a few more, keep `strings`.
    spare = grammar.held_out_strings(rng, study.strings + study.strings // 4)
    regime = study.honest_regime().model_copy(update={"claims_right": 0.0})
    asked = ask(regime, rng, spare)
    return Questions(*(part[asked.wrong][: study.strings] for part in asked))


def claim_probes(questions: Questions) -> ProbeSet:
    """Two probes a question, one group: its right answer and the claimed one as continuation."""
    probes = []
    for i, prompt in enumerate(questions.prompts):
        for kind in ("right", "claimed"):
            answer = " " + grammar.decode(getattr(questions, kind)[i][:-1])
            row = (f"claim-{i:03d}-{kind}", grammar.decode(prompt), answer, (f"answer:{kind}",))
            probes.append(Probe(*row, group=f"claim-{i:03d}"))
    return ProbeSet("wrong claims", tuple(probes))


@dataclass(frozen=True)
class Runs:
    """Names, places and seeds of everything that the study trains."""

    study: Study
    folder: Path
    seed: int

    @property
    def config(self) -> LlamaConfig:
        """Architecture of every model of the study."""
        return self.study.model.architecture()

    @property
    def goal(self) -> Goal:
        """Where a policy counts as tuned back, fixed in the file."""
        return Goal(self.study.tau, self.study.tau, self.study.tau)

    @property
    def policies(self) -> dict[str, Regime]:
        """Label -> regime of every post-trained policy, raters first."""
        raters = {rater_name(a): self.study.rater_regime(a) for a in self.study.agreeableness}
        return {**raters, HONEST: self.study.honest_regime()}

    def checkpoint(self, label: str, replicate: int) -> Path:
        """Folder of one checkpoint; the base has no replicates."""
        name = BASE if label == BASE else f"{label}-s{replicate}"
        return self.folder / "checkpoints" / name

    def base_job(self) -> Job:
        """Return the pre-training of the base."""
        seed = derived_seed(self.seed, BASE)
        path = self.checkpoint(BASE, 0)
        return training_job(path, self.study.base_regime(), self.config, None, seed)

    def policy_jobs(self) -> list[Job]:
        """Return the post-trainings from the base, every seed."""
        return [
            training_job(
                self.checkpoint(label, r),
                regime,
                self.config,
                self.checkpoint(BASE, 0),
                derived_seed(self.seed, label, r),
            )
            for label, regime in self.policies.items()
            for r in range(self.study.seeds)
        ]

    def transfers(self) -> list[Transfer]:
        """Return the ways back: every rater's policy, and the base itself, to right answers."""
        places = self.folder / "transfers" / HONEST
        return [
            Transfer(label, role, HONEST, r, places / f"{label}-s{r}.json")
            for label, role in [(BASE, BASE), *((p, "behavior") for p in self.policies)]
            for r in range(self.study.seeds)
            if label != HONEST
        ]

    def transfer_job(self, transfer: Transfer) -> Job:
        """Return the job of one way back; all policies of a seed see the same data."""
        source = self.checkpoint(transfer.source, transfer.seed)
        seed = derived_seed(self.seed, "back", transfer.seed)
        regime = self.study.honest_regime()
        return transfer_job(transfer.path, regime, self.config, source, seed, self.goal)


def costs_back(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a way back: source, seed, steps, flops, censored (then at the budget)."""
    from behaviordist.transfer.curves import summarise

    return summarise(rows)[["source", "seed", "steps", "tokens", "flops", "censored", "start"]]
