"""Directed distances between behaviors: what each target says, scored under each source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import Encodes, GivenRows, ScoresTexts
from behaviordist.distance.directed.answers import AnswerSet
from behaviordist.distance.directed.arrays import array_moments
from behaviordist.distance.directed.drawn import draw_answers
from behaviordist.distance.directed.matrix import GEOMETRIES, DirectedMatrix
from behaviordist.distance.directed.nearest import gap_errors
from behaviordist.distance.directed.scoring import answer_nats
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.errors import InputError, did_you_mean
from behaviordist.innerproduct.directed import DirectedMoments, Quantity, directed_moments
from behaviordist.probes import ProbeSet
from behaviordist.store.bars import Progress, told

PER = ("answer", "token", "byte")
Target = Behavior | AnswerSet


def divergences(
    sources: Sequence[Behavior],
    targets: Sequence[Target] | None = None,
    probes: ProbeSet | None = None,
    geometry: str = "kl",
    *,
    per: str = "answer",
    answers: int = 8,
    max_tokens: int = 32,
    seed: int = 0,
    exact: bool = True,
    error: float | None = None,
    folder: Path | None = None,
    progress: Progress | bool | None = None,
) -> DirectedMatrix:
    """Directed distances, rows = source A, columns = target B, over whole answers.

    ``kl``: KL(f_B || f_A) = E_x E_{y ~ f_B} [log f_B(y|x) - log f_A(y|x)], nats: how surprising B's
    answers are to A. ``overlap``: E_x sum_y f_A(y|x) f_B(y|x), the probability that both, asked the
    same, say the same. Answers are enumerated where a target can (lab checkpoints), else drawn from
    it; arrays are compared position by position, exactly (`arrays`).

    Parameters
    ----------
    sources
        S behaviors, any tokenizers: an answer is scored as the bytes it is, in the source's own
        tokens.
    targets
        T behaviors that answer, or `AnswerSet`s of targets known by what they said: with their own
        log-probabilities these have a KL, without a cross-entropy. Default: the sources.
    probes
        Whose prompts the targets answer; not needed where all targets are `AnswerSet`s.
    geometry
        ``"kl"`` or ``"overlap"``.
    per
        ``kl``: nats per ``"answer"``, ``"token"`` (of the target, as it spells its answers) or
        ``"byte"``.
    answers, max_tokens, seed, exact
        Draws a prompt, longest answer, seed; whether to enumerate where possible.
    error
        Largest standard error that is accepted.
    folder
        Where answers and scores are kept, to be computed once.
    progress
        True for bars, in terminals and notebooks; or what is called with (label, done, in all).

    Returns
    -------
    DirectedMatrix; errors are over probes, all answers of a probe (and its paraphrases) one
    cluster, so that what drawing adds is inside them.

    Raises
    ------
    InputError
        Nothing to compare, an unknown geometry, targets without answers, answers that a source
        cannot spell, or an error above `error` (with the number of probes that would do).

    Examples
    --------
    >>> import numpy as np, behaviordist as bd
    >>> from behaviordist.behaviors import ArrayBehavior
    >>> probes = bd.ProbeSet("two", tuple(bd.Probe(f"p{i}", "x", "y") for i in range(2)))
    >>> fair = ArrayBehavior("fair", [0, 1], np.log([[0.5, 0.5]] * 2))
    >>> biased = ArrayBehavior("biased", [0, 1], np.log([[0.9, 0.1]] * 2))
    >>> K = bd.divergences([fair, biased], probes=probes)
    >>> K.to_pandas().loc["fair", "biased"].round(3)  # 0.9 log(0.9 / 0.5) + 0.1 log(0.1 / 0.5)
    np.float64(0.368)
    """
    _check(sources, targets, geometry, per)
    progress = told(progress)
    authors: Sequence[Target] = sources if targets is None else targets
    if all(isinstance(b, GivenRows) for b in (*sources, *authors)):
        if probes is None:
            raise InputError("arrays are compared on the probes they were computed on: give them")
        columns, said = array_moments(sources, authors, probes, geometry, per)  # type: ignore[arg-type]
        return _matrix(sources, authors, columns, geometry, per, error, said, ())
    kept: dict[str, Any] = {"folder": folder, "progress": progress}
    draw = partial(
        draw_answers, count=answers, max_tokens=max_tokens, seed=seed, exact=exact, **kept
    )
    drawn = [_answers_of(target, probes, draw) for target in authors]
    scored = [
        _scored(sources, target, several, kept)
        for target, several in zip(authors, drawn, strict=True)
    ]
    alone = tuple(
        a.name for a, (_, target_log_p) in zip(drawn, scored, strict=True) if target_log_p is None
    )
    columns = [
        directed_moments(
            _quantity(geometry, target_log_p),
            nats,
            several.probe,
            several.weight,
            target_log_p=target_log_p,
            group=groups_of(several.probes),
            length=_length(per, several, target),
        )
        for target, several, (nats, target_log_p) in zip(authors, drawn, scored, strict=True)
    ]
    said = _said(drawn, scored, sources, probes)
    return _matrix(
        sources, drawn, columns, geometry, per, error, said, alone if geometry == "kl" else ()
    )


def _check(
    sources: Sequence[Behavior], targets: Sequence[Target] | None, geometry: str, per: str
) -> None:
    if not sources or (targets is not None and not targets):
        raise InputError("a directed distance needs at least one source and one target")
    if targets is None and len(sources) < 2:
        raise InputError("a directed distance is between two: name two models, or --targets")
    if geometry not in GEOMETRIES:
        raise InputError(f"unknown directed geometry '{geometry}'; known: kl, overlap")
    if per not in PER:
        raise InputError(f"nats per '{per}'; {did_you_mean(per, PER)}")
    if geometry == "overlap" and per != "answer":
        raise InputError("an overlap is a probability of whole answers: it is per answer")


def _answers_of(
    target: Target, probes: ProbeSet | None, draw: Callable[[Behavior, ProbeSet], AnswerSet]
) -> AnswerSet:
    if isinstance(target, AnswerSet):
        return target
    if probes is None:
        raise InputError(f"target '{target.label}' needs prompts to answer: give probes")
    return draw(target, probes)


def _scored(
    sources: Sequence[Behavior], target: Target, answers: AnswerSet, kept: dict[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Return log-probabilities under the sources (S, M), and the target's own (M,) or None."""
    nats = answer_nats(sources, answers, **kept)
    if isinstance(target, AnswerSet):
        return nats, answers.own
    for source, row in zip(sources, nats, strict=True):
        if source.identity == target.identity:
            return nats, row
    try:
        return nats, answer_nats([target], answers, **kept)[0]
    except InputError:
        if isinstance(target, ScoresTexts):  # a server that answers and does not score
            return nats, None
        raise


