"""A study as a file: read, checked, resolved; nothing that decides a verdict hides in code."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Regime, one_line
from behaviordist.studies.catalogue import STUDIES, study_module

if TYPE_CHECKING:
    from behaviordist.lab.llama import LlamaConfig


class Section(BaseModel):
    """A part of a study's file: unknown keys are refused, values are fixed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class DistanceSection(Section):
    """On which probes and in which geometries distances are taken; `geometry` is the tested one."""

    probes: str
    geometry: str
    also: tuple[str, ...] = ()


class RuleSection(Section):
    """The verdict's rule; see `behaviordist.hypothesis.VerdictRule`."""

    alpha: float = Field(default=0.05, gt=0, lt=1)
    relevant_effect: float = Field(default=0.3, gt=0, lt=1)
    beat_source_quality: bool = True


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
    kind: str = "transfer"
    name: str
    question: str
    seeds: int = Field(ge=1, le=100)

    def regimes(self) -> list[Regime]:
        """Return the regimes that the study trains: checked when the file is read."""
        return []

    @classmethod
    def regime_sections(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parts of a raw file that hold a regime's settings, by name."""
        return {}

    def check(self, where: str) -> None:
        """Refuse names that do not exist before anything is trained; raises `InputError`."""

    def resolved(self) -> dict[str, Any]:
        """Return the study as plain data: what ``study.yaml`` of a run holds."""
        return self.model_dump(mode="json", by_alias=True)


def load_study(name_or_path: str, quick: bool = False, seeds: int | None = None) -> StudyFile:
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
    model = study_module(str(values.get("kind", "transfer")), where).Study
    _check_keys(values, model, where, "")
    for name, settings in model.regime_sections(values).items():
        _check_keys(_mapping(settings), Regime, where, f"{name}.")
    try:
        study = model.model_validate(values)
        study.regimes()
        study.check(where)
    except ValidationError as error:
        raise one_line(error, where) from None
    except TypeError as error:
        raise InputError(f"{where}: {error}") from None
    return study


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


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


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
