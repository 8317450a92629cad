"""Planted truths about the test of distance against cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from behaviordist.distance import matrix_of
from behaviordist.hypothesis import transfer_test
from behaviordist.selftest.check import Check, near
from behaviordist.selftest.planted import Float64Array, linear_fingerprint

N = 8


def lazy_population() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Distances and costs of linear functions trained by gradient descent.

    On inputs with unit covariance the loss of W under target V is ||W - V||_F^2 and every step
    multiplies W - V by (1 - rate): the steps to a fixed loss grow strictly with the distance.
    """
    rng = np.random.default_rng(6)
    labels = [f"f{i}" for i in range(N)]
    functions = rng.normal(size=(N, 4, 3)) * np.linspace(0.5, 3, N)[:, None, None]
    # Columns of a scaled orthogonal matrix: their second moment is exactly the identity.
    inputs = np.linalg.qr(rng.normal(size=(60, 3)))[0] * np.sqrt(60)
    prints = [
        linear_fingerprint(label, w, inputs) for label, w in zip(labels, functions, strict=True)
    ]
    costs = np.full((N, N), np.nan)
    for source in range(N):
        for target in range(N):
            if source != target:
                costs[source, target] = _steps(functions[source], functions[target], inputs)
    return matrix_of(prints).to_pandas(), pd.DataFrame(costs, index=labels, columns=labels)


def monotone_cost() -> Check:
    """Closer is cheaper, strictly: the within-target rank correlation is 1."""
    distances, costs = lazy_population()
    test = transfer_test(distances, costs, permutations=200, seed=0)
    return near("lazily trained linear functions", 1.0, float(test.value), 1e-9)


def shuffled_labels(draws: int = 150) -> Check:
    """Costs under shuffled labels: p-values are uniform (Kolmogorov-Smirnov p above 0.001)."""
    from scipy.stats import kstest

    distances, costs = lazy_population()
    rng = np.random.default_rng(7)
    values = []
    for seed in range(draws):
        order = rng.permutation(N)
        shuffled = pd.DataFrame(
            costs.to_numpy()[np.ix_(order, order)], index=costs.index, columns=costs.columns
        )
        test = transfer_test(distances, shuffled, permutations=199, seed=seed)
        values.append(test.p_value)
    p = float(kstest(values, "uniform").pvalue)
    found_text = f"KS p = {p:.3g}, median p = {np.median(values):.2f}"
    return Check("shuffled labels", "uniform p-values", found_text, p > 0.001)


def units_null(draws: int = 60) -> Check:
    """4 functions x 4 algorithms, linked by "same function" alone: units reject 5 % at most."""
    rng = np.random.default_rng(11)
    unit = np.repeat(np.arange(4), 4)
    same = unit[:, None] == unit[None, :]
    labels = [f"f{u}-{i % 4}" for i, u in enumerate(unit)]
    units = {label: label[:2] for label in labels}
    rejected = 0
    for seed in range(draws):
        blocks = rng.normal(size=(2, 4, 4))[:, unit][:, :, unit]
        near, cost = 10 + blocks - 4 * same + 0.3 * rng.normal(size=blocks.shape)
        frames = [pd.DataFrame(m, labels, labels) for m in (near * ~same + 1, cost)]
        test = transfer_test(*frames, permutations=99, seed=seed, units=units)
        rejected += test.p_value <= 0.05
    share = rejected / draws
    most = 0.05 + 3 * (0.05 * 0.95 / draws) ** 0.5
    return Check("units under the null", "at most 5% at p <= 0.05", f"{share:.0%}", share <= most)


def _steps(weights: Float64Array, target: Float64Array, inputs: Float64Array) -> int:
    """Steps of gradient descent until the mean squared error is below 1e-3."""
    rate, steps = 0.004, 0
    current = weights.copy()
    moment = inputs.T @ inputs / len(inputs)
    while True:
        residual = current - target
        if np.trace(residual @ moment @ residual.T) < 1e-3:
            return steps
        current = current - rate * residual @ moment
        steps += 1
