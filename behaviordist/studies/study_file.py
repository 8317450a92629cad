"""A study as a file: read, checked, resolved; nothing that decides a verdict hides in code."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Regime
from behaviordist.store.declared import Declared

if TYPE_CHECKING:
    from behaviordist.lab.llama import LlamaConfig


class Section(Declared):
    """A part of a study's file: unknown keys are refused, values are fixed."""


class ModelSection(Section):
    """Shape of the lab's model; see `behaviordist.lab.llama.LlamaConfig`."""

    hidden_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    tie_embeddings: bool = False

    def architecture(self) -> LlamaConfig:
        """Return the model's shape, with the lab's vocabulary."""
        from behaviordist.lab.grammar import VOCABULARY
        from behaviordist.lab.llama import LlamaConfig

        return LlamaConfig(vocab_size=len(VOCABULARY), **self.model_dump())


class TransferSection(Section):
    """How transfers are run and read; tau is fixed from these before any transfer."""

    share: float = Field(gt=0, le=1)
    sweep: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    budget: dict[str, int]


class ClaimSection(Section):
    """By which numbers the claims of a study of the law are decided."""

    alpha: float = Field(gt=0, lt=1)
    permutations: int = Field(ge=99)
    relevant_effect: float = Field(gt=0, lt=1)
    same_cost: float = Field(gt=0)


class SoftSection(Section):
    """Soft behaviors, mixtures of functions from peaked to flat, tuned into one another."""

    behaviors: int = Field(ge=4)
    concentrations: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]]
    floor: float = Field(gt=0, lt=1)
    steps: int = Field(gt=0)
    share: float = Field(gt=0, le=1)
    budget: int = Field(gt=0)


class AnswerSection(Section):
    """On how many held-out strings directed distances are taken, and answers drawn at each."""

    strings: int = Field(ge=8)
    draws: int = Field(ge=1)


class DistanceSection(Section):
    """On which probes and in which geometries distances are taken; `geometry` is the tested one."""

    probes: str
    geometry: str
    also: tuple[str, ...] = ()


class RuleSection(Section):
    """The verdict's rule; see `behaviordist.hypothesis.VerdictRule`."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    relevant_effect: float = Field(default=0.3, gt=0, lt=1)
    beyond_source_effects: bool = True


class TestSection(Section):
    """The test's settings; `bootstrap` is the number of samples of ``interval: bootstrap``."""

    statistic: Literal["within-target", "two-way"] = "within-target"
    permutations: int = Field(default=10_000, ge=99)
    interval: Literal["jackknife", "bootstrap"] = "jackknife"
    bootstrap: int = Field(default=2_000, ge=100)
    rule: RuleSection = RuleSection()


class StudyFile(Section):
    """What every study's file says; a kind of study adds its own sections."""

    schema_: Literal[1] = Field(alias="schema")
    kind: str = "algorithms"
    name: str
    question: str
    seeds: int = Field(ge=1, le=100)

    def regimes(self) -> list[Regime]:
        """Return the regimes that the study trains: checked when the file is read."""
        return []

    def check(self, where: str) -> None:
        """Refuse names that do not exist before anything is trained; raises `InputError`."""

    def resolved(self) -> dict[str, Any]:
        """Return the study as plain data: what ``study.yaml`` of a run holds."""
        return self.model_dump(mode="json", by_alias=True)


def merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with nested `overrides` laid over them; null takes a key away (RFC 7396)."""
    result = copy.deepcopy(dict(values))
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
            continue
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def check_functions(names: Iterable[str], where: str) -> None:
    """Refuse the name of a function that the lab does not have."""
    from behaviordist.lab.functions import FUNCTIONS

    for name in names:
        if name not in FUNCTIONS:
            raise InputError(f"{where}: unknown function '{name}'; {did_you_mean(name, FUNCTIONS)}")


def check_distances(section: DistanceSection) -> None:
    """Refuse geometries and probe sets that do not exist."""
    from behaviordist.innerproduct.geometries import get_geometry
    from behaviordist.probes import ProbeSet

    for geometry in (section.geometry, *section.also):
        get_geometry(geometry)
    ProbeSet.load(section.probes)
