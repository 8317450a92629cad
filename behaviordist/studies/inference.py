"""Study `inference`: what do inference settings do to a behavior?

Method, in the order of the code. Bases are pre-trained from several seeds, on documents without
and with solved examples and scratchpads. Each is post-trained by SFT towards every task, and by
quantisation-aware training (QAT) towards one of them, once for every number of bits, on the same
data and for as many steps. Every checkpoint is then run with every setting on the same probes and
compared, probe by probe, with itself run as it is. Intervals are over seeds: each has a base, and
so children, of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from behaviordist.behaviors.settings import InferenceSettings, parse_spec
from behaviordist.errors import InputError, did_you_mean
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Regime
from behaviordist.store import file_digest
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.catalogue import Settings
from behaviordist.studies.config import ModelSection, Section, StudyFile, check_functions
from behaviordist.studies.inference_measures import VERSION, measure_quantisation, measure_settings
from behaviordist.studies.lab_jobs import training_job
from behaviordist.studies.progress import StageClock

BASE, PLAIN = "base", "as it is"


class QuantisationSection(Section):
    """Which task is trained for rounded weights, and for which grids."""

    task: str
    bits: tuple[Literal[2, 3, 4, 8], ...] = Field(min_length=2)


class ClaimsSection(Section):
    """Names of the settings that the claims are about."""

    rounding: str
    near: tuple[str, ...] = Field(min_length=1)
    thoughts: str
    shorter: str
    without: str
    window: str


class RuleSection(Section):
    """The thresholds of the verdicts."""

    cache_bound: float = Field(gt=0)
    small: float = Field(gt=0, lt=1)
    linear: float = Field(gt=0, lt=1)


class Study(StudyFile):
    """Checkpoints, the settings they are run with, and the rules of the verdicts."""

    tasks: tuple[str, ...] = Field(min_length=1)
    probes: str
    model: ModelSection
    pretrain: dict[str, Any]
    post_training: dict[str, Any]
    quantisation: QuantisationSection
    settings: dict[str, dict[str, str]]
    map: tuple[str, ...]
    claims: ClaimsSection
    rule: RuleSection

    @model_validator(mode="after")
    def _known(self) -> Study:
        if self.quantisation.task not in self.tasks:
            raise ValueError("quantisation.task must be one of tasks: its SFT is compared with")
        return self

    @classmethod
    def regime_sections(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of pre-training and of post-training."""
        return {name: values.get(name) for name in ("pretrain", "post_training")}

    @property
    def specs(self) -> dict[str, str]:
        """Name -> settings, all families together, the plain run first."""
        named = {name: spec for family in self.settings.values() for name, spec in family.items()}
        return {PLAIN: "", **named}

    def family(self, name: str) -> str:
        """Return the family that a setting belongs to."""
        return next((f for f, named in self.settings.items() if name in named), PLAIN)

    def base_regime(self) -> Regime:
        """Return the pre-training regime."""
        return Regime(algorithm="pretrain", **self.pretrain)

    def sft(self, task: str) -> Regime:
        """Return supervised fine-tuning towards a task."""
        return Regime(algorithm="sft", task=task, **self.post_training)

    def qat(self, bits: Any) -> Regime:
        """Return quantisation-aware training for a grid."""
        task = self.quantisation.task
        return Regime(algorithm="qat", task=task, bits=bits, **self.post_training)

    def regimes(self) -> list[Regime]:
        """Return every regime that the study trains."""
        tuned = [self.sft(task) for task in self.tasks]
        return [self.base_regime(), *tuned, *(self.qat(bits) for bits in self.quantisation.bits)]

    def check(self, where: str) -> None:
        """Refuse names and settings that do not exist before anything is trained."""
        from behaviordist.behaviors.lab_backend import runs_in_lab
        from behaviordist.probes import ProbeSet

        check_functions((*self.tasks, *self.base_regime().functions), where)
        ProbeSet.load(self.probes)
        for name, spec in self.specs.items():
            settings = parse_spec(f"{name}@{spec}")[1] if spec else InferenceSettings()
            if not runs_in_lab(settings):
                raise InputError(f"{where}: the lab cannot run '{name}' ({spec}); leave it out")
        about = self.claims.model_dump()
        for name in (*self.map, *about.pop("near"), *about.values()):
            if name not in self.specs:
                raise InputError(f"{where}: no setting '{name}'; {did_you_mean(name, self.specs)}")


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    from behaviordist.studies.inference_results import write_results

    runs = Runs(study, settings.folder, settings.seed)
    stages = (
        ("pretrain", runs.base_jobs, "Pre-training the bases"),
        ("post-training", runs.tuning_jobs, "Post-training: SFT and QAT"),
        ("settings", runs.measure_jobs, "Running every checkpoint with every setting"),
    )
    for name, make, text in stages:
        jobs = make()
        with clock.stage(name, len(jobs), text) as done:
            run_jobs(jobs, settings.jobs, done)
    return write_results(runs, settings, clock)


