"""What study `reciprocity` claims: how much differs both ways, and what predicts each part."""

from __future__ import annotations

import numpy as np

from behaviordist.hypothesis.asymmetry.reciprocity import Share
from behaviordist.record import RULE as PLAIN
from behaviordist.record import SEEN, Claim, Estimate
from behaviordist.studies.claims import TOGETHER, t_p_value, together
from behaviordist.studies.estimates import words
from behaviordist.studies.reciprocity.measure import Parts
from behaviordist.studies.reciprocity.soft import SoftParts
from behaviordist.studies.reciprocity.study import Study

RULE = f"{PLAIN}; {TOGETHER}"


def conclude(study: Study, parts: Parts, soft: SoftParts | None = None) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts, which hold together."""
    n, symmetric = len(parts.behaviors), parts.symmetric
    share = _against(parts.split.antisymmetric, n, study.irrelevant_share)
    ranking = _against(parts.split.potential, n, 0.5)
    claims = (
        Claim.of(
            "Tuning is reciprocal: what differs between A to B and B to A does not matter.",
            share,
            f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the variance of log cost"
            " that repeats across seeds differs between the two directions; less than"
            f" {study.irrelevant_share:.0%} would not matter.",
            unit=f"share of repeatable variance (against {study.irrelevant_share:g})",
            threshold=study.irrelevant_share,
            above=False,
            rule=RULE,
        ),
        Claim.of(
            "Distance predicts the part of cost that is the same both ways.",
            symmetric,
            f"correlation {words(symmetric)}, p = {symmetric.p_value:.4f} by relabelling"
            f" {parts.functions} functions, source and target effects removed.",
            unit="correlation of symmetric parts",
            rule=RULE,
        ),
        Claim.of(
            "What differs between the directions is a ranking of the behaviors: some are dear to"
            " leave and cheap to reach.",
            ranking,
            f"a ranking explains {ranking.value:.0%} [{ranking.low:.0%}, {ranking.high:.0%}] of"
            " the antisymmetric part.",
            unit="share of the antisymmetric part (against 0.5)",
            threshold=0.5,
            rule=RULE,
        ),
        *[_link_claim(link, n) for link in parts.links],
        *(() if soft is None else _soft_claims(soft)),
    )
    return together(claims)


def _soft_claims(soft: SoftParts) -> tuple[Claim, ...]:
    near, _ = soft.symmetric
    odd, late = soft.antisymmetric, float(np.nanmean(soft.tables.late.to_numpy()))
    return (
        Claim.of(
            "Between soft behaviors, distance predicts what of cost is the same both ways.",
            near,
            f"correlation {words(near)}, p = {near.p_value:.4f} by relabelling {near.n} behaviors,"
            " source and target effects removed.",
            unit="correlation of symmetric parts",
            rule=RULE,
        ),
        Claim.of(
            "Between soft behaviors, the more surprising way is the dearer one.",
            odd,
            f"the antisymmetric parts of KL and cost correlate {words(odd)}, p = {odd.p_value:.4f};"
            f" {soft.share:.0%} of the costs' variance over pairs is antisymmetric, {late:.0%} of"
            " runs are censored.",
            unit="Spearman correlation of antisymmetric parts",
            rule=RULE,
        ),
    )


def _link_claim(link: Estimate, n: int) -> Claim:
    return Claim.of(
        f"A behavior that is dear to leave and cheap to reach is {link.label}.",
        link,
        f"rank correlation {words(link)} over {n} behaviors, p = {link.p_value:.3f}.",
        unit="Spearman correlation over behaviors",
        rule=RULE,
    )


def _against(share: Share, n: int, threshold: float) -> Estimate:
    """Return a share with its jackknife over behaviors, and the p-value of its threshold."""
    half = max(share.high - share.value, share.value - share.low)  # an end is cut at 0 or 1
    number = Estimate(
        value=share.value, low=share.low, high=share.high, smallest_effect=SEEN * half, n=n
    )
    return number.model_copy(update={"p_value": t_p_value(number, threshold)})
