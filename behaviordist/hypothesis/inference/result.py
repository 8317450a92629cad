"""What a test found, with everything needed to judge it, and how it is written to disk."""

from __future__ import annotations

import html
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.hypothesis.inference.verdict import Verdict, VerdictRule
from behaviordist.hypothesis.permutation.ranks import FloatArray
from behaviordist.store import write_json
from behaviordist.store.numbers import with_nulls

SCHEMA = 1
ROUNDING = 1e-12


@dataclass(frozen=True)
class PredictorTest:
    """A statistic of one predictor with its 95 % interval and its one-sided p-value."""

    name: str
    value: float
    ci_low: float
    ci_high: float
    p_value: float

    @classmethod
    def from_null(
        cls, name: str, value: float, limits: tuple[float, float], null: FloatArray
    ) -> PredictorTest:
        """Make one of its value, limits, and values (B,) under relabellings, the observed first.

        ``p = mean(null >= null[0])``: the observed one is the 1 in ``(1 + #) / (1 + B)``. A
        relabelling under which nothing can be computed speaks for nothing: it counts as at least
        as large. p is NaN where the observed value is.
        """
        known = np.isfinite(null)
        size = max(float(np.abs(null[known]).max(initial=0.0)), 1e-300)
        p = float((~known | (null >= null[0] - ROUNDING * size)).mean()) if known[0] else math.nan
        return cls(name, float(value), float(limits[0]), float(limits[1]), p)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able record; NaN becomes null."""
        return dict(with_nulls(asdict(self)))


@dataclass(frozen=True)
class TargetResult:
    """The correlation inside one target's column, over its `n_sources` sources."""

    target: str
    rho: float
    n_sources: int


