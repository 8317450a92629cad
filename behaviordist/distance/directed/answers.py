"""What a behavior says: answers to prompts, drawn or enumerated, kept as ``answers.jsonl``.

A line is one prompt: ``{"id", "prompt", "answers": [{"text", "ended", "weight", "log_p"}]}``, or in
short ``{"prompt", "answer"}``. With `log_p` (the author's own, in nats) the file gives KL
divergences without its author; without, cross-entropies, which rank sources equally.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors import Behavior
from behaviordist.behaviors.abilities import EndsAnswers, ListsAnswers, SamplesInTurn
from behaviordist.distance.fingerprints.row_log import collect
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.store import digest_of, is_finished, publish, write_text
from behaviordist.store.journal import Journal
from behaviordist.store.shown import html_table

Progress = Callable[[str, int, int], None]
ANSWERS = "answers.jsonl"
LEFT_OUT = 1e-3
"""Most mass that an enumeration may leave out, at any prompt."""


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes
    ----------
    text
        What was said.
    ended
        Whether the author ended it there; else it is the beginning of an answer.
    weight
        Its share among the answers to its prompt: 1/m of m draws, its probability if enumerated.
    log_p
        The author's own log-probability, nats; None where it is not known.
    """

    text: str
    ended: bool = False
    weight: float = 1.0
    log_p: float | None = None


