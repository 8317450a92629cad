"""Gradient alignment: does the first step from a source point towards the target's weights?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from jax.flatten_util import ravel_pytree
from numpy.typing import NDArray

from behaviordist.lab import checkpoint
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.declaration import Regime, Tuning
from behaviordist.regimes.objective import Hyper
from behaviordist.regimes.objectives import sft
from behaviordist.store import digest_of

FloatArray = NDArray[Any]


def gradient_misalignment(
    sources: Mapping[str, Sequence[Path]],
    targets: Mapping[str, Regime],
    config: LlamaConfig,
    strings: int = 64,
    seed: int = 0,
) -> pd.DataFrame:
    """One minus the cosine between the descent direction at a source and the way to the target.

    ``1 - cos(-grad L_B(theta_A), theta_B - theta_A)``, averaged over replicates (a source with
    fewer replicates than the target reuses its last). L_B is the cross-entropy of the target's
    answers, for every algorithm: a policy-gradient estimate is zero where no sample is right.

    Parameters
    ----------
    sources
        Label -> checkpoint folders (replicates); must hold every target.
    targets
        Label -> the target's regime, for its task.
    config
        Architecture of all checkpoints.
    strings
        Training strings of the batch that the gradient is taken on.
    seed
        Of that batch.

    Returns
    -------
    DataFrame
        Rows = source, columns = source labels too; NaN where a label is no target, and on the
        diagonal. Between 0 (straight at the target) and 2 (straight away).
    """
    labels = list(sources)
    table = pd.DataFrame(np.nan, index=labels, columns=labels)
    by_task: dict[str, list[str]] = {}
    for target, regime in targets.items():
        by_task.setdefault(digest_of(regime.shares), []).append(target)
    with jax.enable_x64(False):
        weights = {
            label: [checkpoint.load(folder).params for folder in folders]
            for label, folders in sources.items()
        }
        for several in by_task.values():
            # Targets of one task share the gradient, whatever algorithm leads to them.
            regime = targets[several[0]]
            assert isinstance(regime, Tuning)
            rng = np.random.default_rng(seed)
            batch = sft.draw(regime.model_copy(update={"batch_size": strings}), rng)
            for source in labels:
                slopes = [
                    np.asarray(_flat_gradient(p, config, batch["tokens"], Hyper.of(regime)))
                    for p in weights[source]
                ]
                starts = [_flat(p) for p in weights[source]]
                for target in several:
                    if target != source:
                        ends = [_flat(p) for p in weights[target]]
                        table.loc[source, target] = _misalignment(slopes, starts, ends)
    return table


def _flat(params: Any) -> FloatArray:
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(params)])


def _misalignment(
    slopes: Sequence[FloatArray], starts: Sequence[FloatArray], ends: Sequence[FloatArray]
) -> float:
    last = len(starts) - 1
    pairs = [(slopes[min(i, last)], end - starts[min(i, last)]) for i, end in enumerate(ends)]
    return float(np.mean([1.0 - _cosine(-slope, way) for slope, way in pairs]))


def _cosine(a: FloatArray, b: FloatArray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@jax.jit(static_argnames=("config", "hyper"))
def _flat_gradient(params: Any, config: LlamaConfig, tokens: Any, hyper: Hyper) -> jax.Array:
    gradient = jax.grad(sft.loss)(params, config, {"tokens": tokens}, None, hyper)
    return ravel_pytree(gradient)[0]
