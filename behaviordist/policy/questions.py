"""A check with what decides it: probes and what was measured on them, or the items of logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from behaviordist.distance.black_box.comparison import (
    AnswerComparison,
    answers_that_differ_nowhere,
    check_answer_gate,
    gate_answers,
)
from behaviordist.distance.comparison import Comparison, estimates_of
from behaviordist.distance.estimates import estimate
from behaviordist.distance.fingerprints.collector import groups_of
from behaviordist.distance.gate import Gate, check_probes, gate, smallest_margin
from behaviordist.errors import InputError, did_you_mean
from behaviordist.evals import EvalGate, EvalScores
from behaviordist.evals.gate import check_items, decide_evals
from behaviordist.evals.gate import smallest_margin as smallest_of_items
from behaviordist.evals.paired import pair_items
from behaviordist.evals.read import CANDIDATE, REFERENCE
from behaviordist.policy.declared import Check
from behaviordist.probes import ProbeSet

Members = NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """What checks are decided on; None where none asks for it, or it is not measured yet.

    Attributes
    ----------
    names
        Of the reference and the candidate.
    probes
        What models are compared on: whose tags count.
    comparison, answers
        From `compare` and `compare_answers`.
    evals
        From `read_pair`.
    """

    names: tuple[str, str] = ("the reference", "the candidate")
    probes: ProbeSet | None = None
    comparison: Comparison | None = None
    answers: AnswerComparison | None = None
    evals: EvalScores | None = None


@dataclass(frozen=True)
class Question:
    """A check that can be asked.

    Attributes
    ----------
    check
        What is asked.
    of
        What it is decided on, in words.
    smallest
        Level -> the smallest margin that can be shown: of a candidate that differs nowhere.
    can
        Level -> a line that says so; an `InputError` where the check's margin lies below it.
    decide
        Level -> the decision.
    """

    check: Check
    of: str
    smallest: Callable[[float], float]
    can: Callable[[float], str]
    decide: Callable[[float], Gate | EvalGate]


def question(check: Check, known: Known) -> Question:
    """Return a check with what decides it.

    Raises
    ------
    InputError
        If no probe or item has its tag.
    """
    if check.metric == "evals":
        return _of_items(check, known)
    assert known.probes is not None
    probes = known.probes
    have = [check.tag is None or check.tag in one.tags for one in probes]
    members = _some(check, have, "probe", {tag for one in probes for tag in one.tags})
    of, group = f"{int(members.sum())} probes of {probes.name}", groups_of(probes)[members]
    if check.metric == "answers":
        return Question(
            check,
            of,
            partial(answers_that_differ_nowhere, group),
            partial(check_answer_gate, group, check.margin),
            lambda level: gate_answers(_answers(known.answers, members), check.margin, level),
        )
    return Question(
        check,
        of,
        lambda level: smallest_margin(group, check.metric, level, check.bound),
        lambda level: check_probes(group, check.margin, check.metric, level, check.bound),
        lambda level: gate(
            part_of(known.comparison, members),
            check.margin,
            check.metric,
            level,
            bound=check.bound,
        ),
    )


def _of_items(check: Check, known: Known) -> Question:
    assert known.evals is not None
    scores = known.evals
    have = [
        check.tag is None or check.tag in (task, tag)
        for (task, _), tag in zip(scores.items, scores.tags, strict=True)
    ]
    names = {task for task, _ in scores.items} | set(scores.tags)
    part = scores.part(_some(check, have, "item", names - {""}))
    pair = pair_items(part, REFERENCE, CANDIDATE)
    cluster, binary = pair.cluster, part.binary
    return Question(
        check,
        f"{len(cluster)} items",
        lambda level: smallest_of_items(cluster, check.asked, level, binary=binary),
        lambda level: check_items(cluster, check.margin, check.asked, level, binary=binary),
        lambda level: decide_evals(pair, check.margin, check.asked, level, binary=binary),
    )


def _some(check: Check, have: list[bool], what: str, names: set[str]) -> Members:
    members = np.array(have, dtype=bool)
    if not members.any():
        known = did_you_mean(str(check.tag), sorted(names))
        raise InputError(f"no {what} has the tag '{check.tag}'; {known}")
    return members


def part_of(comparison: Comparison | None, members: Members) -> Comparison:
    """Return a comparison of some of its probes, (n_probes,) booleans."""
    assert comparison is not None
    if members.all():
        return comparison
    values, group = comparison.values[members], comparison.group[members]
    count = int(members.sum())
    # One token each stays one token each; else positions of a part are not known, nor needed.
    positions = count if comparison.one_token_each else comparison.n_positions
    return replace(
        comparison,
        values=values,
        group=group,
        n_probes=count,
        n_positions=positions,
        overall=estimates_of(values, group),
    )


def _answers(answers: AnswerComparison | None, members: Members) -> AnswerComparison:
    assert answers is not None
    values, group = answers.values[members], answers.group[members]
    return replace(answers, values=values, group=group, squared=estimate(values, group))
