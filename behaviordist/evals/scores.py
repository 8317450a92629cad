"""EvalScores: scores of models on items, matched by content."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals.rows import EvalRow

Float64Array = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class EvalScores:
    """Scores of M models on n items.

    Parameters
    ----------
    models
        M names.
    items
        n of (task, digest or id), in canonical order: that of the logs does not matter.
    epochs
        (n, M, E) scores as shares of their range, 0 to 1; NaN where there is none.
    tags
        n tags, empty where an item has none.
    cluster
        (n,) number of the cluster that an item belongs to; its own where there are no clusters.
    notes
        What was counted while reading: unmatched items, other prompts, the metric.

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> items, scores = (("", "q1"), ("", "q2")), np.array([[[1.0], [0.0]], [[1.0], [1.0]]])
    >>> bd.EvalScores(("a", "b"), items, scores, ("", ""), np.arange(2)).binary
    True
    """

    models: tuple[str, ...]
    items: tuple[tuple[str, str], ...]
    epochs: Float64Array
    tags: tuple[str, ...]
    cluster: IntArray
    notes: tuple[str, ...] = ()

    @cached_property
    def scores(self) -> Float64Array:
        """(n, M) mean over epochs; NaN where a model has no score."""
        known = np.isfinite(self.epochs)
        count = known.sum(axis=2)
        total = np.where(known, self.epochs, 0).sum(axis=2)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

    @cached_property
    def binary(self) -> bool:
        """Whether every mean score is 0 or 1."""
        known = self.scores[np.isfinite(self.scores)]
        return bool(np.isin(known, (0.0, 1.0)).all())

    @property
    def clustered(self) -> bool:
        """Whether some items share a cluster."""
        return len(np.unique(self.cluster)) < len(self.items)

    @property
    def repeated(self) -> bool:
        """Whether some item was scored more than once."""
        return bool((np.isfinite(self.epochs).sum(axis=2) > 1).any())

    def part(self, members: NDArray[np.bool_]) -> EvalScores:
        """Return the scores on some of the items, (n,) booleans."""
        kept = np.flatnonzero(members).tolist()
        return replace(
            self,
            items=tuple(self.items[k] for k in kept),
            epochs=self.epochs[kept],
            tags=tuple(self.tags[k] for k in kept),
            cluster=self.cluster[kept],
        )

    def column(self, model: str) -> int:
        """Return the place of a model.

        Raises
        ------
        InputError
            There is none of that name.
        """
        if model not in self.models:
            raise InputError(f"no model '{model}' in the logs; {did_you_mean(model, self.models)}")
        return self.models.index(model)


def gather(rows: Iterable[EvalRow], score_range: tuple[float, float]) -> EvalScores:
    """Return the table of rows that come in any order.

    Raises
    ------
    InputError
        No row, a score outside the range, an item with two tags or clusters, models of one task
        scored by different metrics.
    """
    low, high = score_range
    found: dict[tuple[str, str], dict[str, list[float]]] = {}
    labels: dict[tuple[str, str], tuple[str, str]] = {}
    prompts: dict[tuple[str, str], set[str]] = {}
    how: dict[str, dict[str, str]] = {}
    models: dict[str, None] = {}
    for row in rows:
        key = (row.task, row.item)
        if not np.isnan(row.score) and not low <= row.score <= high:
            raise InputError(
                f"{row.where}: the score {row.score:g} lies outside {low:g} to {high:g}; say the"
                " range that scores have (--range LOW,HIGH)"
            )
        if labels.setdefault(key, (row.tag, row.cluster)) != (row.tag, row.cluster):
            raise InputError(f"{row.where}: the same item has another tag or cluster elsewhere")
        found.setdefault(key, {}).setdefault(row.model, []).append(row.score)
        models.setdefault(row.model)
        if row.prompt:
            prompts.setdefault(key, set()).add(row.prompt)
        if row.how:
            how.setdefault(row.task, {}).setdefault(row.how, row.model)
    if not found:
        raise InputError("the logs hold no score; name files with samples")
    _check_metrics(how)
    items, names = sorted(found), tuple(models)
    most = max(len(v) for of in found.values() for v in of.values())
    epochs = np.full((len(items), len(names), most), np.nan)
    for i, key in enumerate(items):
        for j, name in enumerate(names):
            given = found[key].get(name, ())
            epochs[i, j, : len(given)] = given
    if not np.isfinite(epochs).any():
        raise InputError("the logs hold no score; name files with samples that were scored")
    epochs = (epochs - low) / (high - low)
    where = {c: k for k, c in enumerate(dict.fromkeys(labels[key][1] for key in items))}
    alone = set(where) == {""}
    cluster = [i if alone else where[labels[key][1]] for i, key in enumerate(items)]
    tags = tuple(labels[key][0] for key in items)
    others = sum(len(of) > 1 for of in prompts.values())
    notes = _notes(names, epochs, others, how)
    return EvalScores(names, tuple(items), epochs, tags, np.array(cluster, dtype=np.int64), notes)


def _check_metrics(how: dict[str, dict[str, str]]) -> None:
    for task, of in how.items():
        if len(of) > 1:
            (first, one), (second, other) = list(of.items())[:2]
            raise InputError(
                f"task '{task}': '{one}' is scored by {first}, '{other}' by {second}; name one for"
                " both (--metric, --filter)"
            )


def _notes(
    models: Sequence[str], epochs: Float64Array, others: int, how: dict[str, dict[str, str]]
) -> tuple[str, ...]:
    known: NDArray[np.bool_] = np.isfinite(epochs)
    scored: NDArray[np.bool_] = np.asarray(known.any(axis=2))
    said = [f"{len(scored)} items, {int(scored.all(axis=1).sum())} scored for every model"]
    missing = (~scored).sum(axis=0)
    said += [
        f"'{model}' has no score on {count} items: they count in none of its pairs"
        for model, count in zip(models, missing.tolist(), strict=True)
        if count
    ]
    if epochs.shape[2] > 1:
        times = known.sum(axis=2)[scored]
        least, most = int(times.min()), int(times.max())
        number = str(most) if least == most else f"{least} to {most}"
        said.append(f"{number} scores an item and model, averaged")
    if others:
        said.append(
            f"{others} items were asked with another prompt of some model (template, shots)"
        )
    metrics = sorted({name for of in how.values() for name in of})
    if metrics:
        said.append(f"scored by {'; '.join(metrics)}")
    return tuple(said)
