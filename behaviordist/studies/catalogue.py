"""The plug-in edge of studies: which there are, and in which house the method of a kind lives."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

from behaviordist.errors import InputError, did_you_mean
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock
from behaviordist.studies.study_file import StudyFile


@dataclass(frozen=True)
class Shipped:
    """A study that `behaviordist run` can run by name: its house holds its ``STUDY.yaml``."""

    house: str
    line: str


STUDIES = {
    "transfer": Shipped(
        "transfer",
        "What does tuning A into B cost? Steps a nat, from the two functions alone: the law.",
    ),
    "algorithms": Shipped(
        "algorithms", "What was trained, and how: functions x algorithms, all pairs."
    ),
    "bootstrapping": Shipped(
        "bootstrapping",
        "How much pre-training does a behavior need? Budgets from none x regimes.",
    ),
    "sycophancy": Shipped(
        "sycophancy", "Does a rater who likes agreement make a sycophant? RLHF, and the way back."
    ),
    "inference": Shipped(
        "inference",
        "What do inference settings do to a behavior? Cache, bits, temperature, context.",
    ),
    "reciprocity": Shipped(
        "reciprocity", "Is A to B as cheap as B to A? Symmetric and antisymmetric parts of cost."
    ),
    "growing": Shipped(
        "growing", "Is growing a small model cheaper than training a large one? Is distance all?"
    ),
    "smollm2": Shipped(
        "soft_models", "The law on SmolLM2-135M: soft sources into answer styles; about two hours."
    ),
    "smollm2-full": Shipped(
        "real_models", "The question of `transfer` on SmolLM2: eight behaviors; wants a GPU."
    ),
}
"""What `behaviordist run` can run by name."""

KINDS = {
    "transfer": "transfer",
    "algorithms": "algorithms",
    "bootstrapping": "bootstrapping",
    "sycophancy": "sycophancy",
    "inference": "inference",
    "reciprocity": "reciprocity",
    "growing": "growing",
    "trl-transfer": "real_models",
    "soft-models": "soft_models",
}
"""Kind of a study's file -> house: the folder whose ``method.py`` runs it."""


class Method(Protocol):
    """What a house's ``method.py`` holds: the model of its file, and its method."""

    Study: type[StudyFile]

    def run_study(self, study: Any, settings: Settings, clock: StageClock) -> dict[str, Any]:
        """Run every stage that is not finished, write the folder, return ``run.json``."""
        ...


def method_of(kind: str, where: str) -> Method:
    """Return the method of a kind of study.

    Raises
    ------
    InputError
        No study has that kind.
    """
    if kind not in KINDS:
        raise InputError(f"{where}: no study of kind '{kind}'; {did_you_mean(kind, KINDS)}")
    method: Any = importlib.import_module(f"behaviordist.studies.{KINDS[kind]}.method")
    return method  # type: ignore[no-any-return]
