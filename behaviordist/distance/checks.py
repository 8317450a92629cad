"""What a behavior's outputs must be before they become features."""

from __future__ import annotations

import numpy as np

from behaviordist.behaviors import LogProbBlock
from behaviordist.errors import InputError
from behaviordist.innerproduct.geometries import Geometry, without_full_support
from behaviordist.probes import ProbeSet

MASS_TOLERANCE = 1e-3


def check_block(block: LogProbBlock, label: str, probes: ProbeSet) -> None:
    """Refuse rows that are not distributions; the message names behavior and probe.

    Raises
    ------
    InputError
        On NaN or +inf, or a sum of probabilities further than 1e-3 from one.
    """
    mass = np.exp(block.log_p).sum(axis=1, dtype=np.float64)
    bad = np.flatnonzero(~(np.abs(mass - 1) <= MASS_TOLERANCE))
    if not len(bad):
        return
    row = int(bad[0])
    where = f"behavior '{label}', probe '{probes.probes[int(block.probe[row])].id}'"
    if not np.isfinite(mass[row]):
        raise InputError(
            f"{where}: NaN or infinite log-probabilities; check the weights and the dtype"
            " (float16 overflows above 65504)"
        )
    raise InputError(
        f"{where}: probabilities sum to {mass[row]:.6g}, not 1; give normalised natural logarithms"
    )


def check_support(block: LogProbBlock, label: str, probes: ProbeSet, geometry: Geometry) -> None:
    """Refuse rows of log-probabilities that are infinite, in a geometry of log p."""
    finite = np.isfinite(block.log_p).all(axis=1)
    if finite.all():
        return
    row = int(np.argmin(finite))
    raise InputError(
        f"behavior '{label}', probe '{probes.probes[int(block.probe[row])].id}': a token has"
        f" probability zero (top-k, top-p or min-p), and log p does not exist in the"
        f" {geometry.name} geometry; use {' or '.join(without_full_support())}"
    )
