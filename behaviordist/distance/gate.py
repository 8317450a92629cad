"""A gate: is the candidate shown to lie within a margin of the reference?

The measures of a probe are bounded: a squared Hellinger distance by 2, a share of positions by 1.
So the limits of their means need no shape, and a candidate at the margin passes with probability
alpha at most, rare failures included (`innerproduct.limits.predictable_limit`; Waudby-Smith &
Ramdas 2024). Where every probe scores one token and stands alone, the share of probes that disagree
is binomial, and its limit exact (Clopper & Pearson 1934). KL has no bound of its own, nor has the
change of bits per byte: whoever wants a gate on them names the largest that a probe may have. Bits
change up or down: what is held to the margin is the size of their mean change, by two one-sided
tests. A group of paraphrases is one unit.

A gate shows closeness, never quality: a small distance leaves open in which direction it goes.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from behaviordist.distance.comparison import Comparison
from behaviordist.distance.estimates import binomial, mean_limits
from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.arrays import IntArray
from behaviordist.innerproduct.fingerprint import EXACT
from behaviordist.innerproduct.limits import shown_below, smallest_count

METRICS = {"distance": "squared", "kl": "kl_forward", "agreement": "agreement", "bits": "bits"}
BOUNDS = {"distance": 2.0, "agreement": 1.0}
VERDICTS = {
    "within": "shown to be within",
    "open": "not shown to be within",
    "beyond": "shown to be beyond",
}
NAMES = {"kl": "KL", "agreement": "disagreement", "bits": "change of bits per byte"}
NAMES |= {"answers": "distance of answers"}


@dataclass(frozen=True)
class Gate:
    """The result of an equivalence test.

    Parameters
    ----------
    metric
        "distance", "kl", "agreement" (then values are shares of disagreement) or "bits" (the size
        of the change).
    value
        The estimate.
    low, high
        Its one-sided limits at level 1 - alpha, each.
    margin, alpha
        As asked for.
    verdict
        "within" where `high` lies below the margin, "beyond" where `low` is above it, else "open".
    units
        Independent probes (groups of paraphrases count once).
    """

    metric: str
    value: float
    low: float
    high: float
    margin: float
    alpha: float
    verdict: str
    units: int

    @property
    def equivalent(self) -> bool:
        """Whether the candidate is shown to be within the margin."""
        return self.verdict == "within"

    @property
    def needed(self) -> float:
        """What a margin must be above for the candidate to be shown within it."""
        return self.high

    def sentence(self) -> str:
        """Return the decision in one line."""
        level, name = 100 * (1 - self.alpha), _name(self.metric)
        side, limit, sign = {
            "within": ("upper", self.high, "<"),
            "open": ("upper", self.high, ">="),
            "beyond": ("lower", self.low, ">"),
        }[self.verdict]
        return (
            f"{VERDICTS[self.verdict]} the margin: {name} {self.value:.4g}, {level:.4g}% {side}"
            f" limit {limit:.4g} {sign} margin {self.margin:.4g} ({_units(self.units)})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able values; an infinite limit is None."""
        known = {**asdict(self), "equivalent": self.equivalent, "sentence": self.sentence()}
        return {
            key: None if value in (math.inf, -math.inf) else value for key, value in known.items()
        }


def gate(
    comparison: Comparison,
    margin: float,
    metric: str = "distance",
    alpha: float = 0.05,
    *,
    bound: float | None = None,
) -> Gate:
    """Test whether the candidate is within `margin` of the reference.

    The null hypothesis is that it is not; it is rejected at level `alpha` where the one-sided upper
    limit lies below the margin (Schuirmann 1987, one of the two one-sided tests: the measures
    cannot be negative).

    Parameters
    ----------
    comparison
        From `compare`.
    margin
        Largest difference that does not matter: a Hellinger distance (0 to sqrt 2), nats a token
        for `kl` (of the candidate from the reference), a share of positions for `agreement`
        (largest share at which the first choice may differ), bits a byte of text for `bits`.
    metric
        "distance", "kl", "agreement" or "bits".
    alpha
        Probability of calling a candidate at the margin equivalent, at most.
    bound
        For `kl`: the largest mean KL that a probe may have, nats a token; for `bits`: the largest
        change of one, bits a byte. A probe above it leaves the upper limit infinite.

    Raises
    ------
    InputError
        On an unknown metric, a margin or alpha out of range, or `kl` or `bits` without a bound.
    """
    check_gate(margin, metric, alpha, bound=bound)
    comparison.require(METRICS[metric])
    low, high = limits(comparison, metric, alpha, bound)
    verdict = "within" if high < margin else "beyond" if low > margin else "open"
    units = len(np.unique(comparison.group))
    return Gate(metric, value_of(comparison, metric), low, high, margin, alpha, verdict, units)


def value_of(comparison: Comparison, metric: str) -> float:
    """Return a metric's estimate: a distance, nats a token, the share that disagrees, bits a byte.

    NaN where fingerprints do not know it.
    """
    if not comparison.knows(METRICS[metric]):
        return math.nan
    value = comparison.overall[METRICS[metric]].value
    if metric == "distance":
        return math.sqrt(max(0.0, value))
    return {"agreement": 1 - value, "bits": abs(value)}.get(metric, value)


