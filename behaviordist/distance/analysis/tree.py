"""A neighbour-joining tree of behaviors, with support over probes.

Branches are in *squared* distance: where what changed along different branches is orthogonal, the
squared distance of two leaves is the sum of the branches between them, which is what
neighbour-joining (Saitou & Nei 1987) recovers. The tree has no root; where it is drawn from says
nothing. Support of an inner branch is the share of trees, of probes drawn anew (Felsenstein 1985;
paraphrases are drawn together), in which it parts the leaves the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.analysis.scikit_bio import scikit_bio
from behaviordist.errors import InputError
from behaviordist.innerproduct import Fingerprint, comparable, pair_moments
from behaviordist.innerproduct.batches import plan_batches
from behaviordist.innerproduct.blocks import batch_features

Split = frozenset[str]
BLOCK = 2**23
"""Squared distances that wait before they are added up."""


def join(labels: Sequence[str], squared: NDArray[np.float64]) -> Any:
    """Return the scikit-bio tree of squared distances (N, N) of at least three behaviors.

    Raises
    ------
    InputError
        On fewer, or missing distances.
    """
    if len(labels) < 3:
        raise InputError(f"a tree takes three behaviors or more, not {len(labels)}")
    if not np.isfinite(squared).all():
        raise InputError("a tree needs every distance; select behaviors without gaps")
    scikit_bio()  # before its submodules: JAX keeps its precision
    clean = np.maximum((squared + squared.T) / 2, 0)
    np.fill_diagonal(clean, 0)
    matrix = scikit_bio().DistanceMatrix(clean, [str(k) for k in range(len(labels))])
    tree = scikit_bio("skbio.tree").nj(matrix)
    for tip in tree.tips():
        tip.name = labels[int(tip.name)]
    return tree


def splits(tree: Any) -> dict[Split, Any]:
    """Return how the inner branches part the leaves -> the node below each.

    A split is named by the side without the first label in alphabetical order.
    """
    below: dict[int, frozenset[str]] = {}
    for node in tree.postorder(include_self=True):
        children = [below[id(child)] for child in node.children]
        below[id(node)] = frozenset().union(*children) if children else frozenset([node.name])
    every = below[id(tree)]
    first = min(every)
    found = {}
    for node in tree.postorder(include_self=False):
        side = below[id(node)]
        side = every - side if first in side else side
        if 2 <= len(side) <= len(every) - 2:
            found[side] = node
    return found


def drawn_squares(
    fingerprints: Sequence[Fingerprint], draws: NDArray[np.integer[Any]]
) -> NDArray[np.float64]:
    """Return squared distances (R, N, N) with the groups of probes drawn R times, in one pass.

    `draws` (R, G) says how often each group was drawn, groups in the order of their first probe. A
    squared distance is a mean over groups, so a draw is a weighted sum of what one pass computes.
    """
    first, n = fingerprints[0], len(fingerprints)
    batches = plan_batches(first.probe, first.group, max_batches=draws.shape[1])
    sums = np.zeros((len(draws), n * n))
    waiting: list[NDArray[np.float32]] = []
    for batch, values in batch_features(fingerprints, batches, first.features):
        products = values @ values.T
        norms = np.diagonal(products)
        waiting.append((norms[:, None] + norms - 2 * products).ravel())
        if len(waiting) * n * n > BLOCK or batch + 1 == len(batches):
            sums += draws[:, batch + 1 - len(waiting) : batch + 1] @ np.stack(waiting, dtype=float)
            waiting.clear()
    return (sums / (draws @ batches.weight)[:, None]).reshape(-1, n, n)


def tree_of(
    fingerprints: Sequence[Fingerprint], *, replicates: int = 100, seed: int = 0
) -> tuple[str, dict[Split, float]]:
    """Return the tree of behaviors as Newick, its inner branches labelled with their support.

    Parameters
    ----------
    fingerprints
        N >= 3 of one kind.
    replicates
        Draws of the probes; 0: no support.
    seed
        Of the draws.

    Returns
    -------
    Newick, and the support of each split, 0 to 1.

    Raises
    ------
    InputError
        On fewer than three behaviors, or a negative number of replicates.
    """
    if replicates < 0 or seed < 0:
        raise InputError("replicates and a seed are 0 or more")
    prints = comparable(fingerprints)
    labels = [f.label for f in prints]
    tree = join(labels, pair_moments(prints).squared)
    own = splits(tree)
    counts = dict.fromkeys(own, 0)
    n = len(np.unique(prints[0].group))
    rng = np.random.default_rng(seed)
    draws = [np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(replicates)]
    for squared in drawn_squares(prints, np.array(draws)) if replicates else ():
        again = splits(join(labels, squared))
        for side in own.keys() & again.keys():
            counts[side] += 1
    support = {side: count / replicates for side, count in counts.items()} if replicates else {}
    for side, node in own.items():
        node.name = f"{support[side]:.2f}" if support else None
    return str(tree).strip(), support
