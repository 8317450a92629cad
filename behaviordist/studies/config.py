"""A study as a file: read, checked, resolved; nothing that decides a verdict hides in code."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Regime, one_line

STUDIES = {"transfer": "Are closer behaviors cheaper to reach? Functions x (sft, rlvr), all pairs."}
"""What `behaviordist run` can run by name, a line each."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSection(_Section):
    """Shape of the lab's model; see `behaviordist.lab.llama.LlamaConfig`."""

    hidden_size: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    kv_heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    intermediate_size: int = Field(gt=0)
    tie_embeddings: bool = False


class TransferSection(_Section):
    """How transfers are run and read; tau is fixed from these before any transfer."""

    share: float = Field(gt=0, le=1)
    sweep: tuple[Annotated[float, Field(gt=0, le=1)], ...]
    budget: dict[str, int]


class DistanceSection(_Section):
    """On which probes and in which geometries distances are taken; `geometry` is the tested one."""

    probes: str
    geometry: str
    also: tuple[str, ...] = ()


class RuleSection(_Section):
    """The verdict's rule; see `behaviordist.hypothesis.VerdictRule`."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    relevant_effect: float = Field(default=0.3, gt=0, lt=1)
    beat_source_quality: bool = True


class TestSection(_Section):
    """The test's settings; `bootstrap` is the number of samples of ``interval: bootstrap``."""

    statistic: Literal["within-target", "two-way"] = "within-target"
    permutations: int = Field(default=10_000, ge=99)
    interval: Literal["jackknife", "bootstrap"] = "jackknife"
    bootstrap: int = Field(default=2_000, ge=100)
    rule: RuleSection = RuleSection()


class Study(_Section):
    """A resolved study: what is trained, compared, transferred and tested, and by which rule."""

    schema_: Literal[1] = Field(alias="schema")
    name: str
    question: str
    seeds: int = Field(ge=1, le=100)
    tasks: tuple[str, ...] = Field(min_length=1)
    model: ModelSection
    pretrain: dict[str, Any]
    post_training: dict[Literal["sft", "rlvr"], dict[str, Any]] = Field(min_length=1)
    transfer: TransferSection
    distances: DistanceSection
    test: TestSection

    @model_validator(mode="after")
    def _complete(self) -> Study:
        for algorithm in self.post_training:
            if algorithm not in self.transfer.budget:
                raise ValueError(f"transfer.budget says nothing of '{algorithm}'")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks names one function twice")
        return self

    def base_regime(self) -> Regime:
        """Return the pre-training regime."""
        return Regime(algorithm="pretrain", **self.pretrain)

    def regimes(self) -> list[Regime]:
        """Return the post-training regimes, one a behavior: algorithms x tasks."""
        return [
            Regime(algorithm=algorithm, task=task, **settings)
            for algorithm, settings in self.post_training.items()
            for task in self.tasks
        ]

    def transfer_regime(self, target: Regime) -> Regime:
        """Return the target's regime with the budget of a transfer run."""
        update = {"budget": self.transfer.budget[target.algorithm]}
        return Regime.model_validate({**target.model_dump(), **update})

    def resolved(self) -> dict[str, Any]:
        """Return the study as plain data: what ``study.yaml`` of a run holds."""
        return self.model_dump(mode="json", by_alias=True)


def load_study(name_or_path: str, quick: bool = False, seeds: int | None = None) -> Study:
    """Read a study by name or from a YAML file.

    Parameters
    ----------
    name_or_path
        A name in `STUDIES`, or a path ending in ``.yaml`` or ``.yml``.
    quick
        Apply the file's ``quick`` section over the rest.
    seeds
        Override the number of seeds.

    Raises
    ------
    InputError
        Unknown study, unreadable file, unknown key, a value of the wrong kind: one line each,
        with the key.
    """
    where, text = _read(name_or_path)
    values = _parse(text, where)
    overrides = values.pop("quick", {})
    if not isinstance(overrides, Mapping):
        raise InputError(f"{where}: 'quick' holds the sections that --quick changes, as a mapping")
    if quick:
        values = merged(values, overrides)
    if seeds is not None:
        values["seeds"] = seeds
    _check_keys(values, Study, where, "")
    try:
        study = Study.model_validate(values)
        study.base_regime()
        for regime in study.regimes():
            study.transfer_regime(regime)
    except ValidationError as error:
        raise one_line(error, where) from None
    except TypeError as error:
        raise InputError(f"{where}: {error}") from None
    _check_names(study, where)
    return study


def merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` with nested `overrides` laid over them."""
    result = copy.deepcopy(dict(values))
    for key, value in overrides.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else copy.deepcopy(value)
    return result


def _read(name_or_path: str) -> tuple[str, str]:
    if name_or_path in STUDIES:
        source = resources.files("behaviordist.studies") / f"{name_or_path}.yaml"
        return f"study '{name_or_path}'", source.read_text(encoding="utf-8")
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"unknown study '{name_or_path}'; {did_you_mean(name_or_path, STUDIES)}")
    try:
        return path.name, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"cannot read the study file {path}: {reason}") from None


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{where}: not valid YAML{line}") from None
    if not isinstance(values, dict):
        raise InputError(f"{where}: a study is a mapping of keys such as name, tasks, model")
    return values


def _check_keys(values: Mapping[str, Any], model: type[BaseModel], where: str, at: str) -> None:
    """Refuse unknown keys at any depth, with the nearest known name."""
    known = {field.alias or name: field for name, field in model.model_fields.items()}
    for key, value in values.items():
        if key not in known:
            raise InputError(f"{where}: unknown key '{at}{key}'; {did_you_mean(str(key), known)}")
        inner = known[key].annotation
        if isinstance(value, Mapping) and isinstance(inner, type) and issubclass(inner, BaseModel):
            _check_keys(value, inner, where, f"{at}{key}.")
    if model is Study:
        sections = {"pretrain": values.get("pretrain"), **(_mapping(values.get("post_training")))}
        for name, settings in sections.items():
            _check_keys(_mapping(settings), Regime, where, f"{name}.")


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _check_names(study: Study, where: str) -> None:
    from behaviordist.innerproduct.geometries import get_geometry
    from behaviordist.lab.functions import FUNCTIONS
    from behaviordist.probes import ProbeSet

    for task in (*study.tasks, *study.base_regime().functions):
        if task not in FUNCTIONS:
            raise InputError(f"{where}: unknown function '{task}'; {did_you_mean(task, FUNCTIONS)}")
    for geometry in (study.distances.geometry, *study.distances.also):
        get_geometry(geometry)
    ProbeSet.load(study.distances.probes)
