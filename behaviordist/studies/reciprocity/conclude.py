"""What study `reciprocity` claims: how much differs both ways, and what predicts each part."""

from __future__ import annotations

from behaviordist.hypothesis.asymmetry.reciprocity import Reciprocity, Share
from behaviordist.record import SEEN, Claim, Estimate
from behaviordist.studies.estimates import words
from behaviordist.studies.reciprocity.study import Study


def conclude(
    study: Study,
    behaviors: list[str],
    parts: Reciprocity,
    symmetric: Estimate,
    links: list[Estimate],
) -> tuple[Claim, ...]:
    """Return the study's claims with their verdicts."""
    share, ranking = _over(parts.antisymmetric), _over(parts.potential)
    return (
        Claim.of(
            "Tuning is reciprocal: what differs between A to B and B to A does not matter.",
            share,
            f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}] of the variance of log cost"
            " that repeats across seeds differs between the two directions; less than"
            f" {study.irrelevant_share:.0%} would not matter.",
            unit=f"share of repeatable variance (against {study.irrelevant_share:g})",
            threshold=study.irrelevant_share,
            above=False,
        ),
        Claim.of(
            "Distance predicts the part of cost that is the same both ways.",
            symmetric,
            f"correlation {words(symmetric)}, p = {symmetric.p_value:.4f} by relabelling, source"
            " and target effects removed.",
            unit="correlation of symmetric parts",
        ),
        Claim.of(
            "What differs between the directions is a ranking of the behaviors: some are dear to"
            " leave and cheap to reach.",
            ranking,
            f"a ranking explains {ranking.value:.0%} [{ranking.low:.0%}, {ranking.high:.0%}] of"
            " the antisymmetric part.",
            unit="share of the antisymmetric part (against 0.5)",
            threshold=0.5,
        ),
        *[_link_claim(link, len(behaviors)) for link in links],
    )


def _link_claim(link: Estimate, n: int) -> Claim:
    return Claim.of(
        f"A behavior that is dear to leave and cheap to reach is {link.label}.",
        link,
        f"rank correlation {words(link)} over {n} behaviors, p = {link.p_value:.3f}.",
        unit="Spearman correlation over behaviors",
    )


def _over(share: Share) -> Estimate:
    effect = SEEN * (share.high - share.low) / 2
    return Estimate(value=share.value, low=share.low, high=share.high, smallest_effect=effect)
