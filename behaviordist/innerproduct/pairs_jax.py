"""The sums of `pairs`, in JAX: for accelerators, where one product a batch keeps them busy."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from behaviordist.innerproduct.blocks import Block


def accumulate(blocks: Iterable[Block], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of A_b, A_b^2, W_b A_b and A_b^3 over batches, (4, N', N') float64.

    Products are full float32 (no TF32, no bfloat16 passes); sums are float64. One product a batch
    spans all behaviors, so that, other than in NumPy, adding one may move the last bit of others.
    """
    with jax.enable_x64(True):
        sums = None
        for block in blocks:
            for batch, features in block:
                if sums is None:
                    sums = jnp.zeros((4, len(features), len(features)), dtype=jnp.float64)
                # JAX may read its argument later, when the buffer is overwritten: a copy of its own
                # (copy=True of JAX makes that copy late as well).
                sums = _add(sums, jnp.asarray(features.copy()), weight[batch])
        return np.asarray(sums)


@jax.jit
def _add(sums: jax.Array, features: jax.Array, weight: float) -> jax.Array:
    products = jnp.matmul(features, features.T, precision=jax.lax.Precision.HIGHEST)
    norms = jnp.diagonal(products)
    squared = (norms[:, None] + norms[None, :] - 2 * products).astype(jnp.float64)
    return sums + jnp.stack([squared, squared**2, weight * squared, squared**3])
