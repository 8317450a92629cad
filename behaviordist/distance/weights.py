"""Distance in weight space: the baseline that needs no probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from behaviordist.errors import InputError


def weight_distances(checkpoints: Mapping[str, Sequence[Path]]) -> pd.DataFrame:
    """Euclidean distance between flattened weights, averaged over pairs of replicates.

    Parameters
    ----------
    checkpoints
        Label -> checkpoint folders (replicates), all of one architecture.

    Returns
    -------
    DataFrame
        Square, labelled, zero diagonal.

    Raises
    ------
    InputError
        If the checkpoints have different tensors.
    """
    flat = {
        label: np.stack([_flatten(folder) for folder in folders])
        for label, folders in checkpoints.items()
    }
    if len({weights.shape[1] for weights in flat.values()}) > 1:
        raise InputError("weight-space distance needs checkpoints of one architecture")
    labels = list(flat)
    square = np.zeros((len(labels), len(labels)))
    for i, first in enumerate(labels):
        for j, second in enumerate(labels[:i]):
            gaps = flat[first][:, None] - flat[second][None]
            square[i, j] = square[j, i] = np.linalg.norm(gaps, axis=-1).mean()
    return pd.DataFrame(square, index=labels, columns=labels)


def _flatten(folder: Path) -> NDArray[np.float64]:
    from safetensors.numpy import load_file

    tensors = load_file(folder / "model.safetensors")
    return np.concatenate([tensors[name].ravel() for name in sorted(tensors)]).astype(np.float64)
