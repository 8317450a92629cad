"""The same question asked of other models: do the conclusions depend on the statistic?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from behaviordist.hypothesis.cox import cox_test
from behaviordist.hypothesis.mixed import mixed_test
from behaviordist.hypothesis.mrqap import partial_test
from behaviordist.hypothesis.pairs import Matrix, frame_of
from behaviordist.hypothesis.result import Estimate
from behaviordist.hypothesis.symmetry import symmetry_parts


def model_checks(
    distances: Matrix,
    costs: Matrix,
    *,
    beyond: Mapping[str, Matrix] | None = None,
    gains: bool = False,
    runs: pd.DataFrame | None = None,
    permutations: int = 2_000,
    seed: int = 0,
) -> tuple[Estimate, ...]:
    """Return what regressions say of the distance, each with a relabelling p-value.

    Parameters
    ----------
    distances, costs, gains, permutations, seed
        As in `transfer_test`.
    beyond
        Predictors beyond which the distance is tested (source quality always).
    runs
        One row a run (source, target, cost, censored), for the stratified Cox model.

    Returns
    -------
    tuple of Estimate
        Partial correlation (MRQAP), slope with crossed random effects, correlation of the
        symmetric and, for an asymmetric distance, antisymmetric parts (square costs only), and
        the log hazard of arriving (with `runs`). Positive: closer is cheaper.

    Raises
    ------
    InputError
        As `transfer_test`.
    """
    partial = partial_test(
        distances, costs, beyond=beyond, gains=gains, permutations=permutations, seed=seed
    )[0]
    others = ", ".join([*(beyond or {}), "source quality"])
    found = [
        replace(partial, name=f"partial correlation beyond {others}"),
        mixed_test(distances, costs, gains=gains, permutations=permutations, seed=seed),
    ]
    frame = frame_of(costs, "costs")
    if set(frame.index) == set(frame.columns):
        parts = symmetry_parts(distances, costs, gains=gains, permutations=permutations, seed=seed)
        found += [replace(parts.symmetric, name="symmetric parts")]
        if parts.antisymmetric is not None:
            found += [replace(parts.antisymmetric, name="antisymmetric parts")]
    if runs is not None and not gains and bool(runs["censored"].any()):
        found.append(cox_test(distances, runs, permutations=permutations, seed=seed))
    return tuple(found)
