"""Small worlds with known distances, shared by the tests of this folder."""

from __future__ import annotations

import numpy as np

from behaviordist.behaviors import ArrayBehavior
from behaviordist.innerproduct import Fingerprint, Identity
from behaviordist.probes import Probe, ProbeSet


def probe_set(n, groups=None, name="test"):
    return ProbeSet(
        name,
        tuple(
            Probe(f"p{i}", "prompt", "continuation", group=None if groups is None else groups[i])
            for i in range(n)
        ),
    )


def normalise(logits):
    logits = np.asarray(logits, dtype=np.float64)
    top = logits.max(axis=-1, keepdims=True)
    return logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))


def behavior(label, logits, positions=1):
    n = len(logits) // positions
    return ArrayBehavior(label, np.repeat(np.arange(n), positions), normalise(logits))


def fingerprint_of(label, features, probe=None, dtype=np.float32, **identity):
    features = np.asarray(features, dtype=dtype)
    probe = np.arange(len(features)) if probe is None else np.asarray(probe)
    known = {"vocabulary": "v", "probe_digest": "ab" * 32, "geometry": "euclidean", **identity}
    group = known.pop("group", np.arange(int(probe[-1]) + 1))
    return Fingerprint(Identity(label=label, behavior=label, **known), features, probe, group)
