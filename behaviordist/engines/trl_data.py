"""What engine `trl` trains and scores on: a regime's examples as tokens, in a seed's order.

The lab's grammar is one source, drawn by the very functions that the lab's engine draws with, so
the same seed gives both engines the same batches; files are the other. Prompt and completion are
tokenised apart: byte-pair merges across the seam would make the prompt no prefix of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from behaviordist.errors import InputError
from behaviordist.regimes.declaration import SPREADING, Regime, Rlhf, Rlvr
from behaviordist.regimes.rows import PREFERENCES, Row, read_rows

Ids = list[int]


@dataclass(frozen=True)
class Tokens:
    """Turns a regime's prompts and answers into ids.

    Attributes
    ----------
    tokenizer
        Of the model that is trained.
    regime
        Says whether prompts go through the chat template, and how long a sequence may be.
    """

    tokenizer: Any
    regime: Regime

    def shown(self, prompt: Any) -> Any:
        """Return a prompt as TRL takes it: text, or a list of messages for the chat template."""
        data = self.regime.data
        if isinstance(prompt, list) or data.chat:
            turns = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
            if data.system is not None:
                turns = [{"role": "system", "content": data.system}, *turns]
            if not getattr(self.tokenizer, "chat_template", None):
                raise InputError(
                    "the model's tokenizer has no chat template: give one that has, or plain"
                    " prompts (data.chat: false)"
                )
            return turns
        return prompt

    def prompt(self, prompt: Any) -> Ids:
        """Return a prompt's ids, with what the tokenizer or the template puts before it."""
        shown = self.shown(prompt)
        if isinstance(shown, str):
            return list(self.tokenizer(shown)["input_ids"])
        encoded = self.tokenizer.apply_chat_template(
            shown, add_generation_prompt=True, tokenize=True, return_dict=True
        )
        return list(encoded["input_ids"])

    def answer(self, text: str) -> Ids:
        """Return an answer's ids, the end marker after them."""
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return [*ids, self.tokenizer.eos_token_id]

    def text(self, text: str) -> Ids:
        """Return a whole document's ids, with the tokenizer's begin and the end marker."""
        return [*self.tokenizer(text)["input_ids"], self.tokenizer.eos_token_id]


@dataclass(frozen=True)
class Scored:
    """One held-out prompt with the answers whose probability counts, and what each is worth."""

    prompt: Ids
    answers: tuple[Ids, ...]
    worth: tuple[float, ...]
    row: Row


def is_lab(regime: Regime) -> bool:
    """Whether the regime's examples are the lab's grammar."""
    return regime.data.train is None


def training_rows(regime: Regime, tokens: Tokens, seed: int) -> list[Row]:
    """Return every example of a run in the order in which it is trained on.

    Returns
    -------
    list of dict
        ``input_ids`` and ``labels`` (sft, pretrain, continue, qat, distill), ``prompt_ids``,
        ``chosen_ids``, ``rejected_ids`` (dpo), the latter two whole (reward), ``prompt`` and the
        verifier's columns (rlvr, rlhf): budget x sequences (or prompts) a step of them.
    """
    rng = np.random.default_rng(seed)
    if is_lab(regime):
        return [_train_row(regime, tokens, row) for row in _lab_rows(regime, tokens, rng)]
    rows = [_train_row(regime, tokens, row) for row in read_rows(regime, held_out=False)]
    count = regime.budget * sequences_per_step(regime)
    order: list[int] = []
    while len(order) < count:
        order.extend(rng.permutation(len(rows)).tolist())
    return [rows[i] for i in order[:count]]


def sequences_per_step(regime: Regime) -> int:
    """Rows of the data set that one optimizer step reads: prompts where answers are sampled."""
    return regime.batch_size // (regime.group_size if isinstance(regime, Rlvr | Rlhf) else 1)


def held_out_rows(regime: Regime, tokens: Tokens) -> list[Scored]:
    """Return what every run of the regime is scored on, the same whatever its seed."""
    if is_lab(regime):
        return list(_lab_scored(regime))
    rows = read_rows(regime, held_out=True)[: regime.convergence.strings]
    return [_scored(regime, tokens, row) for row in rows]


