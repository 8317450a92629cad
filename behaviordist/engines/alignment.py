"""Gradient alignment: does the first step from a source point towards the target's weights?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax.flatten_util import ravel_pytree

from behaviordist.lab import checkpoint
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes import sft
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.objective import Hyper


def gradient_misalignment(
    sources: Mapping[str, Sequence[Path]],
    targets: Mapping[str, Regime],
    config: LlamaConfig,
    strings: int = 256,
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
    with jax.enable_x64(False):
        weights = {
            label: [jax.tree.map(jnp.asarray, checkpoint.load(folder).params) for folder in folders]
            for label, folders in sources.items()
        }
        labels = list(sources)
        table = pd.DataFrame(np.nan, index=labels, columns=labels)
        for target, regime in targets.items():
            rng = np.random.default_rng(seed)
            batch = sft.draw(regime.model_copy(update={"batch_size": strings}), rng)
            for source in labels:
                if source != target:
                    table.loc[source, target] = _mean_misalignment(
                        weights[source], weights[target], config, batch, Hyper.of(regime)
                    )
    return table


def _mean_misalignment(
    sources: Sequence[Any], targets: Sequence[Any], config: LlamaConfig, batch: Any, hyper: Hyper
) -> float:
    pairs = [(sources[min(i, len(sources) - 1)], end) for i, end in enumerate(targets)]
    return float(np.mean([1.0 - _cosine(a, b, config, batch, hyper) for a, b in pairs]))


def _cosine(start: Any, end: Any, config: LlamaConfig, batch: Any, hyper: Hyper) -> float:
    down = -_flat_gradient(start, config, batch["tokens"], hyper)
    way = ravel_pytree(end)[0] - ravel_pytree(start)[0]
    a, b = np.asarray(down, np.float64), np.asarray(way, np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@jax.jit(static_argnames=("config", "hyper"))
def _flat_gradient(params: Any, config: LlamaConfig, tokens: Any, hyper: Hyper) -> jax.Array:
    gradient = jax.grad(sft.loss)(params, config, {"tokens": tokens}, None, hyper)
    return ravel_pytree(gradient)[0]
