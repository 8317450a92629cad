"""Distances from answers that `texts` has drawn: unbiased, by a string kernel."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import ScoresTexts
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.distance.fingerprints.collector import numbered
from behaviordist.distance.intervals import SIDE
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.innerproduct.arrays import Float64Array
from behaviordist.innerproduct.batches import Batches, plan_batches
from behaviordist.innerproduct.geometries.samples import (
    KERNELS,
    Kernel,
    get_kernel,
    prompt_distances,
)
from behaviordist.innerproduct.limits import bets_limit, growth_of
from behaviordist.innerproduct.pairs import skewness_of_mean, standard_error


def sample_distances(
    answers: Mapping[str, Sequence[Sequence[str]]],
    kernel: str | Kernel = "exact-match",
    *,
    groups: Sequence[Hashable] | None = None,
) -> DistanceMatrix:
    """Unbiased squared distances of N behaviors that only answer (the `samples` geometry).

    Parameters
    ----------
    answers
        Label -> for each of n prompts, the behavior's sampled answers (at least two; numbers may
        differ between behaviors and prompts).
    kernel
        ``"exact-match"``, ``"character-ngrams"``, or a symmetric function of two strings.
    groups
        (n,) names; prompts that share one are paraphrases, dependent in the standard errors.

    Returns
    -------
    DistanceMatrix with standard errors over prompts. What sampling adds to the error is
    independent between prompts, and so is contained.

    Raises
    ------
    InputError
        On different numbers of prompts, fewer than two answers anywhere, or an unknown kernel.
    """
    labels, columns = list(answers), list(answers.values())
    n = _check(labels, columns)
    gram_of = get_kernel(kernel)
    keys = list(range(n)) if groups is None else list(groups)
    if len(keys) != n:
        raise InputError(f"groups must name each of the {n} prompts, not {len(keys)}")
    batches = plan_batches(np.arange(n), numbered(keys), max_batches=n)
    sums = np.zeros((len(batches), len(labels), len(labels)))
    for batch in range(len(batches)):
        for prompt in batches.rows[batches.slice_of(batch)]:
            sums[batch] += prompt_distances([c[prompt] for c in columns], gram_of)
    squared = sums.sum(axis=0) / n
    residual = np.sum((sums - batches.weight[:, None, None] * squared) ** 2, axis=0)
    first, second, third = (np.sum(sums**k, axis=0) for k in (1, 2, 3))
    return DistanceMatrix(
        tuple(labels),
        squared,
        standard_error(residual, batches),
        max(batches.degrees_of_freedom, 1.0),
        limits=_limits(sums, batches) if kernel in KERNELS else np.nan,
        skewness=skewness_of_mean(first, second, third, len(batches)),
        metadata={
            "geometry": "samples",
            "kernel": kernel if isinstance(kernel, str) else "user",
            "n_probes": n,
            "n_groups": len(batches),
            "answers": {label: sum(map(len, c)) for label, c in answers.items()},
        },
    )


def steady(
    behaviors: Sequence[Behavior], answers: Mapping[str, Sequence[Sequence[str]]]
) -> list[str]:
    """Return the labels of servers that were to sample and never gave a prompt a second answer."""
    servers = [b for b in behaviors if isinstance(b, ScoresTexts) and _samples(b)]
    return [b.label for b in servers if all(len(set(several)) == 1 for several in answers[b.label])]


def _samples(behavior: Any) -> bool:
    settings = getattr(behavior, "settings", InferenceSettings())
    return settings.temperature > 0 and settings.top_k != 1


def steady_note(label: str) -> str:
    """Return what to make of a label that `steady` names."""
    return (
        f"'{label}' was asked to sample and answered every prompt with the same words each time: it"
        " may decode greedily whatever is asked (`transformers serve` does unless the model's"
        " generation_config.json says do_sample); @temperature=0 asks for that"
    )


def _limits(sums: Float64Array, batches: Batches) -> Float64Array:
    """Upper limits that hold together: our kernels lie in [0, 1], a prompt's value in [-2, 2]."""
    size = batches.weight.mean()
    bound = 4 * float(batches.weight.max() / size)
    shifted = (sums + 2 * batches.weight[:, None, None]) / size
    pairs = max(sums.shape[1] * (sums.shape[1] - 1) // 2, 1)
    limits = bets_limit(growth_of(shifted, bound), len(batches), bound, SIDE / pairs) - 2
    np.fill_diagonal(limits, 0)
    return limits


def _check(labels: list[str], columns: list[Sequence[Sequence[str]]]) -> int:
    if not labels:
        raise InputError("no answers given; at least one behavior is needed")
    n = len(columns[0])
    for label, column in zip(labels, columns, strict=True):
        if len(column) != n or n == 0:
            raise InputError(
                f"'{label}' answers {len(column)} prompts and '{labels[0]}' {n}; give every"
                " behavior the same prompts, at least one"
            )
        short = [k for k, several in enumerate(column) if len(several) < 2]
        if short:
            raise InputError(
                f"'{label}' has {len(column[short[0]])} answers to prompt {short[0]}; the unbiased"
                " estimate needs at least two"
            )
    return n
