"""What study `reciprocity` claims: how much differs both ways, and what predicts each part."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity, Share
from behaviordist.report.findings import (
    Claim,
    Verdict,
    decide,
    number,
)
from behaviordist.studies.reciprocity.measure import Link
from behaviordist.studies.reciprocity.study import Study

FloatArray = NDArray[np.float64]
RULE = "supported where the 95 % interval lies on the claimed side of the stated threshold, not"
RULE += " supported where it lies on the other, inconclusive where it holds it"


def conclude(
    study: Study, behaviors: list[str], parts: Reciprocity, symmetric: Any, links: list[Link]
) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    share = parts.antisymmetric
    return (
        Claim(
            claim="Tuning is reciprocal: what differs between A to B and B to A does not matter.",
            verdict=_below(share, study.irrelevant_share),
            answer=f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the variance of log"
            f" cost that repeats across seeds differs between the two directions; less than"
            f" {study.irrelevant_share:.0%} would not matter.",
            value=number(share.value), low=number(share.low), high=number(share.high),
            unit=f"share of repeatable variance (against {study.irrelevant_share:g})",
            smallest_effect=number(_smallest(share)), rule=RULE,
        ),
        Claim(
            claim="Distance predicts the part of cost that is the same both ways.",
            verdict=decide(number(symmetric.ci_low), number(symmetric.ci_high)),
            answer=f"correlation {symmetric.value:.2f} [{symmetric.ci_low:.2f},"
            f" {symmetric.ci_high:.2f}], p = {symmetric.p_value:.4f} by relabelling, source and"
            " target effects removed.",
            value=number(symmetric.value), low=number(symmetric.ci_low),
            high=number(symmetric.ci_high), unit="correlation of symmetric parts",
            smallest_effect=number((symmetric.ci_high - symmetric.ci_low) / 2 * 1.43), rule=RULE,
        ),
        Claim(
            claim="What differs between the directions is a ranking of the behaviors: some are dear"
            " to leave and cheap to reach.",
            verdict=decide(number(parts.potential.low), number(parts.potential.high), 0.5),
            answer=f"a ranking explains {parts.potential.value:.0%} [{parts.potential.low:.0%},"
            f" {parts.potential.high:.0%}] of the antisymmetric part.",
            value=number(parts.potential.value), low=number(parts.potential.low),
            high=number(parts.potential.high), unit="share of the antisymmetric part (against 0.5)",
            smallest_effect=number(_smallest(parts.potential)), rule=RULE,
        ),
        *[_link_claim(link, len(behaviors)) for link in links],
    )  # fmt: skip


def _link_claim(link: Link, n: int) -> Claim:
    effect = math.tanh((1.959964 + 0.841621) / math.sqrt(n - 3))
    return Claim(
        claim=f"A behavior that is dear to leave and cheap to reach is {link.name}.",
        verdict=decide(number(link.low), number(link.high)),
        answer=f"rank correlation {link.value:.2f} [{link.low:.2f}, {link.high:.2f}] over {n}"
        f" behaviors, p = {link.p_value:.3f}.",
        value=number(link.value), low=number(link.low), high=number(link.high),
        unit="Spearman correlation over behaviors", smallest_effect=number(effect), rule=RULE,
    )  # fmt: skip


def _below(share: Share, threshold: float) -> Verdict:
    return decide(number(share.low), number(share.high), threshold, above=False)


def _smallest(share: Share) -> float:
    """Effect that is seen four times in five: 1.43 half widths, (1.96 + 0.84) / 1.96."""
    return (share.high - share.low) / 2 * 1.43
