"""Distances across tokenizers and from servers: log-likelihoods of texts, sampled answers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import Behavior
from behaviordist.distances.collector import groups_of
from behaviordist.distances.fingerprinting import Progress, fingerprint
from behaviordist.distances.loglik import loglik_distances
from behaviordist.distances.matrix import DistanceMatrix
from behaviordist.distances.samples import sample_distances
from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.fingerprint import Fingerprint, Identity
from behaviordist.innerproduct.geometries.samples import KERNELS
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of, is_finished, publish


def text_distances(
    behaviors: Sequence[Behavior],
    probes: ProbeSet,
    *,
    unit: str = "nats",
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
    unit
        ``"nats"`` a text or ``"bits per byte"``; see `loglik_distances`.
    folder
        Where fingerprints are kept, to be computed once.
    progress
        Called with (label, probes done, probes in all).

    Raises
    ------
    InputError
        See `fingerprint` and `loglik_distances`.
    """
    remote = [b for b in behaviors if hasattr(b, "text_log_probs")]
    local = [b for b in behaviors if b not in remote]
    made: dict[str, Fingerprint] = {}
    if local:
        prints = fingerprint(local, probes, ("loglik",), folder=folder, progress=progress)
        made |= {f.label: f for f in prints["loglik"]}
    for behavior in remote:
        made[behavior.label] = _remote_fingerprint(behavior, probes, folder)
        if progress is not None:
            progress(behavior.label, len(probes), len(probes))
    return loglik_distances([made[b.label] for b in behaviors], probes, unit=unit)


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
    if kernel not in KERNELS:
        raise InputError(f"unknown kernel '{kernel}'; {did_you_mean(kernel, KERNELS)}")


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
    for behavior in behaviors:
        if not hasattr(behavior, "samples"):
            raise InputError(
                f"'{behavior.label}' gives no answers (arrays and lab checkpoints do not); use a"
                " geometry of log-probabilities"
            )
    answers = {}
    for behavior in behaviors:
        answers[behavior.label] = _answers(behavior, probes, count, max_tokens, seed, folder)
        if progress is not None:
            progress(behavior.label, len(probes), len(probes))
    matrix = sample_distances(answers, kernel, groups=groups_of(probes).tolist())
    matrix.metadata["probe_digest"] = probes.digest
    return matrix


def _remote_fingerprint(behavior: Any, probes: ProbeSet, folder: Path | None) -> Fingerprint:
    identity = Identity(
        label=behavior.label,
        behavior=behavior.identity,
        vocabulary="",
        probe_digest=probes.digest,
        geometry="loglik",
    )
    path = _path(folder, behavior.label, "loglik", identity.inputs, "safetensors")
    if path is not None and is_finished(path, identity.inputs):
        return Fingerprint.load(path)
    features = behavior.text_log_probs(probes)[:, None].astype(np.float32)
    made = Fingerprint(identity, features, np.arange(len(probes)), groups_of(probes))
    if path is not None:
        made.save(path)
    return made


def _answers(
    behavior: Any, probes: ProbeSet, count: int, max_tokens: int, seed: int, folder: Path | None
) -> list[tuple[str, ...]]:
    # Seeds must differ between behaviors: common random numbers would tie their answers together.
    own = int(digest_of([seed, behavior.label, behavior.identity])[:8], 16)
    inputs = [behavior.identity, behavior.label, probes.digest, count, max_tokens, seed]
    path = _path(folder, behavior.label, "answers", inputs, "json")
    if path is not None and is_finished(path, inputs):
        return [tuple(several) for several in json.loads(path.read_text(encoding="utf-8"))]
    drawn = [tuple(several) for several in behavior.samples(probes, count, max_tokens, own)]
    if path is not None:
        with publish(path, inputs) as temporary:
            temporary.write_text(json.dumps(drawn, ensure_ascii=False), encoding="utf-8")
    return drawn


def _path(folder: Path | None, label: str, kind: str, inputs: Any, suffix: str) -> Path | None:
    if folder is None:
        return None
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", label).strip("-.")[:60] or "behavior"
    return folder / f"{slug}-{kind}-{digest_of(inputs)[:12]}.{suffix}"
