"""The plug-in edge of regimes: from an algorithm's name to its objective."""

from __future__ import annotations

import importlib
from dataclasses import fields
from functools import cache

from behaviordist.regimes.base import SPREADING, model_of
from behaviordist.regimes.evaluation import evaluate, evaluation_documents
from behaviordist.regimes.objective import Objective


@cache
def objective(algorithm: str) -> Objective:
    """Return what the module of `algorithm` offers, with the defaults of `Objective` beside it.

    Raises
    ------
    InputError
        If no regime has that name.
    """
    model_of({"algorithm": algorithm})
    name = "pretrain" if algorithm in SPREADING else algorithm
    module = vars(importlib.import_module(f"behaviordist.regimes.objectives.{name}"))
    offered = {part.name: module[part.name] for part in fields(Objective) if part.name in module}
    return Objective(**{"held_out": evaluation_documents, "evaluate": evaluate, **offered})
