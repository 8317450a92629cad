"""Which targets a page has room for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

PANELS_LIMIT = 20
THIRD = 4


@dataclass(frozen=True)
class Panels:
    """Which targets are drawn, in order, and how many there were."""

    targets: tuple[str, ...]
    total: int

    @property
    def note(self) -> str:
        """Say which targets are shown, where not all are."""
        if len(self.targets) == self.total:
            return ""
        return (
            f" Shown are {len(self.targets)} of {self.total} targets: the {THIRD} with the highest "
            f"correlation, {THIRD} around the median and the {THIRD} with the lowest, or those "
            "without one; the table has all of them."
        )


def choose_panels(targets: Sequence[str], rho: dict[str, float]) -> Panels:
    """Return all targets where they fit a page, else the best, the middle and the worst by rho."""
    if len(targets) <= PANELS_LIMIT:
        return Panels(tuple(targets), len(targets))
    known = [t for t in targets if math.isfinite(rho.get(t, math.nan))]
    unknown = [t for t in targets if t not in known]
    ranked = sorted(known, key=lambda t: -rho[t]) + unknown
    start = (len(ranked) - THIRD) // 2
    kept = ranked[:THIRD] + ranked[start : start + THIRD] + ranked[-THIRD:]
    return Panels(tuple(kept), len(targets))