def _quantity(geometry: str, target_log_p: NDArray[np.float64] | None) -> Quantity:
    if geometry == "overlap":
        return "overlap"
    return "cross-entropy" if target_log_p is None else "kl"


def _length(per: str, answers: AnswerSet, target: Any) -> NDArray[np.float64] | None:
    """Return the mean length of the answers to each prompt, in tokens or bytes."""
    if per == "answer":
        return None
    if per == "byte":
        each = [len(answer.text.encode()) for answer in answers.flat]
    elif isinstance(target, Encodes):
        encode = target.encoder().encode
        each = [len(encode(answer.text)) + answer.ended for answer in answers.flat]
    else:
        raise InputError(f"'{answers.name}' has no tokenizer here: take nats per byte or answer")
    weight = answers.weight
    totals = [np.bincount(answers.probe, x) for x in (weight * each, weight)]
    mean = totals[0] / totals[1]
    if not mean.sum() > 0:
        raise InputError(f"'{answers.name}' says nothing: there is no {per} to take nats per")
    return np.asarray(mean)


def _said(
    drawn: Sequence[AnswerSet],
    scored: Sequence[tuple[NDArray[np.float64], Any]],
    sources: Sequence[Behavior],
    probes: ProbeSet | None,
) -> dict[str, Any]:
    impossible = {
        f"{source.label} <- {answers.name}": int(n)
        for answers, (nats, _) in zip(drawn, scored, strict=True)
        for source, n in zip(sources, np.isneginf(nats).sum(axis=1), strict=True)
        if n
    }
    covered = {
        a.name: float(np.bincount(a.probe, a.weight).mean())
        for a in drawn
        if not np.allclose(np.bincount(a.probe, a.weight), 1)
    }
    return {
        "probe_digest": None if probes is None else probes.digest,
        "n_probes": {a.name: len(a.probes) for a in drawn},
        "answers": {a.name: len(a.flat) for a in drawn},
        "impossible_answers": impossible,
        "enumerated_mass": covered,
    }


def _matrix(
    sources: Sequence[Behavior],
    targets: Sequence[Any],
    columns: Sequence[DirectedMoments],
    geometry: str,
    per: str,
    error: float | None,
    said: dict[str, Any],
    alone: tuple[str, ...],
) -> DirectedMatrix:
    names = [t.name if isinstance(t, AnswerSet) else t.label for t in targets]
    matrix = DirectedMatrix(
        tuple(b.label for b in sources),
        tuple(names),
        np.stack([c.values for c in columns], axis=1),
        np.stack([c.standard_errors for c in columns], axis=1),
        geometry,
        np.array([c.degrees_of_freedom for c in columns]),
        alone,
        metadata={"geometry": geometry, "per": per, **said},
    )
    matrix = replace(matrix, gap_errors=gap_errors(matrix, [c.difference_errors for c in columns]))
    if error is not None:
        _check_error(matrix, columns, error)
    return matrix


def _check_error(matrix: DirectedMatrix, columns: Sequence[DirectedMoments], error: float) -> None:
    largest = np.where(np.isnan(matrix.standard_errors), np.inf, matrix.standard_errors)
    largest = np.where(np.isinf(matrix.values), 0.0, largest)
    i, j = (int(k) for k in np.unravel_index(int(largest.argmax()), largest.shape))
    if largest[i, j] <= error:
        return
    n = round(columns[j].degrees_of_freedom) + 1
    need = (
        "more"
        if np.isinf(largest[i, j])
        else f"about {int(np.ceil(n * (largest[i, j] / error) ** 2))}"
    )
    raise InputError(
        f"the error of {matrix.sources[i]} -> {matrix.targets[j]} is {largest[i, j]:.2g} with {n}"
        f" probes, above the {error:g} asked for: give {need} probes, or more answers a probe"
    )
