"""From a study's name or file to the study: read, checked, resolved."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.base import require_lab
from behaviordist.store.declared import held, one_line, parse_yaml, read_yaml
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
    where, values = _read(name_or_path)
    overrides = values.pop("quick", {})
    if not isinstance(overrides, Mapping):
        raise InputError(f"{where}: 'quick' holds the sections that --quick changes, as a mapping")
    if quick:
        values = merged(values, overrides)
    if seeds is not None:
        values["seeds"] = seeds
    study = held(method_of(str(values.get("kind", "algorithms")), where).Study, values, where)
    try:
        for regime in study.regimes():
            if getattr(study, "engine", "jax") == "jax":
                require_lab(regime)
        study.check(where)
    except ValidationError as error:
        raise one_line(error, where, error.title.lower()) from None
    except (TypeError, InputError) as error:
        text = str(error)
        raise InputError(text if text.startswith(where) else f"{where}: {text}") from None
    return study


def _read(name_or_path: str) -> tuple[str, dict[str, Any]]:
    """Return what a study is called in an error, and what its file says."""
    if name_or_path in STUDIES:
        source = (
            resources.files("behaviordist.studies") / STUDIES[name_or_path].house / "STUDY.yaml"
        )
        where = f"study '{name_or_path}'"
        return where, parse_yaml(source.read_text(encoding="utf-8"), where)
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"unknown study '{name_or_path}'; {did_you_mean(name_or_path, STUDIES)}")
    return path.name, read_yaml(path)
