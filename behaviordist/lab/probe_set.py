"""The probe set ``lab``: held-out strings, asked about with the function hidden or named.

``python -m behaviordist.lab.probe_set > probes/lab.jsonl`` writes the file again.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np

from behaviordist.lab.functions import FUNCTIONS
from behaviordist.lab.grammar import (
    Tokens,
    answers,
    decode,
    held_out_strings,
    hidden_prompts,
    named_prompts,
)

HIDDEN_EACH, NAMED_EACH = 15, 5


def lab_probes(seed: int = 0) -> list[dict[str, Any]]:
    """Return the probes of ``probes/lab.jsonl`` (which has seed 0), in order.

    For each function, 15 hidden prompts and then 5 named ones. Every probe has a string of its
    own, held out from training. A continuation is scored as ``" e d c b a"``: five letters.

    Parameters
    ----------
    seed
        Chooses the strings.
    """
    each = HIDDEN_EACH + NAMED_EACH
    strings = held_out_strings(np.random.default_rng(seed), each * len(FUNCTIONS))
    probes: list[dict[str, Any]] = []
    for op, x in zip(FUNCTIONS, np.split(strings, len(FUNCTIONS)), strict=True):
        hidden, named = x[:HIDDEN_EACH], x[HIDDEN_EACH:]
        probes += _rows("hidden", op, hidden_prompts(hidden), answers(op, hidden))
        probes += _rows("named", op, named_prompts(op, named), answers(op, named))
    return probes


def _rows(kind: str, op: str, prompts: Tokens, continuations: Tokens) -> list[dict[str, Any]]:
    return [
        {
            "id": f"lab-{kind}-{op}-{i:02d}",
            "prompt": decode(prompt),
            "continuation": " " + decode(continuation),
            "tags": [f"prompt:{kind}", f"function:{op}"],
        }
        for i, (prompt, continuation) in enumerate(zip(prompts, continuations, strict=True), 1)
    ]


if __name__ == "__main__":
    sys.stdout.writelines(json.dumps(probe) + "\n" for probe in lab_probes())
