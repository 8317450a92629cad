"""Planning: which checkpoint to start from, what it will cost, and whether to believe it."""

from behaviordist.planning.advice import Chain, Plan, Start
from behaviordist.planning.backtest import Backtest, StrategyResult, backtest
from behaviordist.planning.plan import plan

__all__ = ["Backtest", "Chain", "Plan", "Start", "StrategyResult", "backtest", "plan"]
