"""The score of a run on engine `trl`: held-out examples, one number between 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.engines.trl_data import Scored, Tokens, held_out_rows, is_lab
from behaviordist.engines.trl_models import padded
from behaviordist.errors import InputError
from behaviordist.regimes.declaration import SPREADING, Regime, Tuning

MEANING = {
    "answer": "expected exact match on held-out examples",
    "likelihood": "geometric mean probability of a token of held-out texts",
    "preference": "probability of the chosen answer over that of both, held-out pairs",
    "verifier": "share of greedy answers to held-out prompts that the verifier accepts",
    "reward": "probability that the reward model gives to the preference, held-out pairs",
    "agreement": "expected agreement with the rater over that of the best possible model",
}


@dataclass(frozen=True)
class Score:
    """Sampled (or soft) and greedy (or hard) score, both in [0, 1].

    `nats` is how surprising the answers that earn are, -log p, the mean over held-out examples;
    None where the score is of another kind.
    """

    score: float
    greedy: float
    nats: float | None = None


@dataclass(frozen=True)
class Scorer:
    """Scores a model on a regime's held-out examples; the same call on every process.

    Attributes
    ----------
    regime, tokens, rows
        What is scored and how it is tokenised.
    kind
        A key of `MEANING`.
    """

    regime: Regime
    tokens: Tokens
    rows: Sequence[Scored]
    kind: str

    @classmethod
    def of(cls, regime: Regime, tokens: Tokens) -> Scorer:
        """Read a regime's held-out examples."""
        rows = held_out_rows(regime, tokens)
        kind = score_kind(regime)
        if kind == "preference" and len(rows[0].answers) != 2:
            raise InputError(
                f"{regime.label}: score 'preference' needs the columns chosen and rejected in"
                f" {regime.data.held_out}"
            )
        return cls(regime, tokens, rows, kind)

    def __call__(self, model: Any) -> Score:
        """Score the model; its training mode is put back.

        Raises
        ------
        InputError
            If the score is no number: the run has diverged.
        """
        import torch

        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                scores = _SCORES[self.kind](self, model)
        finally:
            model.train(was_training)
        if not math.isfinite(scores.score):
            raise InputError(
                f"{self.regime.label}: the score is NaN, the run has diverged: lower learning_rate"
            )
        return scores


def score_kind(regime: Regime) -> str:
    """Return which score a regime is held to, its default resolved."""
    kind = regime.evaluation.score
    if kind != "default":
        return kind
    algorithm = regime.algorithm
    if is_lab(regime):
        return "agreement" if algorithm == "reward" else "answer"
    if algorithm in SPREADING:
        return "likelihood"
    kinds = {"dpo": "preference", "rlhf": "preference", "rlvr": "verifier", "reward": "reward"}
    return kinds.get(algorithm, "answer")


