"""Distances across tokenizers and from servers: log-likelihoods of texts, sampled answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import Samples, ScoresTexts
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.distance.fingerprints.fingerprinting import fingerprint
from behaviordist.distance.fingerprints.headers import about, file_name, probes_to_bytes
from behaviordist.distance.fingerprints.loglik import loglik_distances
from behaviordist.distance.fingerprints.row_log import collected, own_seed
from behaviordist.distance.fingerprints.samples import sample_distances, steady
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.errors import InputError
from behaviordist.innerproduct.fingerprint import Fingerprint, Identity
from behaviordist.innerproduct.geometries.samples import get_kernel
from behaviordist.probes import ProbeSet
from behaviordist.store import is_finished, publish
from behaviordist.store.bars import Progress


def text_distances(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> DistanceMatrix:
    """Distances from log p(continuation | prompt), whatever the tokenizers, here or on servers.

    Parameters
    ----------
    behaviors
        Any; those behind servers need one that gives log-probabilities of prompts.
    probes
        The texts.
    folder
        Where fingerprints are kept, to be computed once.
    progress
        Called with (label, probes done, probes in all).

    Raises
    ------
    InputError
        See `fingerprint` and `loglik_distances`.
    """
    prints = text_fingerprints(behaviors, probes, folder=folder, progress=progress)
    return loglik_distances(prints, probes)


def text_fingerprints(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    *,
    folder: Path | None = None,
    licence: str = "",
    progress: Progress | None = None,
) -> list[Fingerprint]:
    """Return the `loglik` fingerprints of behaviors, here or on servers; see `fingerprint`."""
    remote = [b for b in behaviors if isinstance(b, ScoresTexts)]
    local = [b for b in behaviors if b not in remote]
    fingerprints: dict[str, Fingerprint] = {}
    if local:
        options: Any = {"folder": folder, "licence": licence, "progress": progress}
        prints = fingerprint(local, probes, ("loglik",), **options)
        fingerprints |= {f.label: f for f in prints["loglik"]}
    for behavior in remote:
        fingerprints[behavior.label] = _remote_fingerprint(
            behavior, probes, folder, progress, licence
        )
    return [fingerprints[b.label] for b in behaviors]


def check_answers(count: int, max_tokens: int, kernel: str) -> None:
    """Refuse, before a model runs, how answers are to be drawn and compared.

    Raises
    ------
    InputError
        On fewer than two answers, answers of no token, or an unknown kernel.
    """
    if count < 2:
        raise InputError(f"{count} answer a prompt leaves nothing to compare; ask for two or more")
    if max_tokens < 1:
        raise InputError(f"an answer of {max_tokens} tokens is none; allow one or more")
    get_kernel(kernel)


def answer_distances(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    *,
    count: int = 8,
    max_tokens: int = 32,
    kernel: str = "character-ngrams",
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> DistanceMatrix:
    """Distances from sampled answers alone.

    Parameters
    ----------
    behaviors
        Behaviors that can answer: `transformers` models, models behind servers.
    probes
        Their prompts are answered; the continuations play no part.
    count
        Answers a prompt, at least two.
    max_tokens
        Longest answer.
    kernel
        ``"character-ngrams"`` or ``"exact-match"``; see `sample_distances`.
    seed
        Of the draws; every behavior draws with seeds of its own.
    folder
        Where answers are kept, to be sampled once.
    progress
        Called with (label, probes done, probes in all).

    Raises
    ------
    InputError
        If a behavior cannot answer, or as `check_answers` has it.
    """
    check_answers(count, max_tokens, kernel)
    answers = draw_answers(
        behaviors,
        probes,
        count=count,
        max_tokens=max_tokens,
        seed=seed,
        folder=folder,
        progress=progress,
    )
    matrix = sample_distances(answers, kernel, groups=groups_of(probes).tolist())
    matrix.metadata["probe_digest"] = probes.digest
    if of_servers := steady(behaviors, answers):
        matrix.metadata["steady"] = of_servers
    return matrix


def draw_answers(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    *,
    count: int,
    max_tokens: int,
    seed: int = 0,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, list[tuple[str, ...]]]:
    """Return label -> answers to every probe, drawn once and kept; see `answer_distances`."""
    for behavior in behaviors:
        if not isinstance(behavior, Samples):
            raise InputError(
                f"'{behavior.label}' gives no answers (arrays and lab checkpoints do not); use a"
                " geometry of log-probabilities"
            )
    answers = {}
    for b in behaviors:
        inputs = [b.identity, b.label, probes.digest, count, max_tokens, seed]
        if isinstance(b, ScoresTexts):  # before, what a server cuts off was left to the server
            inputs.append("nothing is cut off")
        draws = {"count": count, "max_tokens": max_tokens, "seed": own_seed(b, seed)}
        found = _kept(b, "samples", probes, inputs, folder, progress, **draws)
        answers[b.label] = [tuple(several) for several in found]
    return answers


def draw_first_tokens(
    behavior: Any, probes: ProbeSet, folder: Path | None = None
) -> list[dict[str, float]]:
    """Return the likeliest first tokens at every probe, asked once and kept.

    Raises
    ------
    InputError
        If the behavior does not say them.
    """
    inputs = [behavior.identity, behavior.label, probes.digest, "first tokens by name"]
    return _kept(behavior, "first_tokens", probes, inputs, folder, None)


def _remote_fingerprint(
    behavior: Any, probes: ProbeSet, folder: Path | None, progress: Progress | None, licence: str
) -> Fingerprint:
    identity = Identity(
        label=behavior.label,
        behavior=behavior.identity,
        vocabulary="",
        probe_digest=probes.digest,
        geometry="loglik",
    )
    name = file_name(behavior.label, "loglik", identity.inputs)
    path = None if folder is None else folder / name
    if path is not None and is_finished(path, identity.inputs):
        return Fingerprint.load(path)
    rest, label = _one_by_one(behavior, "text_log_probs", probes), behavior.label
    with collected(path, identity.inputs, rest, len(probes), label, progress) as nats:
        features = np.array(nats, dtype=np.float32)[:, None]
        wrong = np.flatnonzero(~np.isfinite(features[:, 0]) | (features[:, 0] > 0))
        if len(wrong):  # nothing is published before it is checked
            probe = probes.probes[int(wrong[0])].id
            raise InputError(f"'{label}', probe '{probe}': its score is no log-probability")
        result = Fingerprint(
            identity,
            features,
            np.arange(len(probes)),
            groups_of(probes),
            about=about(behavior, probes, licence),
            probes=probes_to_bytes(probes),
        )
        if path is not None:
            result.save(path)
    return result


def _kept(
    behavior: Any,
    method: str,
    probes: ProbeSet,
    inputs: list[Any],
    folder: Path | None,
    progress: Progress | None,
    **options: Any,
) -> list[Any]:
    """Return a value a probe that a behavior gives one by one: each is kept as it comes."""
    kind = {"samples": "answers"}.get(method, method)
    name = file_name(behavior.label, kind, inputs, "json")
    path = None if folder is None else folder / name
    if path is not None and is_finished(path, inputs):
        found: list[Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    rest = _one_by_one(behavior, method, probes, **options)
    with collected(path, inputs, rest, len(probes), behavior.label, progress) as drawn:
        if path is not None:
            with publish(path, inputs) as temporary:
                temporary.write_text(json.dumps(drawn, ensure_ascii=False), encoding="utf-8")
    return drawn


def _one_by_one(
    behavior: Any, method: str, probes: ProbeSet, **options: Any
) -> Callable[..., Iterable[tuple[int, Any]]]:
    """Return what yields (index, value) of the probes not in `done`, or of all where a behavior has
    no `METHOD_rest`.
    """  # noqa: D205
    if hasattr(behavior, f"{method}_rest"):
        return partial(getattr(behavior, f"{method}_rest"), probes, **options)

    def whole(done: frozenset[int]) -> Iterable[tuple[int, Any]]:
        del done
        return enumerate(getattr(behavior, method)(probes, **options))

    return whole
