"""What a run claims, the number that decides it, and the verdict by a rule fixed beforehand."""

from __future__ import annotations

from typing import Literal

from behaviordist.record.estimate import Estimate, Part

Verdict = Literal["supported", "not supported", "inconclusive"]

RULE = (
    "supported where the 95 % interval lies on the claimed side of the stated threshold, not"
    " supported where it lies on the other, inconclusive where it holds it"
)
"""The plain rule, which `decide` applies."""


class Claim(Part):
    """One claim, the number that decides it, and the verdict by a stated rule.

    Attributes
    ----------
    claim
        What is claimed, a sentence that the data could contradict.
    verdict
        By `rule`, which is fixed in the study's file or code before the number is seen.
    answer
        What the data say, in a sentence with its numbers.
    estimate
        The deciding number.
    unit
        Of the number.
    rule
        How the verdict follows from the numbers.
    """

    claim: str
    verdict: Verdict
    answer: str
    estimate: Estimate = Estimate()
    unit: str = ""
    rule: str = ""

    @classmethod
    def of(
        cls,
        claim: str,
        estimate: Estimate,
        answer: str,
        *,
        unit: str = "",
        threshold: float = 0.0,
        above: bool = True,
        verdict: Verdict | None = None,
        rule: str = RULE,
    ) -> Claim:
        """Return a claim, with the verdict of the plain rule unless another is given.

        Parameters
        ----------
        claim, estimate, answer, unit
            See the attributes.
        threshold, above
            The claim is that the number lies above (or below) this.
        verdict, rule
            Of another rule than the plain one, and that rule in words: no verdict without its rule.
        """
        if verdict is not None and rule == RULE:
            raise ValueError("a verdict of another rule needs that rule in words")
        return cls(
            claim=claim,
            verdict=verdict or decide(estimate, threshold, above),
            answer=answer,
            estimate=estimate,
            unit=unit,
            rule=rule,
        )


def decide(estimate: Estimate, threshold: float = 0.0, above: bool = True) -> Verdict:
    """Apply the plain rule: where does the interval lie against the threshold?

    *supported* when it lies wholly on the claimed side, *not supported* when wholly on the other,
    *inconclusive* when it holds the threshold or is missing.
    """
    if not estimate.has_interval:
        return "inconclusive"
    low, high = estimate.low - threshold, estimate.high - threshold
    if not above:
        low, high = -high, -low
    if low > 0:
        return "supported"
    return "not supported" if high < 0 else "inconclusive"
