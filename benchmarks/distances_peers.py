"""All-pairs distances against peers: time, memory, uncertainty, error at equal storage.

    python benchmarks/distances_peers.py

N behaviors answer P probes over V tokens (planted random softmax models around a base). The exact
squared Hellinger distances come from whole vocabularies in float64. Methods that work on stored
features get the same D = 64 sketches; "equal storage" rows keep the same number of floats a
behavior in another way. Times are of all pairs from stored features, best of three; making the
stored features is a column of its own. Memory is the peak of Python and NumPy allocations.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics.pairwise import euclidean_distances

from behaviordist.innerproduct import Fingerprint, Identity, pair_moments
from behaviordist.innerproduct.sketch import position_keys, sketch_rows

DIGEST = "5eed" * 16


def population(n, n_probes, v, seed=0):
    """Square roots of probabilities, (N, P, V) float32."""
    rng = np.random.default_rng(seed)
    base = 2 * rng.standard_normal((n_probes, v), dtype=np.float32)
    # Probes differ in how much they move, as real ones do.
    move = rng.gamma(1.0, 1.0, size=(n_probes, 1)).astype(np.float32)
    roots = np.empty((n, n_probes, v), dtype=np.float32)
    for i in range(n):
        scale = np.float32(0.1 + 0.9 * i / n)
        logits = base + scale * move * rng.standard_normal((n_probes, v), dtype=np.float32)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        roots[i] = np.sqrt(p / p.sum(axis=1, keepdims=True))
    return roots


def exact(roots):
    flat = roots.reshape(len(roots), -1)
    return squareform(pdist(flat.astype(np.float64), "sqeuclidean")) / roots.shape[1]


def sketches(roots, size):
    n_probes = roots.shape[1]
    keys = position_keys(DIGEST, np.arange(n_probes), np.zeros(n_probes, dtype=np.int64))
    return np.stack([sketch_rows(row, keys, size) for row in roots])


def prints_of(features):
    return [
        Fingerprint(
            Identity(f"b{i}", f"b{i}", "v", DIGEST, "hellinger", "countsketch"),
            f,
            np.arange(len(f)),
        )
        for i, f in enumerate(features)
    ]


def projected(roots, dimensions, seed=1):
    """LLM-DNA's way: outputs concatenated, one Gaussian projection, no error."""
    rng = np.random.default_rng(seed)
    total = np.zeros((len(roots), dimensions), dtype=np.float32)
    for p in range(roots.shape[1]):
        matrix = rng.standard_normal((roots.shape[2], dimensions), dtype=np.float32)
        total += roots[:, p] @ matrix
    return total / np.sqrt(dimensions)


def per_probe(features):
    """The plain way to an uncertainty: a matrix of every probe."""
    n, n_probes = features.shape[:2]
    total, square = np.zeros((n, n)), np.zeros((n, n))
    for p in range(n_probes):
        squared = squareform(pdist(features[:, p], "sqeuclidean"))
        total += squared
        square += squared**2
    mean = total / n_probes
    return mean, np.sqrt(np.maximum(square / n_probes - mean**2, 0) / (n_probes - 1))


def bootstrapped(features, replicates=100, seed=0):
    n, n_probes = features.shape[:2]
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(replicates):
        rows = rng.integers(0, n_probes, size=n_probes)
        draws.append(pdist(features[:, rows].reshape(n, -1), "sqeuclidean") / n_probes)
    return squareform(np.mean(draws, axis=0)), squareform(np.std(draws, axis=0))


def rsa(features):
    import rsatoolbox

    flat = features.reshape(len(features), -1)
    rdm = rsatoolbox.rdm.calc_rdm(rsatoolbox.data.Dataset(flat), method="euclidean")
    return rdm.get_matrices()[0] * flat.shape[1] / features.shape[1]


