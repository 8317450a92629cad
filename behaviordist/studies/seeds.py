"""The seeds of a study's runs: a function of what a run is for, never of the order of runs.

One rule for the lab and for real models: a replicate's training, a target's reward model, and the
data of a target's transfers, which all of its sources share (common random numbers).
"""

from __future__ import annotations

from behaviordist.store.seeds import derived_seed


def training_seed(seed: int, label: str, replicate: int) -> int:
    """Return the seed of a behavior's own training."""
    return derived_seed(seed, label, replicate)


def reward_seed(seed: int, task: str | None, replicate: int) -> int:
    """Return the seed of a reward model, one a task."""
    return derived_seed(seed, f"reward-{task}", replicate)


def transfer_seed(seed: int, target: str, replicate: int) -> int:
    """Return the seed of every transfer to a target: the same whatever the source."""
    return derived_seed(seed, "transfer", target, replicate)
