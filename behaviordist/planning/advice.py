"""What a plan says: starts, chains, and the advice in one sentence."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from behaviordist.store import write_json
from behaviordist.store.numbers import with_nulls


@dataclass(frozen=True)
class Start:
    """One checkpoint as a start.

    Attributes
    ----------
    source, distance
        Its label and its distance to the target.
    cost, cost_low, cost_high
        Predicted cost and 90 % limits, in the unit of the past costs.
    measured
        What this start did cost towards the target, where the past costs say; not used for the
        prediction.
    saving, saving_low, saving_high
        Share of the reference start's cost that is saved; negative: dearer.
    """

    source: str
    distance: float
    cost: float
    cost_low: float
    cost_high: float
    saving: float
    saving_low: float
    saving_high: float
    measured: float | None = None


@dataclass(frozen=True)
class Chain:
    """Going through another behavior: measured cost of the first leg, predicted of the second."""

    source: str
    through: str
    cost: float
    cost_low: float
    cost_high: float
    direct_cost: float


@dataclass(frozen=True)
class Plan:
    """Starts from the best to the worst.

    Attributes
    ----------
    target, reference
        The behavior wanted; what savings are relative to (the base, or an average source).
    starts, chains
        Ranked starts; chains whose upper limit lies below the direct cost.
    enough, evidence
        Whether the past supports a plan, and what it says.
    reference_cost, reference_low, reference_high
        Expected cost from the reference start, and 90 % limits; the cost itself where it is known.
    reference_measured
        What the base did cost towards the target, where the past costs say.
    unit
        Of the costs.
    """

    target: str
    reference: str
    starts: tuple[Start, ...]
    chains: tuple[Chain, ...]
    enough: bool
    evidence: str
    reference_cost: float
    reference_low: float
    reference_high: float
    reference_measured: float | None = None
    unit: str = "cost"

    def sentence(self) -> str:
        """Return the advice in one plain sentence."""
        if not self.enough:
            nearest = min(self.starts, key=lambda start: start.distance)
            return (
                f"Not enough evidence to plan: {self.evidence}. The smallest distance"
                f" is {nearest.source}'s; whether it is shown to be smaller, `behaviordist distance"
                " --targets` says."
            )
        best = self.starts[0]
        if best.saving <= 0:
            return f"Start from {self.reference}: no checkpoint is expected to be cheaper."
        sure = "" if best.saving_low > 0 else ", which may be nothing"
        return (
            f"Start from {best.source}: about {best.cost:.3g} {self.unit} ({best.cost_low:.3g} to"
            f" {best.cost_high:.3g}), {best.saving:.0%} less than from {self.reference}"
            f" ({best.saving_low:.0%} to {best.saving_high:.0%}{sure})."
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able record."""
        return {"schema": 1, **with_nulls(asdict(self)), "sentence": self.sentence()}

    def save(self, path: str | Path) -> None:
        """Write `to_json` to `path`, atomically."""
        write_json(Path(path), self.to_json())
