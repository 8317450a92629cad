"""Writes the shipped probe sets `lab` and `lab-contexts`, over strings that training never shows.

``lab``: the function hidden or named. ``lab-contexts``: solved examples before the question, and
functions of one and of two steps, in equal parts.

``python -m behaviordist.lab.probe_set lab > probes/lab.jsonl`` writes a file again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from behaviordist.lab.functions import FUNCTIONS, function
from behaviordist.lab.grammar import (
    Tokens,
    answers,
    decode,
    few_shot_prompts,
    held_out_strings,
    hidden_prompts,
    named_prompts,
)

HIDDEN_EACH, NAMED_EACH = 15, 5
CONTEXTS_EACH, SHOTS = 5, (1, 2, 4)
"""Of ``lab-contexts``: probes of each kind and function; examples before a few-shot question."""


def lab_probes() -> list[dict[str, Any]]:
    """Return the probes of ``probes/lab.jsonl``, in order.

    For each function, 15 hidden prompts and then 5 named ones. Every probe has a string of its
    own, held out from training. A continuation is scored as ``" e d c b a"``: five letters.
    """
    each = HIDDEN_EACH + NAMED_EACH
    strings = held_out_strings(np.random.default_rng(0), each * len(FUNCTIONS))
    probes: list[dict[str, Any]] = []
    for op, x in zip(FUNCTIONS, np.split(strings, len(FUNCTIONS)), strict=True):
        hidden, named = x[:HIDDEN_EACH], x[HIDDEN_EACH:]
        probes += _rows("lab", "hidden", op, hidden_prompts(hidden), answers(op, hidden))
        probes += _rows("lab", "named", op, named_prompts(op, named), answers(op, named))
    return probes


def context_probes() -> list[dict[str, Any]]:
    """Return the probes of ``probes/lab-contexts.jsonl``, in order.

    For each function five hidden prompts, five named ones, and five hidden ones after 1, 2 and 4
    solved examples. The strings of questions and of examples are all different, and held out.
    """
    kinds = 2 + sum(1 + shots for shots in SHOTS)
    total = kinds * CONTEXTS_EACH * len(FUNCTIONS)
    strings = held_out_strings(np.random.default_rng([0, 1]), total)
    probes: list[dict[str, Any]] = []
    for op, part in zip(FUNCTIONS, np.split(strings, len(FUNCTIONS)), strict=True):
        x = part.reshape(kinds, CONTEXTS_EACH, -1)
        steps = "steps:two" if function(op).parts else "steps:one"
        prompts = {"hidden": hidden_prompts(x[0]), "named": named_prompts(op, x[1])}
        questions, first = {"hidden": x[0], "named": x[1]}, 2
        for shots in SHOTS:
            examples, question = x[first : first + shots].swapaxes(0, 1), x[first + shots]
            prompts[f"shots{shots}"] = few_shot_prompts(op, examples, question)
            questions[f"shots{shots}"] = question
            first += shots + 1
        for kind, prompt in prompts.items():
            right = answers(op, questions[kind])
            probes += _rows("contexts", kind, op, prompt, right, [steps])
    return probes


def _rows(
    name: str,
    kind: str,
    op: str,
    prompts: Tokens,
    continuations: Tokens,
    more: Sequence[str] = (),
) -> list[dict[str, Any]]:
    return [
        {
            "id": f"{name}-{kind}-{op}-{i:02d}",
            "prompt": decode(prompt),
            "continuation": " " + decode(continuation),
            "tags": [f"prompt:{kind}", f"function:{op}", *more],
        }
        for i, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True), 1)
    ]


SETS = {"lab": lab_probes, "lab-contexts": context_probes}

if __name__ == "__main__":
    sys.stdout.writelines(json.dumps(probe) + "\n" for probe in SETS[sys.argv[1]]())
