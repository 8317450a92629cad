"""Simulated studies: behaviors are points, costs follow distances as much as we say."""

import numpy as np
import pandas as pd


def world(
    rng,
    n=12,
    slope=0.0,
    noise=1.0,
    target_effect=2.0,
    source_effect=0.0,
    rounding=None,
    budget_quantile=None,
    missing=0.0,
):
    """Distances of n random points and costs = slope * distance + effects + noise, as frames.

    `rounding` makes ties, `budget_quantile` stops the dearest runs at a common budget, `missing`
    empties a share of the cells.
    """
    points = rng.normal(size=(n, 3))
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    cost = (
        10.0
        + slope * distance
        + noise * rng.normal(size=(n, n))
        + target_effect * rng.normal(size=(1, n))
        + source_effect * rng.normal(size=(n, 1))
    )
    if rounding:
        cost = np.round(cost / rounding) * rounding
        distance = np.round(distance / rounding) * rounding
    if budget_quantile:
        cost = np.minimum(cost, np.quantile(cost, budget_quantile))
    cost[rng.uniform(size=cost.shape) < missing] = np.nan
    np.fill_diagonal(cost, np.nan)
    np.fill_diagonal(distance, 0.0)
    labels = [f"b{i:02d}" for i in range(n)]
    return pd.DataFrame(distance, labels, labels), pd.DataFrame(cost, labels, labels)


def off_diagonal(frame):
    values = frame.to_numpy(dtype=float, copy=True)
    np.fill_diagonal(values, np.nan)
    return values
