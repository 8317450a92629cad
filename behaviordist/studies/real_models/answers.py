"""What a tuned target says to its held-out prompts, kept with its checkpoint."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from behaviordist.behaviors import load
from behaviordist.distance.directed.kept import keep_answers
from behaviordist.engines.trl_data import is_lab
from behaviordist.engines.trl_engine import train_checkpoint
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.regimes.declaration import SPREADING, Regime
from behaviordist.regimes.rows import read_rows
from behaviordist.store import ranks

DRAWS = 4
"""Answers a prompt."""


def train_target(folder: Path, regime: Regime, source: Path, seed: int, work: Path) -> None:
    """Train a target's checkpoint, and let it answer: see `train_checkpoint`.

    Its answers are its own rollouts, on policy, with its own log-probabilities: how far any source
    to come lies from the target needs the target no more. A model that `load` refuses keeps none:
    whoever asks for its answers then hears why, and the training is not lost.
    """
    train_checkpoint(folder, regime, source, seed, work)
    questions = held_out_questions(regime)
    if questions is None or not ranks.is_first():
        return
    with suppress(InputError):
        keep_answers(
            folder,
            load(str(folder), label=regime.label),
            questions,
            count=DRAWS,
            max_tokens=regime.data.max_new_tokens,
            seed=seed,
        )


def held_out_questions(regime: Regime) -> ProbeSet | None:
    """Return a regime's held-out prompts; None where there are none (texts, the lab's strings)."""
    if is_lab(regime) or regime.algorithm in SPREADING or regime.algorithm == "reward":
        return None
    rows = read_rows(regime, held_out=True)[: regime.convergence.strings]
    probes = tuple(_asked(regime, i, row["prompt"]) for i, row in enumerate(rows))
    return ProbeSet(regime.label, probes).answerable()


def _asked(regime: Regime, index: int, prompt: object) -> Probe:
    """Return a prompt as the trainer shows it: a text, or a chat for the model's template."""
    name, data = f"q{index:03d}", regime.data
    if isinstance(prompt, str) and not data.chat:
        return Probe(name, prompt, "")
    turns = prompt if isinstance(prompt, list) else [{"role": "user", "content": str(prompt)}]
    system = [] if data.system is None else [("system", data.system)]
    return Probe.chat(name, [*system, *((t["role"], t["content"]) for t in turns)], "")
