"""A regime as a YAML file: read and checked; paths of data are taken from the file's own folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from behaviordist.regimes.declaration import Distill, Regime, Rlhf, Tuning
from behaviordist.regimes.sections import VERIFIERS
from behaviordist.regimes.verifiers import plugged_reward
from behaviordist.store.declared import held, read_yaml


def load_regime(path: Path) -> Regime:
    """Read one regime.

    Raises
    ------
    InputError
        Unreadable file, unknown key, a value of the wrong kind: one line each, with the key.
    """
    regime = held(Regime, read_yaml(path), str(path))
    if isinstance(regime, Tuning) and regime.verifier.kind not in VERIFIERS:
        plugged_reward(regime.verifier.kind)  # imported now, refused before a model is opened
    return placed(regime, path.parent)


def placed(regime: Regime, folder: Path) -> Regime:
    """Return a regime whose data files and frozen models are found from anywhere."""

    def place(path: str) -> str:
        """Return the path from the folder if something lies there (else a hub id, perhaps)."""
        inside = folder / path
        return str(inside.absolute()) if inside.exists() else path

    return with_paths(regime, place)


def with_paths(regime: Regime, change: Callable[[str], str]) -> Regime:
    """Return a regime in which every path (data, teacher, reward model) is changed so."""

    def changed(path: str | None) -> str | None:
        return None if path is None else change(path)

    data = {k: changed(getattr(regime.data, k)) for k in ("train", "held_out")}
    update: dict[str, Any] = {"data": regime.data.model_copy(update=data)}
    if isinstance(regime, Distill):
        update["teacher"] = change(regime.teacher)
    if isinstance(regime, Rlhf):
        finished = {"checkpoint": changed(regime.reward_model.checkpoint)}
        update["reward_model"] = regime.reward_model.model_copy(update=finished)
    return regime.model_copy(update=update)
