"""The seeds of a study's runs: a function of what a run is for, never of the order of runs.

One rule for the lab and for real models: the training of what a label names, and the data of a
target's transfers, which all of its sources share (common random numbers).
"""

from __future__ import annotations

from behaviordist.store.seeds import derived_seed


def training_seed(seed: int, label: str, replicate: int) -> int:
    """Return the seed of what a label names: a base, a behavior, a reward model."""
    return derived_seed(seed, label, replicate)


def transfer_seed(seed: int, target: str, replicate: int) -> int:
    """Return the seed of every transfer to a target: the same whatever the source."""
    return derived_seed(seed, "transfer", target, replicate)
