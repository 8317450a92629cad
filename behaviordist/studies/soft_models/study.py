"""The file of a study of the law on a real model: base, sources by degrees, targets, claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Growth, Regime
from behaviordist.studies.soft_models.styles import EACH, PATTERNS, STYLES
from behaviordist.studies.study_file import ClaimSection, Section, StudyFile, merged

Targeting = Literal["sft", "rlvr"]


class SourceSection(Section):
    """Which sources are made; `training` is laid over `defaults`, its adapter is merged after."""

    mixtures: int = Field(ge=4)
    concentration: float = Field(gt=0)
    floor: float = Field(gt=0, lt=1)
    rows: int = Field(gt=0, description="rows of a mixture's training file")
    permuted: int = Field(ge=2, description="of the first mixtures, at permuted weights")
    grown: Growth | None = Field(default=None, description="the first mixture, once more, larger")
    retuned: int = Field(ge=0, description="of the first mixtures, reached from the last ones")
    training: dict[str, Any]


class TargetSection(Section):
    """The pure styles that one algorithm tunes into; the rest is laid over `defaults`."""

    styles: tuple[str, ...] = Field(min_length=1)
    regime: dict[str, Any]
    budget: int = Field(gt=0, description="steps at which a transfer that has not arrived ends")


class AnswerSection(Section):
    """Held-out questions, and how often each target (and source) answers each."""

    questions: int = Field(ge=4)
    draws: int = Field(ge=1)


class ProbeSection(Section):
    """The shipped probes of the symmetric distance that stands beside KL."""

    probes: str
    each: int = Field(gt=0)
    geometry: str


class Study(StudyFile):
    """What is tuned from which base, measured and claimed."""

    engine: Literal["trl"] = "trl"
    base: str = Field(description="Hugging Face folder, .gguf file, or package:NAME/FILE.gguf")
    defaults: dict[str, Any]
    sources: SourceSection
    targets: dict[Targeting, TargetSection] = Field(min_length=1)
    share: float = Field(gt=0, le=1, description="tau: this share of a target's own level")
    answers: AnswerSection
    distances: ProbeSection
    claims: ClaimSection

    @model_validator(mode="after")
    def _complete(self) -> Study:
        if self.sources.permuted + self.sources.retuned > self.sources.mixtures:
            raise ValueError("sources: more copies than mixtures")
        if self.answers.questions >= 3 * EACH:
            raise ValueError(f"answers.questions: there are {3 * EACH} questions in all")
        for algorithm, section in self.targets.items():
            known = STYLES if algorithm == "sft" else PATTERNS
            for style in section.styles:
                if style not in known:
                    raise ValueError(f"targets.{algorithm}: {did_you_mean(style, known)}")
        return self

    def mixture_regime(self, name: str) -> Regime:
        """Return the SFT that makes a soft source; its files are those of mixture `name`."""
        settings = merged(self.defaults, self.sources.training)
        return _regime(settings, "sft", name, name)

    def regimes(self) -> list[Regime]:
        """Return the regimes of all targets."""
        regimes = []
        for algorithm, section in self.targets.items():
            for style in section.styles:
                settings = merged(self.defaults, section.regime)
                if algorithm == "rlvr":
                    settings["verifier"] = {"kind": "regex", "pattern": PATTERNS[style]}
                regimes.append(_regime(settings, algorithm, style, style))
        return regimes

    @property
    def budgets(self) -> dict[str, int]:
        """Steps at which a transfer ends, by target."""
        return {r.label: self.targets[r.algorithm].budget for r in self.regimes()}  # type: ignore[index]

    def check(self, where: str) -> None:
        """Refuse probes and geometries that do not exist, and budgets that no regime takes."""
        from behaviordist.innerproduct.geometries import get_geometry
        from behaviordist.probes import ProbeSet

        get_geometry(self.distances.geometry)
        if self.distances.each > len(ProbeSet.load(self.distances.probes)):
            raise InputError(f"{where}: distances.each is above the number of probes")
        self.mixture_regime("m00")
        for regime in self.regimes():
            budget = self.budgets[regime.label]
            Regime.model_validate({**regime.model_dump(), "budget": budget})


def _regime(settings: Mapping[str, Any], algorithm: str, task: str, files: str) -> Regime:
    data = {"train": f"data/{files}.train.jsonl", "held_out": f"data/{files}.held-out.jsonl"}
    values = {**settings, "algorithm": algorithm, "task": task}
    return Regime.model_validate(merged(values, {"data": data}))