@dataclass(frozen=True)
class AnswerSet:
    """Answers of one author to n prompts.

    Attributes
    ----------
    name
        The author; what matrices call the target.
    probes
        The prompts, as probes (their continuations play no part).
    answers
        For every prompt, at least one.

    Raises
    ------
    InputError
        No prompt, or a prompt without an answer.

    Examples
    --------
    >>> import behaviordist as bd
    >>> from behaviordist.distance.directed import Answer
    >>> said = (Answer("4", True, 0.5), Answer("four", True, 0.5))
    >>> len(bd.AnswerSet("human", (bd.Probe("p0", "2 + 2 =", "4"),), (said,)).flat)
    2
    """

    name: str
    probes: tuple[Probe, ...]
    answers: tuple[tuple[Answer, ...], ...]

    def __post_init__(self) -> None:
        if not self.probes or len(self.answers) != len(self.probes):
            raise InputError(f"'{self.name}': no answers; give every prompt at least one")
        for probe, several in zip(self.probes, self.answers, strict=True):
            if not several:
                raise InputError(f"'{self.name}': no answer to '{probe.id}'; give at least one")

    def __repr__(self) -> str:
        return f"AnswerSet('{self.name}', {len(self.flat)} answers to {len(self.probes)} prompts)"

    def _repr_html_(self) -> str:
        pairs = zip(self.probes, self.answers, strict=True)
        rows = ((p.prompt, a.text) for p, several in pairs for a in several)
        return html_table(repr(self), ("prompt", "answer"), rows)

    @property
    def flat(self) -> list[Answer]:
        """All answers in order."""
        return [answer for several in self.answers for answer in several]

    @property
    def probe(self) -> NDArray[np.int64]:
        """(M,) the prompt that each answer belongs to."""
        return np.repeat(np.arange(len(self.probes)), [len(a) for a in self.answers])

    @property
    def weight(self) -> NDArray[np.float64]:
        """(M,) weights."""
        return np.array([answer.weight for answer in self.flat], dtype=np.float64)

    @property
    def own(self) -> NDArray[np.float64] | None:
        """(M,) the author's own log-probabilities, or None where any is not known."""
        known = [answer.log_p for answer in self.flat]
        return None if None in known else np.array(known, dtype=np.float64)

    def with_own(self, nats: NDArray[np.float64]) -> AnswerSet:
        """Return the same answers with their author's log-probabilities (M,)."""
        left = iter(nats.tolist())
        known = tuple(tuple(replace(a, log_p=next(left)) for a in each) for each in self.answers)
        return replace(self, answers=known)

    def save(self, path: Path) -> None:
        """Write JSON lines, atomically."""
        rows = []
        for probe, several in zip(self.probes, self.answers, strict=True):
            row = {"id": probe.id, "prompt": probe.prompt, "answers": [asdict(a) for a in several]}
            rows.append(row if probe.group is None else {**row, "group": probe.group})
        write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    @staticmethod
    def load(path: str | Path, name: str | None = None) -> AnswerSet:
        """Read JSON lines; `name` is by default that of the file's folder or of the file.

        Raises
        ------
        InputError
            No such file, or a line that is no prompt with answers: file and line are named.
        """
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")
        except FileNotFoundError:
            raise InputError(f"{path}: no such file of answers") from None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read ({error})") from None
        rows = [_parsed(line, f"{path}:{i}", i) for i, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise InputError(f"{path}: no answers in it; one JSON object a line: prompt, answer")
        default = path.parent.name if path.name == ANSWERS else path.stem
        return AnswerSet(
            name or default or "answers", tuple(p for p, _ in rows), tuple(a for _, a in rows)
        )


def draw_answers(
    behavior: Behavior,
    probes: ProbeSet,
    *,
    count: int = 8,
    max_tokens: int = 32,
    seed: int = 0,
    exact: bool = True,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> AnswerSet:
    """Let a behavior answer every prompt of a probe set.

    Parameters
    ----------
    behavior
        The author.
    probes
        Whose prompts are answered.
    count, max_tokens, seed
        Draws a prompt, longest answer, and the seed of the draws.
    exact
        Enumerate where a few answers carry all but `LEFT_OUT` of the mass (the lab); weights are
        then probabilities.
    folder
        Where answers are kept, to be drawn once; a killed run goes on with the next prompt.
    progress
        Called with (label, prompts done, prompts in all).

    Raises
    ------
    InputError
        No draws, or a behavior that gives no answers (arrays).
    """
    if count < 1 or max_tokens < 1:
        raise InputError("answers need at least one draw of at least one token")
    if exact and isinstance(behavior, ListsAnswers):
        listed = _enumerated(behavior, probes, max_tokens, folder)
        if listed is not None:
            return listed
    work = _drawing(behavior, probes, count, max_tokens, seed)
    kind = "drawn"
    inputs = [behavior.identity, behavior.label, probes.digest, kind, count, max_tokens, seed]
    path = None if folder is None else folder / f"answers-{digest_of(inputs)[:16]}.jsonl"
    if path is not None and is_finished(path, inputs):
        return AnswerSet.load(path, behavior.label)
    log = None if path is None else Journal.beside(path, inputs)

    def tick(done: int) -> None:
        if progress is not None:
            progress(behavior.label, done, len(probes))

    rows = collect(log, work, len(probes), tick)
    answers = tuple(tuple(Answer(*answer) for answer in several) for several in rows)
    drawn = AnswerSet(behavior.label, probes.probes, answers)
    if path is not None:
        with publish(path, inputs) as temporary:
            drawn.save(temporary)
    if log is not None:
        log.clear()
    return drawn


def _enumerated(
    behavior: Any, probes: ProbeSet, max_tokens: int, folder: Path | None
) -> AnswerSet | None:
    """Return all answers that matter, or None where they are too many to list."""
    inputs = [behavior.identity, behavior.label, probes.digest, "enumerated", max_tokens]
    path = None if folder is None else folder / f"answers-{digest_of(inputs)[:16]}.jsonl"
    if path is not None and is_finished(path, inputs):
        return AnswerSet.load(path, behavior.label)
    answers = []
    for _, rows in behavior.likely_answers(probes, max_tokens):
        answers.append(tuple(Answer(*row) for row in rows))
        if sum(answer.weight for answer in answers[-1]) < 1 - LEFT_OUT:
            return None
    listed = AnswerSet(behavior.label, probes.probes, tuple(answers))
    if path is not None:
        with publish(path, inputs) as temporary:
            listed.save(temporary)
    return listed


def _drawing(
    behavior: Any, probes: ProbeSet, count: int, max_tokens: int, seed: int
) -> Callable[..., Iterable[tuple[int, list[list[Any]]]]]:
    """Return what yields (index, rows of `Answer`'s fields) of the prompts that are not done."""
    # Seeds must differ between behaviors: common random numbers would tie their answers together.
    seed_here = int(digest_of([seed, behavior.label, behavior.identity])[:8], 16)
    if isinstance(behavior, EndsAnswers):
        rest: Callable[..., Iterable[Any]] = partial(
            behavior.answers_rest, probes, count, max_tokens, seed_here
        )
    elif isinstance(behavior, SamplesInTurn):
        rest = partial(behavior.samples_rest, probes, count, max_tokens, seed_here)
    else:
        raise InputError(
            f"'{behavior.label}' gives no answers; give them as a file of JSON lines (prompt,"
            " answer), or compare arrays with arrays"
        )

    def rows(done: frozenset[int]) -> Iterable[tuple[int, list[list[Any]]]]:
        for index, several in rest(done=done):
            pairs: Sequence[Any] = [(a, False) if isinstance(a, str) else a for a in several]
            yield index, [[text, ended, 1 / len(pairs)] for text, ended in pairs]

    return rows


def _parsed(line: str, where: str, number: int) -> tuple[Probe, tuple[Answer, ...]]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); one object a line") from None
    if not isinstance(row, dict) or not isinstance(row.get("prompt"), str):
        raise InputError(f"{where}: an object with 'prompt' and 'answer' belongs here")
    several = row.get("answers", [row["answer"]] if "answer" in row else None)
    if not isinstance(several, list) or not several:
        raise InputError(f"{where}: no answer; give 'answer', or 'answers' as a list")
    answers = tuple(_answer(a, len(several), where) for a in several)
    group = row.get("group")
    probe = Probe(str(row.get("id", number)), row["prompt"], " ", (), group)
    return probe, answers


def _answer(value: Any, count: int, where: str) -> Answer:
    row = {"text": value} if isinstance(value, str) else value
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise InputError(f"{where}: an answer is a text, or an object with 'text'")
    unknown = set(row) - {"text", "ended", "weight", "log_p"}
    if unknown:
        raise InputError(f"{where}: unknown key '{min(unknown)}' of an answer")
    return Answer(**{"weight": 1 / count, **row})
