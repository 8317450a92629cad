"""What is read off a model between two steps: one forward pass over all that was asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.huggingface.backend import MAX_TOKENS, TransformersBehavior
from behaviordist.behaviors.huggingface.forward_pass import failures, scored_logits
from behaviordist.behaviors.text.encoding import Batch, batches
from behaviordist.distance.directed import AnswerSet
from behaviordist.distance.directed.scoring import answer_texts
from behaviordist.distance.estimates import estimate
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet

Float64Array = NDArray[np.float64]
BLOCK_BYTES = 32 * 2**20
"""Of float32 log-probabilities that are on the device at a time, a few copies of them."""


@dataclass(frozen=True)
class Asked:
    """Probes as batches of token ids, made once.

    Attributes
    ----------
    batches
        Whole probes each.
    group
        (n,) which probes are paraphrases of one another.
    """

    batches: tuple[Batch, ...]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, behavior: TransformersBehavior, probes: ProbeSet) -> Asked:
        """Encode probes as a behavior does; refuse what cannot be encoded whole."""
        behavior.check(probes)
        most = max(1, BLOCK_BYTES // (4 * behavior.vocabulary_size))
        made = tuple(batches(behavior.encoder()(probes), MAX_TOKENS, most))
        return cls(made, groups_of(probes))

    def passes(self, model: Any) -> Iterator[tuple[Batch, Any]]:
        """Yield every batch with the model's log-probabilities (m, V) there, a float32 tensor."""
        with failures("the model in training"):
            for batch in self.batches:
                yield batch, scored_logits(model, batch).log_softmax(dim=-1)

    def per_probe(self, values: Sequence[Any]) -> Float64Array:
        """Return the mean over a probe's positions, (n,), of values (m,), an array a batch."""
        flat = np.concatenate([np.asarray(v, np.float64) for v in values])
        probe = np.concatenate([batch.probe for batch in self.batches])
        return np.asarray(np.bincount(probe, flat) / np.bincount(probe))

    def nats(self, model: Any) -> tuple[Float64Array, Float64Array]:
        """Return -log p of every continuation, nats, and how many tokens it has: (n,) each."""
        import torch

        spent, tokens = np.zeros(len(self.group)), np.zeros(len(self.group))
        for batch, log_p in self.passes(model):
            at = torch.from_numpy(batch.target).to(log_p.device)
            said = log_p.gather(-1, at[:, None])[:, 0].double().cpu().numpy()
            np.add.at(spent, batch.probe, -said)
            np.add.at(tokens, batch.probe, 1.0)
        return spent, tokens


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Let a model be as it is when it answers; every part of it goes on as it was."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        for module, was in modes:
            module.training = was


def rows_of(asked: Asked, model: Any) -> list[Any]:
    """Return a model's log-probabilities at the probes' positions, (m, V) on the CPU, by batch."""
    with evaluating(model):
        return [log_p.cpu().clone() for _, log_p in asked.passes(model)]


def rows_of_behavior(asked: Asked, behavior: Behavior, probes: ProbeSet) -> list[Any]:
    """Return the same of a behavior that was opened by name."""
    import torch

    by_probe: dict[int, NDArray[Any]] = {}
    for block in behavior.log_probs(probes):
        for index in np.unique(block.probe).tolist():
            by_probe[index] = block.log_p[block.probe == index]
    found = [
        np.concatenate([by_probe[i] for i in dict.fromkeys(batch.probe.tolist())])
        for batch in asked.batches
    ]
    if any(len(rows) != len(b.probe) for rows, b in zip(found, asked.batches, strict=True)):
        raise InputError(
            f"reference '{behavior.label}' cuts the probes into other tokens than the model in"
            " training: only targets' answers can be compared across tokenizers"
        )
    return [torch.from_numpy(rows.astype(np.float32)) for rows in found]


