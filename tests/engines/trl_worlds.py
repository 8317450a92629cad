"""Tiny models and examples for the tests of engine `trl`: the lab's Llama, and JSON lines."""

from __future__ import annotations

import itertools
import json

from behaviordist.lab import checkpoint
from behaviordist.lab.llama import LlamaConfig, init
from tests.regimes.settings import regime_of

CONFIG = LlamaConfig()
LETTERS = "abcdef"


def tiny_model(folder, seed=0):
    """Write a random lab model; its tokenizer knows words such as ``?``, ``=`` and letters."""
    if not folder.exists():
        checkpoint.save(folder, init(CONFIG, seed), CONFIG, {"schema": 1, "source": "random"})
    return folder


def prompts():
    """Thirty prompts of two letters."""
    return [f"? {x} {y} =" for x, y in itertools.permutations(LETTERS, 2)]


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def data(folder, rows, **more):
    """Return a data section whose training rows are `rows[8:]` and held-out ones `rows[:8]`."""
    train = write_rows(folder / "train.jsonl", rows[8:])
    held_out = write_rows(folder / "held-out.jsonl", rows[:8])
    return {"train": train, "held_out": held_out, "max_new_tokens": 3, **more}


def regime(algorithm, **more):
    """A short regime on the tiny model."""
    settings = {
        "algorithm": algorithm,
        "task": "test",
        "budget": 20,
        "batch_size": 16,
        "group_size": 8,
        "learning_rate": 5e-3,
        "convergence": {"at_least": 0.95, "consecutive": 1, "every": 5, "strings": 8},
    }
    return regime_of(algorithm, settings, **more)


def pairs(chosen="a b", rejected="c d"):
    return [{"prompt": p, "chosen": chosen, "rejected": rejected} for p in prompts()]


def answers(answer="a b"):
    return [{"prompt": p, "completion": answer, "answer": answer} for p in prompts()]
