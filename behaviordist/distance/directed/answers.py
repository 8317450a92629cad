"""What a behavior says: answers to prompts, drawn or enumerated, kept as ``answers.jsonl``.

A line is one prompt: ``{"id", "prompt", "answers": [{"text", "ended", "weight", "log_p"}]}``, or in
short ``{"prompt", "answer"}``; a chat has `messages` for `prompt`. With `log_p` (the author's own,
in nats) the file gives KL divergences without its author; without, cross-entropies, which rank
sources equally.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.probes import Probe
from behaviordist.probes.probe import parse_messages
from behaviordist.store import write_text
from behaviordist.store.shown import html_table

ANSWERS = "answers.jsonl"
ROUNDING = 1e-3
"""By how much the logarithm of a probability may come out above 0, in nats."""


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
            question = {k: v for k, v in probe.to_json().items() if k in ("messages", "prompt")}
            row = {"id": probe.id, **question, "answers": [asdict(a) for a in several]}
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


def _parsed(line: str, where: str, number: int) -> tuple[Probe, tuple[Answer, ...]]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); one object a line") from None
    if not isinstance(row, dict) or not ("messages" in row) ^ isinstance(row.get("prompt"), str):
        raise InputError(
            f"{where}: an object with 'prompt' and 'answer' belongs here, or with 'messages' for"
            " 'prompt'"
        )
    several = row.get("answers", [row["answer"]] if "answer" in row else None)
    if not isinstance(several, list) or not several:
        raise InputError(f"{where}: no answer; give 'answer', or 'answers' as a list")
    answers = tuple(_answer(a, len(several), where) for a in several)
    name, group = str(row.get("id", number)), row.get("group")
    if group is not None and not isinstance(group, str):
        raise InputError(f"{where}: 'group' must be a text")
    if "messages" in row:
        messages = parse_messages(row["messages"], where)
        return Probe.chat(name, messages, " ", (), group), answers
    return Probe(name, row["prompt"], " ", (), group), answers


def _answer(value: Any, count: int, where: str) -> Answer:
    row = {"text": value} if isinstance(value, str) else value
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise InputError(f"{where}: an answer is a text, or an object with 'text'")
    unknown = set(row) - {"text", "ended", "weight", "log_p"}
    if unknown:
        raise InputError(f"{where}: unknown key '{min(unknown)}' of an answer")
    answer = Answer(**{"weight": 1 / count, **row})
    if not isinstance(answer.ended, bool):
        raise InputError(f"{where}: 'ended' is true or false, not {answer.ended!r}")
    if not _is_number(answer.weight) or not 0 < answer.weight <= 1:
        raise InputError(f"{where}: 'weight' is a share in (0, 1], not {answer.weight!r}")
    log_p = answer.log_p
    if log_p is not None and not (_is_number(log_p) and -math.inf < log_p <= ROUNDING):
        raise InputError(
            f"{where}: 'log_p' is {log_p!r}; the author's own log-probability is finite and at most"
            " 0 nats, or null"
        )
    return answer


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
