"""From a study's name or file to the study: read, checked, resolved."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Regime, one_line
from behaviordist.studies.catalogue import STUDIES, method_of
from behaviordist.studies.study_file import StudyFile, merged


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
    model = method_of(str(values.get("kind", "algorithms")), where).Study
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


def _read(name_or_path: str) -> tuple[str, str]:
    if name_or_path in STUDIES:
        source = (
            resources.files("behaviordist.studies") / STUDIES[name_or_path].house / "STUDY.yaml"
        )
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
