"""The test: statistic, permutation, intervals, baselines, verdict. Takes labelled matrices."""

from behaviordist.hypothesis.cox import cox_test
from behaviordist.hypothesis.leaderboard import Leaderboard, leaderboard
from behaviordist.hypothesis.mixed import mixed_test
from behaviordist.hypothesis.models import model_checks
from behaviordist.hypothesis.mrqap import partial_test
from behaviordist.hypothesis.result import Estimate, TargetResult, TransferTest
from behaviordist.hypothesis.symmetry import SymmetryParts, symmetry_parts
from behaviordist.hypothesis.transfer_test import transfer_test
from behaviordist.hypothesis.verdict import VerdictRule

__all__ = [
    "Estimate",
    "Leaderboard",
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
