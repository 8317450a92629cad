"""behaviordist: distances between model behaviors, the cost of tuning one into another, a test.

The names below are the stable surface; the rest is reached through modules. Nothing heavy is
imported until a name is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from behaviordist.behaviors import Behavior, InferenceSettings, load
    from behaviordist.distance import DistanceMatrix, distances, regime_distances
    from behaviordist.distance.directed import AnswerSet, DirectedMatrix
    from behaviordist.distance.directed.divergences import divergences
    from behaviordist.errors import BehaviordistError, InputError
    from behaviordist.evals import (
        EvalComparison,
        EvalGate,
        EvalScores,
        compare_evals,
        eval_distances,
        gate_evals,
        read_evals,
    )
    from behaviordist.hypothesis import TransferTest, VerdictRule, transfer_test
    from behaviordist.measurements.compare import write_comparison
    from behaviordist.measurements.distance import write_distances
    from behaviordist.measurements.evals import write_eval_distances
    from behaviordist.measurements.fingerprints import fingerprint
    from behaviordist.probes import Probe, ProbeSet
    from behaviordist.studies.run import run
    from behaviordist.transfer.matrix import TransferMatrix

_HOMES = {
    "AnswerSet": "distance.directed",
    "Behavior": "behaviors",
    "InferenceSettings": "behaviors",
    "load": "behaviors",
    "DirectedMatrix": "distance.directed",
    "DistanceMatrix": "distance",
    "distances": "distance",
    "divergences": "distance.directed",
    "fingerprint": "measurements.fingerprints",
    "regime_distances": "distance",
    "BehaviordistError": "errors",
    "InputError": "errors",
    "EvalComparison": "evals",
    "EvalGate": "evals",
    "EvalScores": "evals",
    "compare_evals": "evals",
    "eval_distances": "evals",
    "gate_evals": "evals",
    "read_evals": "evals",
    "TransferTest": "hypothesis",
    "VerdictRule": "hypothesis",
    "transfer_test": "hypothesis",
    "Probe": "probes",
    "ProbeSet": "probes",
    "run": "studies.run",
    "write_comparison": "measurements.compare",
    "write_distances": "measurements.distance",
    "write_eval_distances": "measurements.evals",
    "TransferMatrix": "transfer.matrix",
}

__all__ = [
    "AnswerSet",
    "Behavior",
    "BehaviordistError",
    "DirectedMatrix",
    "DistanceMatrix",
    "EvalComparison",
    "EvalGate",
    "EvalScores",
    "InferenceSettings",
    "InputError",
    "Probe",
    "ProbeSet",
    "TransferMatrix",
    "TransferTest",
    "VerdictRule",
    "compare_evals",
    "distances",
    "divergences",
    "eval_distances",
    "fingerprint",
    "gate_evals",
    "load",
    "read_evals",
    "regime_distances",
    "run",
    "transfer_test",
    "write_comparison",
    "write_distances",
    "write_eval_distances",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'behaviordist' has no attribute '{name}'")
    return getattr(importlib.import_module(f"behaviordist.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