def cka(features):
    """1 - linear CKA of probes x D by ckatorch (Kornblith et al. 2019): another quantity."""
    import torch
    from ckatorch import cka_base

    tensors = [torch.from_numpy(np.ascontiguousarray(x)) for x in features]
    table = np.zeros((len(tensors), len(tensors)))
    for i, first in enumerate(tensors):
        for j, second in enumerate(tensors[:i]):
            table[i, j] = table[j, i] = 1 - float(cka_base(first, second))
    return table


def timed(work, repeats=3):
    best = np.inf
    for _ in range(repeats):
        began = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - began)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, best, peak / 2**20


def row(name, stored, making, work, truth, uncertain, repeats=3):
    result, spent, peak = timed(work, repeats)
    upper = np.triu_indices(len(truth), 1)
    error = "another quantity"
    if truth.shape == np.shape(result) and not name.startswith("ckatorch"):
        error = f"{np.median(np.abs(result - truth)[upper] / truth[upper]):.4f}"
    print(
        f"{name:<42} {stored:>9,} {making:>8.2f} {spent:>9.3f} {peak:>9.1f} {uncertain:>5}"
        f"  {error}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--behaviors", type=int, default=120)
    parser.add_argument("--probes", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--size", type=int, default=64)
    asked = parser.parse_args()
    roots = population(asked.behaviors, asked.probes, asked.tokens)
    truth = exact(roots)
    began = time.perf_counter()
    features = sketches(roots, asked.size)
    making = time.perf_counter() - began
    flat = features.reshape(len(features), -1)
    prints, stored, n = prints_of(features), asked.probes * asked.size, asked.probes
    print(f"{asked.behaviors} behaviors, {n} probes, {asked.tokens} tokens, D = {asked.size}")
    print(
        f"{'method':<42} {'floats':>9} {'make s':>8} {'pairs s':>9} {'peak MiB':>9} {'SE':>5}"
        "  median relative error of d^2"
    )
    row(
        "behaviordist, D = 64 a position",
        stored,
        making,
        lambda: pair_moments(prints).squared,
        truth,
        "yes",
    )
    row(
        "per-probe matrices (same sketches)",
        stored,
        making,
        lambda: per_probe(features)[0],
        truth,
        "yes",
        1,
    )
    row(
        "bootstrap of pdist, 100 (same sketches)",
        stored,
        making,
        lambda: bootstrapped(features)[0],
        truth,
        "yes",
        1,
    )
    row(
        "scipy pdist (same sketches)",
        stored,
        making,
        lambda: squareform(pdist(flat, "sqeuclidean")) / n,
        truth,
        "no",
    )
    row(
        "scikit-learn (same sketches)",
        stored,
        making,
        lambda: euclidean_distances(flat, squared=True) / n,
        truth,
        "no",
    )
    row("rsatoolbox (same sketches)", stored, making, lambda: rsa(features), truth, "no")
    row(
        "ckatorch, linear CKA (same sketches)",
        stored,
        making,
        lambda: cka(features),
        truth,
        "no",
        1,
    )
    print("equal storage, kept in another way:")
    for dimensions in (256, 1024):
        began = time.perf_counter()
        dna = projected(roots, dimensions)
        made = time.perf_counter() - began
        row(
            f"LLM-DNA's way: projection to {dimensions}",
            dimensions,
            made,
            lambda dna=dna: euclidean_distances(dna, squared=True) / n,
            truth,
            "no",
        )
        few = max(1, dimensions // n)
        began = time.perf_counter()
        same = prints_of(sketches(roots, few))
        made = time.perf_counter() - began
        row(
            f"behaviordist, D = {few}",
            few * n,
            made,
            lambda same=same: pair_moments(same).squared,
            truth,
            "yes",
        )
    whole = max(1, stored // asked.tokens)
    row(
        f"whole vocabulary of {whole} probes",
        whole * asked.tokens,
        0.0,
        lambda: exact(roots[:, :whole]),
        truth,
        "no",
        1,
    )


if __name__ == "__main__":
    main()
