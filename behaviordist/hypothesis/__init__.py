"""The test: statistic, permutation, intervals, baselines, verdict. Takes labelled matrices."""

from behaviordist.hypothesis.asymmetry.symmetry import SymmetryParts, symmetry_parts
from behaviordist.hypothesis.inference.result import PredictorTest, TargetResult, TransferTest
from behaviordist.hypothesis.inference.verdict import VerdictRule
from behaviordist.hypothesis.leaderboard import Leaderboard, leaderboard
from behaviordist.hypothesis.models.checks import model_checks
from behaviordist.hypothesis.models.cox import cox_test
from behaviordist.hypothesis.models.mixed import mixed_test
from behaviordist.hypothesis.models.mrqap import partial_test
from behaviordist.hypothesis.transfer_test import transfer_test

__all__ = [
    "Leaderboard",
    "PredictorTest",
    "SymmetryParts",
    "TargetResult",
    "TransferTest",
    "VerdictRule",
    "cox_test",
    "leaderboard",
    "mixed_test",
    "model_checks",
    "partial_test",
    "symmetry_parts",
    "transfer_test",
]