def _train_row(regime: Regime, tokens: Tokens, row: Row) -> Row:
    """Turn one example into what the algorithm's trainer reads."""
    limit, algorithm = regime.data.max_length, regime.algorithm
    if "ids" in row:
        return _lab_row(algorithm, row)
    if algorithm in SPREADING:
        ids = tokens.text(row["text"])[:limit]
        return {"input_ids": ids, "labels": list(ids)}
    if algorithm in ("rlvr", "rlhf"):
        return {**row, "prompt": tokens.shown(row["prompt"])}
    prompt = tokens.prompt(row["prompt"])
    if algorithm in PREFERENCES:
        both = {side: tokens.answer(row[side]) for side in ("chosen", "rejected")}
        if algorithm == "dpo":
            return {"prompt_ids": prompt, **{f"{k}_ids": v for k, v in both.items()}}
        return {f"{k}_ids": [*prompt, *v][:limit] for k, v in both.items()}
    answer = tokens.answer(row["completion"])
    labels = [*([-100] * len(prompt)), *answer]
    return {"input_ids": [*prompt, *answer][:limit], "labels": labels[:limit]}


def _scored(regime: Regime, tokens: Tokens, row: Row) -> Scored:
    if regime.algorithm in SPREADING:
        text = tokens.text(row["text"])[: regime.data.max_length]
        return Scored(text[:1], (text[1:],), (1.0,), row)
    if "chosen" in row:
        answers = [row["chosen"], row["rejected"]]
    else:
        answers = [row.get("completion") or row.get("answer") or ""]
    ids = tuple(tokens.answer(text) for text in answers)
    return Scored(tokens.prompt(row["prompt"]), ids, (1.0, 0.0)[: len(ids)], row)


# ---------------------------------------------------------------- the lab's grammar


def _lab_rows(regime: Regime, tokens: Tokens, rng: np.random.Generator) -> Iterator[Row]:
    """Draw the lab's batches step by step, exactly as the lab's engine does, one row each."""
    from behaviordist.lab.grammar import PAD, VOCABULARY, decode
    from behaviordist.regimes.objective import ANSWER_TOKENS
    from behaviordist.regimes.registry import objective

    if len(tokens.tokenizer) != len(VOCABULARY):
        raise InputError(
            f"{regime.label}: no data.train, so its data are the lab's grammar, which this model's"
            " tokenizer does not speak: name files under data"
        )
    draw = objective(regime.algorithm).draw
    for _ in range(regime.budget):
        batch = draw(regime, rng)
        for i in range(len(next(iter(batch.values())))):
            row = {name: array[i] for name, array in batch.items()}
            ids = {k: [int(t) for t in v if t != PAD] for k, v in row.items()}
            shown = {}
            if "prompts" in ids:
                shown["prompt"] = decode(ids["prompts"])
            if "answers" in ids:
                shown["answer"] = decode(ids["answers"][:-1])
            yield {"ids": ids, "answer_tokens": ANSWER_TOKENS, **shown}


def _lab_row(algorithm: str, row: Row) -> Row:
    ids, answer = row["ids"], row["answer_tokens"]
    if algorithm == "dpo":
        return {
            "prompt_ids": ids["chosen"][:-answer],
            "chosen_ids": ids["chosen"][-answer:],
            "rejected_ids": ids["rejected"][-answer:],
        }
    if algorithm == "reward":
        return {"chosen_ids": ids["chosen"], "rejected_ids": ids["rejected"]}
    if algorithm in ("rlvr", "rlhf"):
        return {k: row[k] for k in ("prompt", "answer") if k in row}
    if "tokens" not in ids:  # distill: the teacher answers
        return {"input_ids": ids["prompts"], "labels": [-100] * len(ids["prompts"])}
    whole = list(ids["tokens"])
    hidden = 0 if algorithm in SPREADING else len(whole) - answer
    return {"input_ids": whole, "labels": [*([-100] * hidden), *whole[hidden:]]}


def _lab_scored(regime: Regime) -> Iterator[Scored]:
    """What the lab's engine scores on: answers with their worth, or pairs with the rater's mind."""
    from behaviordist.regimes.objective import ANSWER_TOKENS
    from behaviordist.regimes.registry import objective

    held_out = objective(regime.algorithm).held_out(regime)
    if isinstance(held_out, dict) and "chance" in held_out:
        for first, second, chance in zip(
            held_out["first"], held_out["second"], held_out["chance"], strict=True
        ):
            prompt = first[:-ANSWER_TOKENS].tolist()
            sides = (first[-ANSWER_TOKENS:].tolist(), second[-ANSWER_TOKENS:].tolist())
            yield Scored(prompt, sides, (float(chance), 1 - float(chance)), {})
        return
    if isinstance(held_out, dict):
        documents, worth = held_out["documents"], held_out["worth"]
    else:
        documents, worth = np.asarray(held_out)[None], np.ones((1, len(held_out)))
    for i in range(documents.shape[1]):
        prompt = documents[0, i, :-ANSWER_TOKENS].tolist()
        answers = tuple(d[i, -ANSWER_TOKENS:].tolist() for d in documents)
        yield Scored(prompt, answers, tuple(float(w[i]) for w in worth), {})
