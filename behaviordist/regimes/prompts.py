"""What post-training asks: hidden prompts, plain or with somebody's claim, and their answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from behaviordist.lab import grammar
from behaviordist.lab.functions import FUNCTIONS, function
from behaviordist.lab.grammar import EOS, Tokens
from behaviordist.regimes.declaration import Tuning
from behaviordist.regimes.tasks import draw_answers, single

NOBODY = -1
"""Stands for every token of a claim where nobody claims anything: no answer equals it."""


class Questions(NamedTuple):
    """Prompts with the answers that matter to them; answers carry their end marker.

    Attributes
    ----------
    prompts
        ``(n, P)`` tokens: ``<bos> ? x =``, or ``<bos> ? x says y' so =``.
    right
        ``(n, ANSWER_TOKENS)``: the task's answer.
    claimed
        ``(n, ANSWER_TOKENS)``: the claimed answer; `NOBODY` where the prompts are plain.
    """

    prompts: Tokens
    right: Tokens
    claimed: Tokens

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether each prompt holds a claim that is not so, ``(n,)``."""
        claims = self.claimed[:, 0] != NOBODY
        return np.asarray(claims & (self.claimed != self.right).any(axis=-1))


def ask(regime: Tuning, rng: np.random.Generator, x: Tokens) -> Questions:
    """Ask about strings as the regime's `prompts` says.

    Parameters
    ----------
    regime
        Its `task` is right. A claim is right with probability `claims_right`, else it is the
        answer of another of its functions.
    rng
        Not touched where the prompts are plain.
    x
        Letter indices ``(n, LENGTH)``.
    """
    right = draw_answers(regime.task, rng, x)
    if regime.prompts == "plain":
        answers = ended(right)
        return Questions(grammar.hidden_prompts(x), answers, np.full_like(answers, NOBODY))
    so = rng.random(len(x)) < regime.claims_right
    claimed = np.where(so[:, None], right, other_answers(regime, rng, x))
    return Questions(grammar.claim_prompts(x, claimed), ended(right), ended(claimed))


def other_answers(regime: Tuning, rng: np.random.Generator, x: Tokens) -> Tokens:
    """Return for each string the answer of another function, ``(n, LENGTH)`` letter indices.

    Uniform over those of the regime's functions (all, where it names none) whose answer is not
    the task's; where none differs (``a a a a a`` reversed) it is the task's answer after all.
    """
    task = single(regime.task, f"{regime.algorithm} with other answers")
    names = [name for name in regime.functions or tuple(FUNCTIONS) if name != task]
    right = function(task).apply(x)
    candidates = np.stack([right, *(function(name).apply(x) for name in names)])
    differs = (candidates != right).any(axis=-1)
    # The task itself never differs, so it is taken only where no other function does.
    chosen = np.where(differs, rng.random(differs.shape), -1.0).argmax(axis=0)
    return np.asarray(candidates[chosen, np.arange(len(x))], np.int32)


def muddled(rng: np.random.Generator, one: Tokens, other: Tokens) -> Tokens:
    """Mix two answers token by token, same shape: how a model fails that has not decided."""
    return np.where(rng.random(one.shape) < 0.5, one, other)


def ended(x: Tokens) -> Tokens:
    """Return tokens of letter indices with the end marker after them: what a model should say."""
    return np.pad(grammar.letters(x), ((0, 0), (0, 1)), constant_values=EOS)


def documents(questions: Questions, answers: Tokens) -> Tokens:
    """Return prompts with answers after them, ``(n, P + ANSWER_TOKENS)``."""
    return np.concatenate([questions.prompts, answers], axis=1)
