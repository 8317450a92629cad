"""The plug-in edge of studies: from a study's kind to the module that is its method section."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from behaviordist.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from behaviordist.studies.config import StudyFile
    from behaviordist.studies.progress import StageClock

STUDIES = {
    "transfer": "Are closer behaviors cheaper to reach? Functions x algorithms, all pairs.",
    "bootstrapping": "How much pre-training does a behavior need? Budgets from none x regimes.",
    "sycophancy": "Does a rater who likes agreement make a sycophant? RLHF, and the way back.",
    "inference": "What do inference settings do to a behavior? Cache, bits, temperature, context.",
    "reciprocity": "Is A to B as cheap as B to A? Symmetric and antisymmetric parts of cost.",
    "growing": "Is growing a small model cheaper than training a large one? Is distance all?",
}
"""What `behaviordist run` can run by name, a line each. A name is also the kind of its file."""

FILES_ONLY = ("trl-transfer",)
"""Kinds that need a file of one's own: real models are nowhere but at the user's."""


@dataclass(frozen=True)
class Settings:
    """How a study is run, as opposed to what it is."""

    folder: Path
    seed: int = 0
    jobs: int = 2
    quick: bool = False
    command: str = ""


class StudyModule(Protocol):
    """What a study's module holds: the model of its file, and its method."""

    Study: type[StudyFile]

    def run_study(self, study: Any, settings: Settings, clock: StageClock) -> dict[str, Any]:
        """Run every stage that is not finished, write the folder, return ``run.json``."""
        ...


def study_module(kind: str, where: str) -> StudyModule:
    """Return the module of a kind of study.

    Raises
    ------
    InputError
        No study has that kind.
    """
    known = (*STUDIES, *FILES_ONLY)
    if kind not in known:
        raise InputError(f"{where}: no study of kind '{kind}'; {did_you_mean(kind, known)}")
    module: Any = importlib.import_module(f"behaviordist.studies.{kind.replace('-', '_')}")
    return module  # type: ignore[no-any-return]
