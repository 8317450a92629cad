"""What a geometry is: a feature map whose plain dot product is the inner product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
FeatureMap = Callable[[FloatArray, Any], FloatArray]


@dataclass(frozen=True)
class Geometry:
    """A feature map and what it asks of the log-probabilities.

    Parameters
    ----------
    name
        What users call it.
    features
        (log_p (m, V), reference log_p (m, V) or None) -> features (m, V) float32, such that the
        dot product of two behaviors' rows is the geometry's inner product at that position. For
        texts, the second argument is the tokens (m,), and features (m, 1) are summed over a text;
        for bytes, it is the first byte of every token (V,).
    needs_reference
        Whether a reference distribution at the same positions is needed.
    full_support
        Whether every token must have a probability above zero.
    unit
        What a row of features is of: a position, a byte (positions that tokenizers share) or a
        whole text (for both, tokenizers may differ), or sampled answers (then there are no
        fingerprints, see `distance.sample_distances`).
    bound
        The largest squared distance of two distributions; None where there is none.
    rounding
        A distance that one model, run in other batches or with a cache, may lie from itself in
        float32: below it nothing is called a difference.
    """

    name: str
    features: FeatureMap
    needs_reference: bool = False
    full_support: bool = False
    unit: Literal["position", "byte", "text", "answers"] = "position"
    bound: float | None = None
    rounding: float = 1e-4

    @property
    def across_tokenizers(self) -> bool:
        """Whether behaviors with different tokenizers can be compared."""
        return self.unit != "position"
