"""The file of study `sycophancy`: raters of growing agreeableness, and the way back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from behaviordist.regimes.declaration import Rater, Regime, Rlhf, Rlvr
from behaviordist.studies.study_file import ModelSection, StudyFile, check_functions

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

    def base_regime(self) -> Regime:
        """Return the pre-training regime."""
        return Regime(algorithm="pretrain", functions=self.functions, **self.pretrain)

    def rater_regime(self, agreeableness: float) -> Rlhf:
        """Return RLHF against one rater."""
        rater = Rater(agreeableness=agreeableness)
        return Rlhf(rater=rater, **self._asked(), **self.rlhf)

    def honest_regime(self) -> Rlvr:
        """Return RLVR on right answers."""
        return Rlvr(**self._asked(), **self.honest)

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


def rater_name(agreeableness: float) -> str:
    """Return what a rater's policy is called, such as ``rater-0.25``."""
    return f"rater-{agreeableness:g}"