def answer_log_probs(
    model: Any, pairs: Sequence[tuple[list[int], list[int]]], pad: int, batch_size: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Log-probability (nats) of each answer after its prompt, and whether it is greedy: (n,), (n,).

    Sequences are padded on the right: attention is causal, so padding moves nothing before it.
    """
    import torch

    log_p, greedy = [], []
    pairs = list(pairs)
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
    place = iter(order)
    while chosen := list(islice(place, batch_size)):
        batch = [pairs[i] for i in chosen]
        ids, mask = padded([[*p, *a] for p, a in batch], pad, "right", model.device)
        width = ids.shape[1]
        first = min(len(p) for p, _ in batch)
        # Logits before the first answer token of the batch say nothing that is asked.
        out = model(input_ids=ids, attention_mask=mask, logits_to_keep=width - first + 1)
        logits = out.logits.float()
        offset = width - logits.shape[1]
        log_probs = torch.log_softmax(logits, dim=-1)
        best = logits.argmax(-1)
        for i, (p, a) in enumerate(batch):
            at = slice(len(p) - 1 - offset, len(p) - 1 - offset + len(a))
            targets = torch.tensor(a, device=model.device)
            log_p.append(log_probs[i, at].gather(-1, targets[:, None]).double().sum().item())
            greedy.append(bool((best[i, at] == targets).all()))
    back = np.argsort(order)
    return np.array(log_p)[back], np.array(greedy)[back]


def _answers(scorer: Scorer, model: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Log-probabilities and greediness of every answer of every row: (rows, answers) each."""
    pairs = [(row.prompt, answer) for row in scorer.rows for answer in row.answers]
    pad = scorer.tokens.tokenizer.pad_token_id or 0
    log_p, greedy = answer_log_probs(model, pairs, pad, scorer.regime.evaluation.batch_size)
    return log_p.reshape(len(scorer.rows), -1), greedy.reshape(len(scorer.rows), -1)


def _answer(scorer: Scorer, model: Any) -> Score:
    log_p, greedy = _answers(scorer, model)
    worth = np.array([row.worth for row in scorer.rows])
    return Score(
        float((np.exp(log_p) * worth).sum(-1).mean()),
        float((greedy * worth).sum(-1).mean()),
        float(-(log_p * worth).sum() / worth.sum()),
    )


def _likelihood(scorer: Scorer, model: Any) -> Score:
    log_p, greedy = _answers(scorer, model)
    tokens = sum(len(answer) for row in scorer.rows for answer in row.answers)
    nats = float(-log_p.sum(-1).mean())
    return Score(float(np.exp(log_p.sum() / tokens)), float(greedy.mean()), nats)


def _preference(scorer: Scorer, model: Any) -> Score:
    log_p, _ = _answers(scorer, model)
    return _soft(log_p[:, 0] - log_p[:, 1])


def _reward(scorer: Scorer, model: Any) -> Score:
    return _soft(_reward_gaps(scorer, model))


def _agreement(scorer: Scorer, model: Any) -> Score:
    """As the lab's engine measures a reward model, see `regimes.objectives.reward.evaluate`."""
    chance = np.array([row.worth[0] for row in scorer.rows])
    gap = _reward_gaps(scorer, model)
    share = np.where(gap > 0, chance, 1 - chance).mean() / np.maximum(chance, 1 - chance).mean()
    return Score(float(share), float(share))


def _reward_gaps(scorer: Scorer, model: Any) -> NDArray[np.float64]:
    from behaviordist.engines.trl_reward import rewards

    whole = [[*row.prompt, *answer] for row in scorer.rows for answer in row.answers]
    pairs = rewards(model, whole, scorer.regime.evaluation.batch_size).reshape(len(scorer.rows), 2)
    return np.asarray(pairs[:, 0] - pairs[:, 1], np.float64)


def _soft(gap: NDArray[np.float64]) -> Score:
    soft = 1.0 / (1.0 + np.exp(-np.clip(gap, -60, 60)))
    return Score(float(soft.mean()), float((gap > 0).mean()))


def _verifier(scorer: Scorer, model: Any) -> Score:
    from behaviordist.regimes.verifiers import verify_all

    answers = greedy_answers(scorer, model)
    assert isinstance(scorer.regime, Tuning)
    right = verify_all(scorer.regime.verifier, answers, [row.row for row in scorer.rows])
    return Score(float(np.mean(right)), float(np.mean(right)))


def greedy_answers(scorer: Scorer, model: Any) -> list[str]:
    """Return the model's greedy answer to every held-out prompt, as text."""
    tokenizer, data = scorer.tokens.tokenizer, scorer.regime.data
    pad, size = tokenizer.pad_token_id or 0, scorer.regime.evaluation.batch_size
    texts: list[str] = []
    for start in range(0, len(scorer.rows), size):
        prompts = [row.prompt for row in scorer.rows[start : start + size]]
        ids, mask = padded(prompts, pad, "left", model.device)
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=data.max_new_tokens,
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            pad_token_id=pad,
            eos_token_id=tokenizer.eos_token_id,
        )
        texts += tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)
    return texts


_SCORES: dict[str, Callable[[Scorer, Any], Score]] = {
    "answer": _answer,
    "likelihood": _likelihood,
    "preference": _preference,
    "verifier": _verifier,
    "reward": _reward,
    "agreement": _agreement,
}
