"""The file of a transfer study on real models: a base, behaviors with their data, the test."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from behaviordist.errors import InputError
from behaviordist.regimes.declaration import Regime
from behaviordist.studies.study_file import (
    RuleSection,
    Section,
    StudyFile,
    TestSection,
    TransferSection,
    merged,
)

__all__ = ["ProbeSection", "RuleSection", "Study"]


class ProbeSection(Section):
    """Probes of several sets, so many of each, and the geometries of the distances."""

    probes: tuple[str, ...] = Field(min_length=1)
    each: int | None = Field(default=None, gt=0, description="probes drawn from each set; all")
    geometry: str
    also: tuple[str, ...] = ()


class Study(StudyFile):
    """What is tuned from which base, compared, transferred and tested, and by which rule.

    A behavior's section is a regime laid over `defaults`. Paths of data are taken from the
    run's folder first, then from where the command is run.
    """

    engine: Literal["trl"] = "trl"
    base: str = Field(description="Hugging Face folder, .gguf file, or package:NAME/FILE.gguf")
    examples: Literal["instruct-tasks"] | None = Field(
        default=None, description="examples that are written into data/ of the run's folder"
    )
    defaults: dict[str, Any] = {}
    behaviors: tuple[dict[str, Any], ...] = Field(min_length=2)
    transfer: TransferSection
    distances: ProbeSection
    test: TestSection = TestSection()

    @model_validator(mode="after")
    def _complete(self) -> Study:
        labels = [regime.label for regime in self.regimes()]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"behaviors names '{label}' twice")
        for regime in self.regimes():
            if regime.algorithm not in self.transfer.budget:
                raise ValueError(f"transfer.budget says nothing of '{regime.algorithm}'")
            budget = self.transfer.budget[regime.algorithm]
            Regime.model_validate({**regime.model_dump(), "budget": budget})
        return self

    def regimes(self) -> list[Regime]:
        """Return the behaviors' regimes."""
        return [Regime.model_validate(merged(self.defaults, b)) for b in self.behaviors]

    def check(self, where: str) -> None:
        """Refuse geometries and probe sets that do not exist."""
        from behaviordist.innerproduct.geometries import get_geometry
        from behaviordist.probes import ProbeSet

        for geometry in (self.distances.geometry, *self.distances.also):
            get_geometry(geometry)
        for name in self.distances.probes:
            size = len(ProbeSet.load(name))
            if self.distances.each is not None and self.distances.each > size:
                raise InputError(f"{where}: distances.each is above the {size} probes of '{name}'")
