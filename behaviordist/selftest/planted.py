"""Behaviors whose distances are known beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import ArrayBehavior
from behaviordist.innerproduct import Fingerprint, Identity
from behaviordist.probes import Probe, ProbeSet

Float64Array = NDArray[np.float64]


def probes_of(n: int) -> ProbeSet:
    """N probes of one position each."""
    probes = (Probe(f"selftest-{i}", f"prompt {i}", "x") for i in range(n))
    return ProbeSet("selftest", tuple(probes))


def softmax_behavior(label: str, logits: Float64Array) -> ArrayBehavior:
    """A behavior with given logits (n, V), one position a probe."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return ArrayBehavior(label, np.arange(len(logits)), log_p.astype(np.float32))


def linear_fingerprint(label: str, weights: Float64Array, inputs: Float64Array) -> Fingerprint:
    """The function x -> W x at inputs (n, d): E ||Wx - Vx||^2 = ||W - V||_F^2 for x ~ N(0, I)."""
    identity = Identity(label, label, "vectors", "5e1f" * 16, "euclidean")
    return Fingerprint(identity, (inputs @ weights.T).astype(np.float32), np.arange(len(inputs)))
