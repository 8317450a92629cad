"""Costs of runs of which some never arrived: restricted means, and Cox regression by strata."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from behaviordist.hypothesis.permutation.ranks import BoolArray, FloatArray, IntArray

NEWTON_STEPS = 50
CONVERGED = 1e-10


def restricted_mean(times: FloatArray, arrived: BoolArray, horizon: float = np.inf) -> float:
    """Area under the Kaplan-Meier curve up to a horizon (RMST).

    Parameters
    ----------
    times
        (n,) cost of each run; of a run that did not arrive, the cost at which it was stopped.
    arrived
        (n,) whether the run arrived.
    horizon
        Upper limit; at most the largest time counts.

    Returns
    -------
    float
        In the unit of `times`. Where every run that did not arrive stopped at the horizon, this
        is the mean of ``min(T, horizon)``.
    """
    order = np.argsort(times, kind="stable")
    times, arrived = times[order], arrived[order]
    end = min(horizon, float(times[-1]))
    if arrived[times < end].all():
        # The mean of min(T, end), summed once: equal means tie, whatever runs they are of.
        return math.fsum(np.minimum(times, end)) / len(times)
    distinct, start = np.unique(times, return_index=True)
    at_risk = len(times) - start
    events = np.add.reduceat(arrived.astype(np.float64), start)
    survival = np.cumprod(1 - events / at_risk)
    edges = np.concatenate([[0.0], np.minimum(distinct, end), [end]])
    heights = np.concatenate([[1.0], survival])
    return float((np.diff(edges) * heights).sum())


@dataclass(frozen=True)
class CoxFit:
    """Log hazard ratio of one covariate, and its standard error."""

    beta: float
    standard_error: float


@dataclass(frozen=True)
class CoxData:
    """Runs of a stratified Cox model with one covariate.

    Attributes
    ----------
    times, arrived
        (n,) cost, and whether the run arrived there (else it is censored there).
    stratum
        (n,) integers; each stratum (target) has a baseline hazard of its own.
    """

    times: FloatArray
    arrived: BoolArray
    stratum: IntArray

    def score_weights(self) -> FloatArray:
        """(n,) w with ``w . x`` the derivative of Efron's partial log likelihood at beta = 0.

        The score is linear in the covariate, so a relabelling costs one product.
        """
        weights = self.arrived.astype(np.float64)
        for risk, tied in self._event_times():
            d = int(tied.sum())
            share = np.arange(d) / d
            total = 1 / (risk.size - share * d)
            weights[risk] -= total.sum()
            weights[risk[tied]] += (share * total).sum()
        return weights

    def fit(self, covariate: FloatArray, keep: BoolArray | None = None) -> CoxFit:
        """Maximise Efron's partial likelihood (Newton) over the runs to keep."""
        events = [
            (risk, tied) for risk, tied in self._event_times(keep) if np.ptp(covariate[risk]) > 0
        ]
        x = covariate - covariate.mean()
        beta, information = 0.0, 0.0
        for _ in range(NEWTON_STEPS):
            score, information = _derivatives(x, events, beta)
            if information <= 0:
                return CoxFit(np.nan, np.nan)
            step = float(np.clip(score / information, -2.0, 2.0))
            beta += step
            if abs(step) < CONVERGED:
                break
        return CoxFit(beta, float(1 / np.sqrt(information)))

    def _event_times(self, keep: BoolArray | None = None) -> list[tuple[IntArray, BoolArray]]:
        """At each event time of a stratum: the runs at risk, and which of them arrive there."""
        used = np.ones(len(self.times), dtype=bool) if keep is None else keep
        times = []
        for stratum in np.unique(self.stratum):
            member = np.flatnonzero((self.stratum == stratum) & used)
            for time in np.unique(self.times[member[self.arrived[member]]]):
                risk = member[self.times[member] >= time]
                times.append((risk, (self.times[risk] == time) & self.arrived[risk]))
        return times


def _derivatives(
    x: FloatArray, events: list[tuple[IntArray, BoolArray]], beta: float
) -> tuple[float, float]:
    """First derivative of Efron's partial log likelihood, and minus the second."""
    score = information = 0.0
    for risk, tied in events:
        value = x[risk]
        weight = np.exp(beta * value)
        moments = np.stack([weight, weight * value, weight * value**2])
        d = int(tied.sum())
        left = moments.sum(axis=1)[:, None] - moments[:, tied].sum(axis=1)[:, None] * (
            np.arange(d) / d
        )
        mean = left[1] / left[0]
        score += value[tied].sum() - mean.sum()
        information += (left[2] / left[0] - mean**2).sum()
    return float(score), float(information)