def to_start(
    asked: Asked, model: Any, start: Sequence[Any], reference: Sequence[Any] | None
) -> dict[str, float]:
    """Return how far a model has gone from its start, and which way: means over probes.

    Parameters
    ----------
    asked, model
        Where, and of what.
    start, reference
        Log-probabilities as `rows_of` returns them.

    Returns
    -------
    dict
        ``distance`` (Hellinger, as the command `distance`), ``kl_now_start`` = KL(now || start) and
        ``kl_start_now`` in nats a token, with ``_error`` their standard errors over probes; with a
        reference ``kl_now_reference``, ``kl_reference_now`` and ``shift_cosine``, the cosine of
        (now - start) and (reference - start) in the Hellinger geometry, once the model has moved.
    """
    values: dict[str, list[Any]] = {}

    def keep(name: str, value: Any) -> None:
        values.setdefault(name, []).append(value.double().cpu().numpy())

    for i, (_, now) in enumerate(asked.passes(model)):
        first = start[i].to(now.device)
        keep("kl_now_start", _kl(now, first))
        keep("kl_start_now", _kl(first, now))
        moved = (now / 2).exp() - (first / 2).exp()
        keep("squared", (moved**2).sum(-1))
        if reference is not None:
            theirs = reference[i].to(now.device)
            keep("kl_now_reference", _kl(now, theirs))
            keep("kl_reference_now", _kl(theirs, now))
            wanted = (theirs / 2).exp() - (first / 2).exp()
            keep("product", (moved * wanted).sum(-1))
            keep("wanted", (wanted**2).sum(-1))
    means = {name: estimate(asked.per_probe(v), asked.group) for name, v in values.items()}
    said = {name: mean.value for name, mean in means.items() if name.startswith("kl")}
    for name in ("kl_now_start", "kl_start_now"):
        said[f"{name}_error"] = means[name].standard_error
    squared = means["squared"].value
    said["distance"] = math.sqrt(squared)
    if reference is not None and squared * means["wanted"].value > 0:
        norms = math.sqrt(squared * means["wanted"].value)
        said["shift_cosine"] = means["product"].value / norms
    return said


def _kl(p: Any, q: Any) -> Any:
    """Return KL(p || q), (m,), of log-probabilities (m, V); what p never says costs nothing."""
    import torch

    weight = p.exp()
    return torch.where(weight > 0, weight * (p - q), 0.0).sum(-1)


@dataclass(frozen=True)
class Answers:
    """A target's answers as probes of the model in training: see `AnswerSet`."""

    asked: Asked
    place: NDArray[np.int64]
    said: AnswerSet

    @classmethod
    def of(cls, behavior: TransformersBehavior, said: AnswerSet) -> Answers:
        """Encode answers; refuse those that the model cannot spell."""
        probes, place = answer_texts(behavior, said)
        return cls(Asked.of(behavior, probes), place, said)

    def measured(self, model: Any, name: str) -> dict[str, float]:
        """Return ``surprise/NAME``, nats an answer, and ``kl/NAME`` where the author's are known.

        Means over prompts: -E log f(y|x), and E [log f_B(y|x) - log f(y|x)].
        """
        nats = self.asked.nats(model)[0][self.place]
        weight, probe = self.said.weight, self.said.probe

        def mean(values: Float64Array) -> float:
            return float((np.bincount(probe, weight * values) / np.bincount(probe, weight)).mean())

        said, own = {f"surprise/{name}": mean(nats)}, self.said.own
        return said if own is None else {**said, f"kl/{name}": mean(own + nats)}


def held_out(asked: Mapping[str, Asked], model: Any) -> dict[str, float]:
    """Return of every named set ``nats/NAME``, nats a token, and ``score/NAME``.

    The score is the mean probability of a whole continuation: the expected exact match.
    """
    said = {}
    for name, one in asked.items():
        nats, tokens = one.nats(model)
        said[f"nats/{name}"] = float(nats.sum() / tokens.sum())
        said[f"score/{name}"] = float(np.exp(-nats).mean())
    return said
