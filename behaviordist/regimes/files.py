"""A regime as a YAML file: read and checked; paths of data are taken from the file's own folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import Regime, one_line


def load_regime(path: Path) -> Regime:
    """Read one regime.

    Raises
    ------
    InputError
        Unreadable file, unknown key, a value of the wrong kind: one line each, with the key.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"{path}: not valid YAML{line}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: a regime is a mapping of keys such as algorithm, task, budget")
    _check_keys(values, Regime, path, "")
    try:
        regime = Regime.model_validate(values)
    except ValidationError as error:
        raise one_line(error, str(path)) from None
    return placed(regime, path.parent)


def placed(regime: Regime, folder: Path) -> Regime:
    """Return a regime whose data files and frozen models are found from anywhere."""
    data = regime.data
    both = {k: _place(getattr(data, k), folder) for k in ("train", "held_out")}
    reward = regime.reward_model
    finished = {"checkpoint": _place(reward.checkpoint, folder)}
    return regime.model_copy(
        update={
            "data": data.model_copy(update=both),
            "teacher": _place(regime.teacher, folder),
            "reward_model": reward.model_copy(update=finished),
        }
    )


def _place(path: str | None, folder: Path) -> str | None:
    """Return the path from a folder if something lies there, else as it is (a hub id, perhaps)."""
    if path is None:
        return None
    inside = folder / path
    return str(inside.absolute()) if inside.exists() else path


def _check_keys(values: dict[str, Any], model: type[BaseModel], path: Path, at: str) -> None:
    known = model.model_fields
    for key, value in values.items():
        if key not in known:
            raise InputError(f"{path}: unknown key '{at}{key}'; {did_you_mean(str(key), known)}")
        inner = known[key].annotation
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, BaseModel):
            _check_keys(value, inner, path, f"{at}{key}.")
