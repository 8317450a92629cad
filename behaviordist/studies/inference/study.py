"""The file of study `inference`: checkpoints, settings, the rules of the verdicts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from behaviordist.behaviors.settings import InferenceSettings, parse_spec
from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Qat, Regime
from behaviordist.studies.study_file import ModelSection, Section, StudyFile, check_functions

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
        return Qat(task=task, bits=bits, **self.post_training)

    def regimes(self) -> list[Regime]:
        """Return every regime that the study trains."""
        tuned = [self.sft(task) for task in self.tasks]
        return [self.base_regime(), *tuned, *(self.qat(bits) for bits in self.quantisation.bits)]

    def check(self, where: str) -> None:
        """Refuse names and settings that do not exist before anything is trained."""
        from behaviordist.behaviors.lab_models.backend import runs_in_lab
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
