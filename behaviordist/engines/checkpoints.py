"""From a regime to a checkpoint on disk: weights, tokenizer, and how they were reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.engines.growing import grow_and_measure
from behaviordist.engines.jax_engine import Start, Trained, initial_params, train
from behaviordist.lab import checkpoint
from behaviordist.lab.grammar import KIND_LENGTHS
from behaviordist.lab.llama import LlamaConfig, flops_per_token
from behaviordist.regimes.artifacts import regime_inputs
from behaviordist.regimes.declaration import Grow, Regime, Spreading, Tuning
from behaviordist.regimes.objective import ANSWER_TOKENS
from behaviordist.regimes.registry import objective

ENGINE_VERSION = 1
"""Part of every artifact's inputs: raise it when the engine's numbers change."""


def train_checkpoint(
    folder: Path, regime: Regime, config: LlamaConfig, source: Path | None, seed: int
) -> None:
    """Train one checkpoint into a folder.

    Parameters
    ----------
    folder
        Where to write (the temporary path of an artifact).
    regime
        What to train for.
    config
        Architecture, used where there is no source.
    source
        Checkpoint to start from; None: random weights of that seed. `grow` makes it larger first.
    seed
        Seed of the data (and of the weights, without a source).

    Notes
    -----
    ``provenance.json`` holds the regime, the source, the seed, whether the regime converged, what
    it cost, and the evidence: every evaluation with the rule it was held against. `grow` adds what
    became larger, and how far that alone moved the function.
    """
    params, grown = None, dict[str, Any]()
    if source is not None:
        loaded = checkpoint.load(source)
        params, config = loaded.params, loaded.config
        if isinstance(regime, Grow):
            params, config, grown = grow_and_measure(loaded, regime.growth, seed)
    run = train(regime, config, [Start(params or initial_params(config, seed), seed)])[0]
    origin = "random weights" if source is None else source.name
    record = provenance(regime, config, run, origin, seed) | grown
    checkpoint.save(folder, run.params, config, record)


def save_random(folder: Path, config: LlamaConfig, seed: int) -> None:
    """Write random weights as a checkpoint: the source called ``random``."""
    record = {"schema": 1, "regime": None, "source": "random weights", "seed": seed}
    checkpoint.save(folder, initial_params(config, seed), config, record)


def provenance(
    regime: Regime, config: LlamaConfig, run: Trained, source: str, seed: int
) -> dict[str, Any]:
    """Describe how weights were reached; what was trained for it first counts in its cost."""
    steps, goal = int(run.steps[-1]), objective(regime.algorithm)
    tokens_before, flops_before = preparation_cost(run, config)
    return {
        "schema": 1,
        "regime": regime_inputs(regime),
        "source": source,
        "seed": seed,
        "engine": {"name": "jax", "version": ENGINE_VERSION},
        "converged": run.stopped,
        "steps": steps,
        "tokens": tokens_before + steps * tokens_per_step(regime),
        "flops": flops_before + steps * flops_per_step(regime, config),
        "score": float(run.scores[-1]),
        "evidence": {
            "score": goal.SCORE,
            "rule": f">= {regime.convergence.at_least:g} at "
            f"{regime.convergence.consecutive} evaluations in a row",
            "steps": run.steps.tolist(),
            "scores": run.scores.tolist(),
            "greedy": run.greedy.tolist(),
            **{name: values.tolist() for name, values in run.measures.items()},
        },
        "prepared": {
            name: provenance(first, config, trained, source, seed)
            for name, (first, trained) in run.prepared.items()
        },
    }


def preparation_cost(run: Trained, config: LlamaConfig) -> tuple[int, float]:
    """Tokens and floating-point operations of what was trained before a run (a reward model)."""
    done = [(regime, int(first.steps[-1])) for regime, first in run.prepared.values()]
    tokens = sum(steps * tokens_per_step(regime) for regime, steps in done)
    return tokens, float(sum(steps * flops_per_step(regime, config) for regime, steps in done))


def tokens_per_step(regime: Regime) -> int:
    """Tokens that one optimizer step trains on (sampled ones included, prompts too)."""
    return objective(regime.algorithm).trained_tokens(regime, _context(regime))


def flops_per_step(regime: Regime, config: LlamaConfig) -> float:
    """Floating-point operations of one optimizer step, its sampling and frozen models included.

    Training costs three forward passes a token; sampling, and the forward passes of a reference,
    a reward model or a teacher, one; evaluations are not counted. See
    `behaviordist.lab.llama.flops_per_token` for the convention and its source.
    """
    context = _context(regime)
    goal = objective(regime.algorithm)
    training = goal.trained_tokens(regime, context) * flops_per_token(config, context)
    sampled = goal.sampled_tokens(regime)
    # A sampler also reads the prompts once; every answer carries its prompt here.
    read = sampled // ANSWER_TOKENS * (context - ANSWER_TOKENS + 1) if sampled else 0
    sampling = (sampled + read) * flops_per_token(config, context, training=False)
    return float(training + sampling) + goal.frozen_flops(regime, config, context)


def _context(regime: Regime) -> int:
    """Tokens of a row that a step reads, padding included: the last one is only predicted."""
    if isinstance(regime, Tuning):
        return KIND_LENGTHS[regime.prompts] - 1
    assert isinstance(regime, Spreading)
    return max(KIND_LENGTHS[kind] for kind, share in regime.mixture.items() if share > 0) - 1
