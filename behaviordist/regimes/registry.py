"""The plug-in edge of regimes: from an algorithm's name to its objective."""

from __future__ import annotations

import importlib
from typing import cast

from behaviordist.errors import InputError, did_you_mean
from behaviordist.regimes.declaration import ALGORITHMS, SPREADING
from behaviordist.regimes.objective import Objective


def objective(algorithm: str) -> Objective:
    """Return the module that implements `algorithm` (it has `draw`, `loss`, `sampled_tokens`).

    Raises
    ------
    InputError
        If no regime has that name.
    """
    if algorithm not in ALGORITHMS:
        raise InputError(f"unknown algorithm '{algorithm}'; {did_you_mean(algorithm, ALGORITHMS)}")
    module = "pretrain" if algorithm in SPREADING else algorithm
    return cast(Objective, importlib.import_module(f"behaviordist.regimes.{module}"))
