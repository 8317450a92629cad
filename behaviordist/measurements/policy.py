"""What `behaviordist gate --policy` does: measure everything that its checks ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import Samples
from behaviordist.distance.fingerprints.fingerprinting import GivesFingerprints
from behaviordist.distance.gate import METRICS
from behaviordist.errors import InputError
from behaviordist.evals.read import read_pair
from behaviordist.evals.rows import Wanted
from behaviordist.innerproduct.fingerprint import EXACT
from behaviordist.measurements.answers import DRAWS, Draws, compare_by_answers, only_answers
from behaviordist.measurements.compare import compare_models
from behaviordist.measurements.inputs import open_inputs
from behaviordist.policy.declared import Check, Policy
from behaviordist.policy.questions import Known
from behaviordist.probes import ProbeSet
from behaviordist.record import PolicyRecord, made_now
from behaviordist.store.bars import Progress


def measure_for(
    policy: Policy,
    models: Sequence[str],
    probes: ProbeSet | str | None = None,
    limit: int | None = None,
    *,
    evals: tuple[str, str] | None = None,
    draws: Draws = DRAWS,
    device: str | None = None,
    command: str = "",
    before: Callable[[Known], None] | None = None,
    progress: Progress | None = None,
) -> tuple[Known, PolicyRecord]:
    """Measure what a policy's checks are decided on.

    Parameters
    ----------
    policy
        What is asked.
    models
        Reference and candidate; logs of evaluations where the policy asks for nothing else.
    probes, limit, device, command, progress
        As in `write_comparison`.
    evals
        Logs of the reference and the candidate, one model each.
    draws
        How answers are drawn.
    before
        Called with what is known before any model is run.

    Returns
    -------
    What the checks are decided on, and the record, still without its decision.

    Raises
    ------
    InputError
        If models or logs cannot be opened, or do not give what a check asks for: before any is run.
    """
    of_items = [check for check in policy.checks if check.metric == "evals"]
    of_models = [check for check in policy.checks if check.metric != "evals"]
    if of_items and of_models and evals is None:
        raise InputError(
            f"'{of_items[0].name}' is decided on logs of evaluations: name both"
            " (--evals REFERENCE CANDIDATE)"
        )
    if evals is not None and not of_items:
        raise InputError("no check of the policy asks for evals: leave --evals out")
    first, second = models
    known, record = Known(names=(first, second)), PolicyRecord(gate={})
    if of_items:
        logs, asked = evals or (first, second), policy.evals
        wanted = Wanted(asked.metric, asked.filter, asked.tag, asked.cluster)
        scores = read_pair(*logs, wanted=wanted, score_range=asked.range)
        known, record = replace(known, evals=scores), _noted(record, list(scores.notes), command)
    if not of_models:
        if before is not None:
            before(known)
        return known, record
    tokens = [check for check in of_models if check.metric in METRICS]
    if tokens and only_answers(models):
        raise InputError(
            f"'{tokens[0].name}' needs next-token distributions, and a model behind a server gives"
            " answers alone: keep checks of answers and evals"
        )
    behaviors, chosen = open_inputs(
        models,
        probes,
        limit,
        one_vocabulary=bool(tokens),
        answers_only=not tokens,
        device=device,
        before=None if before is None else lambda chosen: before(replace(known, probes=chosen)),
    )
    _check_gives(behaviors, tokens, [c for c in of_models if c.metric == "answers"])
    labels = (behaviors[0].label, behaviors[1].label)
    known = replace(known, names=labels, probes=chosen)
    how: dict[str, Any] = {"device": device, "command": command, "progress": progress}
    if tokens:
        comparison, compared = compare_models(behaviors, chosen, **how)
        known, record = replace(known, comparison=comparison), _with(record, compared)
    if len(tokens) < len(of_models):
        inner = [getattr(b, "inner", b) for b in behaviors]
        answers, answered = compare_by_answers(
            inner, chosen, draws=draws, first_tokens=False, **how
        )
        known, record = replace(known, answers=answers), _with(record, answered)
    return known, record


def _check_gives(
    behaviors: Sequence[Behavior], tokens: Sequence[Check], answers: Sequence[Check]
) -> None:
    """Refuse, before any model is run, checks of what a behavior does not give."""
    if len(behaviors) != 2:
        raise InputError(
            f"2 names stand for {len(behaviors)} behaviors: name single fingerprint files, not"
            " folders of them"
        )
    for behavior in behaviors:
        if answers and not isinstance(getattr(behavior, "inner", behavior), Samples):
            raise InputError(
                f"'{answers[0].name}': '{behavior.label}' gives no answers (a stored fingerprint,"
                " arrays and lab checkpoints do not); take that check out, or name the model"
            )
        if not isinstance(behavior, GivesFingerprints):
            continue
        other = next((check for check in tokens if check.metric != "distance"), None)
        if other is not None:
            raise InputError(
                f"'{other.name}' needs log-probabilities, which the fingerprint '{behavior.label}'"
                " does not have: make it with --states, or keep checks of distance"
            )
        sketch = behavior.fingerprint_in("hellinger").identity.sketch if tokens else EXACT
        if sketch != EXACT:
            raise InputError(
                f"'{tokens[0].name}' needs exact features, and the fingerprint '{behavior.label}'"
                f" is a sketch ({sketch}): make it with --states or --sketch exact"
            )


def _noted(record: PolicyRecord, notes: list[str], command: str) -> PolicyRecord:
    return record.model_copy(update={"notes": tuple(notes), "provenance": made_now(command)})


def _with(record: PolicyRecord, measured: Any) -> PolicyRecord:
    """Return the record with what another one measured."""
    place = "answers" if measured.kind == "answers" else "comparison"
    notes = tuple(dict.fromkeys((*record.notes, *measured.notes)))
    same = {key: getattr(measured, key) for key in ("provenance", "probes", "behaviors")}
    return record.model_copy(update={**same, "notes": notes, place: measured.comparison})
