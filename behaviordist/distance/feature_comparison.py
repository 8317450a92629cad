"""A comparison of two behaviors of which one is a fingerprint: what can be shown without logits.

The distance can, at every probe and position and by tag, with its error; KL, agreement and the
tokens that moved cannot. `comparison.compare` is the one for models.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from behaviordist.behaviors import Behavior
from behaviordist.distance.analysis.places import at_token
from behaviordist.distance.analysis.witnesses import squared_by_position
from behaviordist.distance.comparison import Comparison, Difference, comparison_of
from behaviordist.distance.fingerprints.fingerprinting import GivesFingerprints, fingerprint
from behaviordist.distance.positions import MEASURES
from behaviordist.innerproduct.fingerprint import EXACT
from behaviordist.probes import ProbeSet

GEOMETRY = "hellinger"
FEATURES_ALONE = (
    "compared by the features of a fingerprint: the distance is known, by tag and probe; KL,"
    " agreement and the tokens that moved need log-probabilities, which it does not have"
)


def compare_features(
    reference: Behavior,
    candidate: Behavior,
    probes: ProbeSet,
    *,
    differences: int = 10,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Compare two behaviors by their Hellinger features, one of them at least a fingerprint.

    Parameters
    ----------
    reference, candidate, probes, differences, progress
        As in `distance.comparison.compare`. A model is fingerprinted as the other one was.

    Returns
    -------
    Comparison that knows ``squared`` alone; of a sketch, its error is contained in the standard
    errors, and there are no limits.

    Raises
    ------
    InputError
        If a fingerprint has no Hellinger features, or they cannot be mixed.
    """
    several = [reference, candidate]
    known = next(b for b in several if isinstance(b, GivesFingerprints))
    sketch = known.fingerprint_in(GEOMETRY).identity.sketch
    size = None if sketch == EXACT else int(sketch.rpartition("-")[2])
    first, second = fingerprint(several, probes, (GEOMETRY,), sketch=size, progress=progress)[
        GEOMETRY
    ]
    probe, squared = squared_by_position(first, second, probes)
    counts = np.bincount(probe)
    measured = np.full((len(probes), len(MEASURES)), np.nan)
    measured[:, 0] = np.bincount(probe, squared) / counts
    farthest = []
    for k in np.argsort(-measured[:, 0], kind="stable")[:differences]:
        one, worst = probes.probes[int(k)], int(squared[probe == k].argmax())
        context = at_token(f"{one.prompt}[{one.continuation}]", worst)
        farthest.append(Difference(one.id, float(measured[k, 0]), context, ()))
    return comparison_of(
        reference,
        candidate,
        probes,
        measured,
        n_positions=len(probe),
        differences=tuple(farthest),
        sketch=sketch,
    )