def limits(
    comparison: Comparison, metric: str, alpha: float, bound: float | None = None
) -> tuple[float, float]:
    """Return the lower and upper limit of a metric, each at level 1 - alpha.

    (0, inf) for `kl` and `bits` without a bound, for what is not known, and of a sketch, whose
    values at a probe have no bound; an infinite upper limit where a probe lies above the bound.
    """
    bound = BOUNDS.get(metric, bound)
    if bound is None or comparison.sketch != EXACT or not comparison.knows(METRICS[metric]):
        return 0.0, math.inf
    values = comparison.measure(METRICS[metric])
    values = 1 - values if metric == "agreement" else values
    if metric == "agreement" and comparison.one_token_each:
        return binomial(round(float(values.sum())), len(values), alpha)
    over = bool(np.any(np.abs(values) > bound * (1 + 1e-9)))
    lowest = -bound if metric == "bits" else 0.0
    clipped = np.clip(values, lowest, bound)
    low, high = mean_limits(clipped, comparison.group, lowest, bound, alpha)
    if metric == "bits":
        low, high = max(low, -high), max(high, -low)
    root = math.sqrt if metric == "distance" else float
    return root(max(0.0, low)), math.inf if over else root(high)


def with_limits(comparison: Comparison) -> Comparison:
    """Return a comparison with the 95 % limits of distance and agreement that assume no shape.

    They stand where a standard error cannot: probes that all agree have none.
    """
    known = {}
    if comparison.sketch == EXACT:
        known["distance"] = limits(comparison, "distance", 0.025)
    if comparison.knows("agreement"):
        low, high = limits(comparison, "agreement", 0.025)
        known["agreement"] = (1 - high, 1 - low)
    return replace(comparison, limits=known)


def smallest_margin(
    group: IntArray, metric: str = "distance", alpha: float = 0.05, bound: float | None = None
) -> float:
    """Return the smallest margin that probes can show: that of a candidate equal at all of them.

    Parameters
    ----------
    group
        (n,) group of every probe.
    metric, alpha, bound
        As for `gate`.
    """
    most = BOUNDS.get(metric, bound)
    if most is None:
        return math.inf
    if metric == "agreement" and _alone(group):
        # What one token a probe could show; more tokens a probe need more probes.
        return binomial(0, len(group), alpha)[1]
    lowest = -most if metric == "bits" else 0.0
    limit = mean_limits(np.zeros(len(group)), group, lowest, most, alpha)[1]
    return math.sqrt(limit) if metric == "distance" else limit


def _alone(group: IntArray) -> bool:
    return len(np.unique(group)) == len(group)


def probes_that_show(
    margin: float, metric: str = "distance", alpha: float = 0.05, bound: float | None = None
) -> int:
    """Return how many independent probes show a margin if the candidate is equal at all of them.

    To one in 10,000, and never too few.
    """
    most = BOUNDS.get(metric, bound)
    if most is None:
        raise InputError(f"{metric} has no bound of its own; name the largest of a probe (bound=)")
    shift = most if metric == "bits" else 0.0
    squared = margin**2 if metric == "distance" else margin
    return smallest_count(
        lambda n: shown_below(np.full(n, shift), squared + shift, most + shift, alpha),
        f"a margin of {margin:g} in probes",
    )


def check_gate(margin: float, metric: str, alpha: float, *, bound: float | None = None) -> None:
    """Refuse a test that means nothing, before any model is run; see `gate`."""
    if metric not in METRICS:
        raise InputError(f"unknown metric '{metric}'; {did_you_mean(metric, METRICS)}")
    if not 0 < margin < math.inf:
        raise InputError(f"the margin must be above 0, not {margin}")
    if not 0 < alpha < 0.5:
        raise InputError(f"alpha must lie between 0 and 0.5, not {alpha}")
    if metric in ("kl", "bits") and bound is None:
        unit = "NATS" if metric == "kl" else "BITS"
        raise InputError(
            f"{_name(metric)} has no largest value, so that no number of probes limits its mean;"
            f" name the largest that a probe may have (--bound {unit}), or use the metric distance"
        )
    if bound is not None and not 0 < bound < math.inf:
        raise InputError(f"the bound must be above 0, not {bound}")
    most = {"distance": math.sqrt(2), "agreement": 1.0}.get(metric, bound)
    if most is not None and margin >= most:
        raise InputError(f"no {_name(metric)} is above {most:.4g}: a margin of {margin:g} is none")


def check_probes(
    group: IntArray, margin: float, metric: str, alpha: float, bound: float | None = None
) -> str:
    """Say, before any model is run, what the probes can show; refuse a margin below it.

    Raises
    ------
    InputError
        With the number of probes that would do.
    """
    smallest, units = smallest_margin(group, metric, alpha, bound), len(np.unique(group))
    can = f"{_units(units)} cannot show less than {smallest:.2g}"
    if smallest < margin:
        tokens = ""
        if metric == "agreement" and _alone(group):
            several = mean_limits(np.zeros(units), group, 0.0, 1.0, alpha)[1]
            tokens = f"; {several:.2g} where probes score several tokens"
        limit = f"{100 * (1 - alpha):g}% limit"
        return f"{can} ({_name(metric)}, {limit}, no difference at any{tokens})"
    enough = probes_that_show(margin, metric, alpha, bound)
    raise InputError(
        f"margin {margin:g}: {can}, even if they never differ; {enough:,} show {margin:g}"
    )


def _name(metric: str) -> str:
    return NAMES.get(metric, metric)


def _units(count: int) -> str:
    return f"{count:,} independent probe{'' if count == 1 else 's'}"
