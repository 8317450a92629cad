"""Planning: which checkpoint to start from, what it will cost, and whether to believe it."""

from behaviordist.planning.advice import Chain, Plan, Start
from behaviordist.planning.backtest import Backtest, StrategyResult, backtest
from behaviordist.planning.by_law import (
    LawBacktest,
    LawPlan,
    LawStart,
    backtest_law,
    plan_by_law,
)
from behaviordist.planning.plan import plan

__all__ = [
    "Backtest", "Chain", "LawBacktest", "LawPlan", "LawStart", "Plan", "Start", "StrategyResult",
    "backtest", "backtest_law", "plan", "plan_by_law",
]  # fmt: skip