@dataclass(frozen=True)
class TransferTest:
    """Result of `transfer_test`. Positive values mean: closer is cheaper.

    Attributes
    ----------
    statistic
        Name of the statistic.
    value, ci_low, ci_high
        The statistic of the distance and its 95 % interval over units.
    p_value
        One-sided permutation p-value, (1 + relabellings at least as large) / (1 + relabellings).
    permutations, exact
        Relabellings used, and whether they were all there are.
    interval
        How intervals were made.
    n_behaviors, n_units, n_targets, n_pairs, n_missing, n_censored
        What was counted.
    per_target
        The statistic of single targets.
    baselines, predictors
        The same statistic of simpler explanations (they open no function) and of further
        predictors (they do).
    beyond_sources
        The distance's correlation with source and target effects removed, which the verdict asks
        for; None where the statistic removes them itself.
    tie_ceiling
        Largest value that ties among the costs leave to a predictor without ties.
    noise_ceiling, split_half
        What noise leaves of it, and the split-half correlation it comes from; None without
        several seeds.
    minimum_detectable, minimum_supported
        Smallest effects at which 80 % of studies like this one have p <= alpha, and at which they
        meet the whole rule.
    verdict, rule
        The verdict and the rule it follows.
    left_out, references, notes
        Targets left out with their reasons, labels that never were targets, and remarks.

    Examples
    --------
    >>> import numpy as np, pandas as pd, behaviordist as bd
    >>> at, labels = np.sqrt(np.arange(6)), list("abcdef")  # costs are distances, planted
    >>> far = pd.DataFrame(np.abs(at[:, None] - at), labels, labels)
    >>> test = bd.transfer_test(far, 10 * far, permutations=99, bootstrap=50)
    >>> round(test.value, 6), test.n_behaviors
    (1.0, 6)
    """

    statistic: str
    value: float
    ci_low: float
    ci_high: float
    p_value: float
    permutations: int
    exact: bool
    interval: str
    n_behaviors: int
    n_units: int
    n_targets: int
    n_pairs: int
    n_missing: int
    n_censored: int
    per_target: tuple[TargetResult, ...]
    baselines: tuple[PredictorTest, ...]
    predictors: tuple[PredictorTest, ...]
    beyond_sources: PredictorTest | None
    tie_ceiling: float
    noise_ceiling: float | None
    split_half: float | None
    minimum_detectable: float
    minimum_supported: float
    verdict: Verdict
    rule: VerdictRule
    left_out: tuple[tuple[str, str], ...]
    references: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        interval = f"[{self.ci_low:.2f}, {self.ci_high:.2f}]"
        return f"TransferTest({self.verdict}: {self.value:.2f} {interval}, p {self.p_value:.2g})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.sentence())}</p>"

    def sentence(self) -> str:
        """Return the verdict in one plain sentence, with interval, p-value and best baseline."""
        best = max(self.baselines, key=lambda b: b.value, default=None)
        beside = f"; best baseline {best.name} {best.value:+.2f}" if best else ""
        claim = {
            "supported": "Closer is cheaper: supported",
            "not supported": "Closer is cheaper: not supported",
            "inconclusive": "Closer is cheaper: inconclusive",
        }[self.verdict]
        known = math.isfinite(self.ci_low) and math.isfinite(self.ci_high)
        interval = f"95 % interval {self.ci_low:+.2f} to {self.ci_high:+.2f}"
        return (
            f"{claim} ({self.statistic} {self.value:+.2f}, {interval if known else 'no interval'},"
            f" p = {self.p_value:.2g}{self._beyond()}{beside};"
            f" {self._sees()}{self._small()}{self._edges()})."
        )

    def _beyond(self) -> str:
        """Say what is left with source effects removed, where the rule asks for it."""
        if self.beyond_sources is None or not self.rule.beyond_source_effects:
            return ""
        rest = self.beyond_sources
        return f"; {rest.value:+.2f} with source effects removed, p = {rest.p_value:.2g}"

    def _small(self) -> str:
        """Say that an effect is there, but smaller than what matters, where it is so."""
        beyond = None if self.beyond_sources is None else self.beyond_sources.p_value
        words = self.rule.counts_yet_small(self.verdict, beyond)
        return f"; {words}" if words else ""

    def _sees(self) -> str:
        """Say which effects the design sees: those of p alone and those of the whole rule."""
        if self.minimum_detectable >= 1:
            return "this design is too small to see any effect"
        whole = self.minimum_supported
        needs = f"from {whole:.2f}" if whole < 1 else "at no size"
        return (
            f"this design sees effects from {self.minimum_detectable:.2f} and supports them {needs}"
        )

    def _edges(self) -> str:
        """Say where a bound of the rule is so near that two decimals do not tell."""
        beyond = None if self.beyond_sources is None else self.beyond_sources.p_value
        near = self.rule.edges(self.ci_low, self.ci_high, self.p_value, beyond)
        return f"; on the edge: {', '.join(near)}" if near else ""

    def to_json(self) -> dict[str, Any]:
        """Return the record that `save` writes (schema 1); missing numbers are null."""
        head = PredictorTest(self.statistic, self.value, self.ci_low, self.ci_high, self.p_value)
        return {
            "schema": SCHEMA,
            "n_behaviors": self.n_behaviors,
            "n_units": self.n_units,
            "n_targets": self.n_targets,
            "n_pairs": self.n_pairs,
            "n_missing": self.n_missing,
            "n_censored": self.n_censored,
            "statistic": {
                **head.to_json(),
                "permutations": self.permutations,
                "exact": self.exact,
                "interval": self.interval,
            },
            "per_target": [with_nulls(asdict(result)) for result in self.per_target],
            "baselines": [baseline.to_json() for baseline in self.baselines],
            "predictors": [predictor.to_json() for predictor in self.predictors],
            "beyond_sources": self.beyond_sources.to_json() if self.beyond_sources else None,
            "tie_ceiling": with_nulls(self.tie_ceiling),
            "noise_ceiling": self.noise_ceiling,
            "split_half": self.split_half,
            "minimum_detectable": with_nulls(self.minimum_detectable),
            "minimum_supported": with_nulls(self.minimum_supported),
            "verdict": self.verdict,
            "sentence": self.sentence(),
            "rule": self.rule.to_json(),
            "left_out": [{"target": target, "reason": why} for target, why in self.left_out],
            "references": list(self.references),
            "notes": list(self.notes),
        }

    def save(self, path: str | Path) -> None:
        """Write `to_json` to `path`, atomically."""
        write_json(Path(path), self.to_json())
