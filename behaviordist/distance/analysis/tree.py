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

Split = frozenset[str]


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
    own, group = splits(tree), prints[0].group
    counts = dict.fromkeys(own, 0)
    rng = np.random.default_rng(seed)
    n = len(np.unique(group))
    member = np.unique(group, return_inverse=True)[1]
    for _ in range(replicates):
        drawn = np.bincount(rng.integers(0, n, n), minlength=n)[member]
        again = splits(join(labels, pair_moments(prints, weights=drawn.astype(float)).squared))
        for side in own.keys() & again.keys():
            counts[side] += 1
    support = {side: count / replicates for side, count in counts.items()} if replicates else {}
    for side, node in own.items():
        node.name = f"{support[side]:.2f}" if support else None
    return str(tree).strip(), support
