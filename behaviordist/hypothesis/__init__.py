"""The test: statistic, permutation, intervals, baselines, verdict. Takes labelled matrices."""

from behaviordist.hypothesis.leaderboard import Leaderboard, leaderboard
from behaviordist.hypothesis.result import Estimate, TargetResult, TransferTest
from behaviordist.hypothesis.transfer_test import transfer_test
from behaviordist.hypothesis.verdict import VerdictRule

__all__ = [
    "Estimate",
    "Leaderboard",
    "TargetResult",
    "TransferTest",
    "VerdictRule",
    "leaderboard",
    "transfer_test",
]
