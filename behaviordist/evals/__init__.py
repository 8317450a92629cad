"""Eval logs as behaviors: a model is its scores on the items of an evaluation."""

from behaviordist.evals.distances import eval_distances
from behaviordist.evals.gate import EvalGate, gate_evals
from behaviordist.evals.paired import EvalComparison, compare_evals
from behaviordist.evals.read import read_evals
from behaviordist.evals.scores import EvalScores

__all__ = [
    "EvalComparison",
    "EvalGate",
    "EvalScores",
    "compare_evals",
    "eval_distances",
    "gate_evals",
    "read_evals",
]
