"""The same question asked of other models: do the conclusions depend on the statistic?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from behaviordist.hypothesis.asymmetry.symmetry import symmetry_parts
from behaviordist.hypothesis.inference.result import PredictorTest
from behaviordist.hypothesis.models.cox import cox_test
from behaviordist.hypothesis.models.mixed import mixed_test
from behaviordist.hypothesis.models.mrqap import partial_test
from behaviordist.hypothesis.tables.pairs import Matrix, frame_of, without_invalid


def model_checks(
    distances: Matrix,
    costs: Matrix,
    *,
    beyond: Mapping[str, Matrix] | None = None,
    gains: bool = False,
    runs: pd.DataFrame | None = None,
    invalid: Mapping[str, Sequence[str]] | None = None,
    strata: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    permutations: int = 2_000,
    seed: int = 0,
) -> tuple[PredictorTest, ...]:
    """Return what regressions say of the distance, each with a relabelling p-value.

    Parameters
    ----------
    distances, costs, gains, invalid, strata, units, permutations, seed
        As in `transfer_test`.
    beyond
        Predictors beyond which the distance is tested (source quality always).
    runs
        One row a run (source, target, cost, censored), for the stratified Cox model.

    Returns
    -------
    tuple of PredictorTest
        Partial correlation (MRQAP), slope with crossed random effects, correlation of the
        symmetric and, for an asymmetric distance, antisymmetric parts (square costs only), and
        the log hazard of arriving (with `runs`). Positive: closer is cheaper.

    Raises
    ------
    InputError
        As `transfer_test`.
    """
    frame = without_invalid(frame_of(costs, "costs"), invalid or {})
    relabelled = {"permutations": permutations, "seed": seed}
    drawn: dict[str, Any] = {**relabelled, "strata": strata, "units": units}
    partial = partial_test(distances, frame, beyond=beyond, gains=gains, **drawn)[0]
    others = ", ".join([*(beyond or {}), "source quality"])
    checks = [
        replace(partial, name=f"partial correlation beyond {others}"),
        mixed_test(distances, frame, gains=gains, **drawn),
    ]
    if set(frame.index) == set(frame.columns):
        parts = symmetry_parts(distances, frame, gains=gains, **drawn)
        checks += [replace(parts.symmetric, name="symmetric parts")]
        if parts.antisymmetric is not None:
            checks += [replace(parts.antisymmetric, name="antisymmetric parts")]
    if runs is not None and not gains and bool(runs["censored"].any()):
        barred = {(source, target) for target, them in (invalid or {}).items() for source in them}
        pair = pd.MultiIndex.from_frame(runs[["source", "target"]])
        checks.append(cox_test(distances, runs[~pair.isin(list(barred))], **drawn))
    return tuple(checks)