@dataclass(frozen=True)
class Runs:
    """Names, places and seeds of everything that the study makes."""

    study: Study
    folder: Path
    seed: int

    @property
    def config(self) -> LlamaConfig:
        """Architecture of every model of the study."""
        return self.study.model.architecture()

    @property
    def models(self) -> list[str]:
        """Names of the checkpoints that every setting is tried on."""
        return [BASE, *(self.study.sft(task).label for task in self.study.tasks)]

    def checkpoint(self, name: str, replicate: int) -> Path:
        """Folder of one checkpoint."""
        return self.folder / "checkpoints" / f"{name}-s{replicate}"

    def measured(self, name: str, replicate: int) -> Path:
        """File of what one checkpoint does with every setting."""
        return self.folder / "measures" / f"{name}-s{replicate}.npz"

    def base_jobs(self) -> list[Job]:
        """Return the pre-trainings, one a seed."""
        return [
            training_job(
                self.checkpoint(BASE, r),
                self.study.base_regime(),
                self.config,
                None,
                derived_seed(self.seed, BASE, r),
            )
            for r in range(self.study.seeds)
        ]

    def tuning_jobs(self) -> list[Job]:
        """Return the post-trainings; those of one seed and task see the same data."""
        return [
            training_job(
                self.checkpoint(name, r),
                regime,
                self.config,
                self.checkpoint(BASE, r),
                derived_seed(self.seed, str(regime.task), r),
            )
            for name, regime in self._tuned()
            for r in range(self.study.seeds)
        ]

    def measure_jobs(self) -> list[Job]:
        """Return the measurements: settings of every checkpoint, then SFT against QAT."""
        places = [(name, r) for name in self.models for r in range(self.study.seeds)]
        jobs = [
            Job(
                self.measured(name, r),
                self._inputs([self.checkpoint(name, r)], {"specs": self.study.specs}),
                measure_settings,
                {
                    "model": name,
                    "checkpoint": self.checkpoint(name, r),
                    "specs": self.study.specs,
                    "probes": self.study.probes,
                    "keep": self.folder / "fingerprints" if r == 0 else None,
                },
            )
            for name, r in places
        ]
        return jobs + [self._quantisation_job(r) for r in range(self.study.seeds)]

    def _quantisation_job(self, r: int) -> Job:
        bits = self.study.quantisation.bits
        sft = self.study.sft(self.study.quantisation.task)
        aware = {b: self.checkpoint(f"qat{b}-{sft.task}", r) for b in bits}
        plain = self.checkpoint(sft.label, r)
        arguments = {"sft": plain, "qat": aware, "regime": sft, "probes": self.study.probes}
        inputs = self._inputs([plain, *aware.values()], {"regime": sft.model_dump(mode="json")})
        return Job(self.measured("quantisation", r), inputs, measure_quantisation, arguments)

    def _tuned(self) -> Iterator[tuple[str, Regime]]:
        for task in self.study.tasks:
            yield self.study.sft(task).label, self.study.sft(task)
        for bits in self.study.quantisation.bits:
            yield f"qat{bits}-{self.study.quantisation.task}", self.study.qat(bits)

    def _inputs(self, sources: list[Path], more: dict[str, Any]) -> dict[str, Any]:
        from behaviordist.probes import ProbeSet

        weights = [file_digest(path / "model.safetensors") for path in sources]
        probes = ProbeSet.load(self.study.probes).digest
        return {"weights": weights, "probes": probes, "version": VERSION, **more}
