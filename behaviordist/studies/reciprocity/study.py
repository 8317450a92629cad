"""The file of study `reciprocity`: a study of algorithms, soft behaviors, what is no asymmetry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from behaviordist.regimes.declaration import Regime
from behaviordist.studies.algorithms import study
from behaviordist.studies.study_file import AnswerSection, SoftSection


class MixtureSection(SoftSection):
    """Mixtures of the study's functions, from peaked to flat, that are tuned into one another."""

    training: dict[str, Any]
    answers: AnswerSection


class Study(study.Study):
    """A transfer study, soft behaviors where the file has them, and what counts as no asymmetry."""

    irrelevant_share: float = Field(default=0.1, gt=0, lt=1)
    soft: MixtureSection | None = None

    def soft_regime(self, shares: Mapping[str, float], budget: int) -> Regime:
        """Return the SFT on a mixture that makes, or is the target of, a soft behavior."""
        assert self.soft is not None
        return Regime(algorithm="sft", task=dict(shares), budget=budget, **self.soft.training)

    def check(self, where: str) -> None:
        """Refuse what a study of algorithms refuses, and soft behaviors that cannot be trained."""
        super().check(where)
        if self.soft is not None:
            for budget in (self.soft.steps, self.soft.budget):
                self.soft_regime(dict.fromkeys(self.tasks, 1.0), budget)
