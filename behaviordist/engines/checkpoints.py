"""From a regime to a checkpoint on disk: weights, tokenizer, and how they were reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.engines.growing import grow_and_measure
from behaviordist.engines.jax_engine import Start, Trained, initial_params, train
from behaviordist.lab import checkpoint
from behaviordist.lab.grammar import KIND_LENGTHS
from behaviordist.lab.llama import LlamaConfig, flops_per_token
from behaviordist.regimes.declaration import Regime
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
        if regime.growth is not None:
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
    """Describe how weights were reached."""
    steps = int(run.steps[-1])
    return {
        "schema": 1,
        "regime": regime.model_dump(mode="json"),
        "source": source,
        "seed": seed,
        "engine": {"name": "jax", "version": ENGINE_VERSION},
        "converged": run.stopped,
        "steps": steps,
        "tokens": steps * tokens_per_step(regime),
        "flops": steps * flops_per_step(regime, config),
        "score": float(run.scores[-1]),
        "evidence": {
            "score": "expected exact match on held-out strings",
            "rule": f">= {regime.convergence.at_least:g} at "
            f"{regime.convergence.consecutive} evaluations in a row",
            "steps": run.steps.tolist(),
            "scores": run.scores.tolist(),
            "greedy": run.greedy.tolist(),
        },
    }


def tokens_per_step(regime: Regime) -> int:
    """Tokens that one optimizer step trains on (sampled ones included, prompts too)."""
    return regime.batch_size * _context(regime)


def flops_per_step(regime: Regime, config: LlamaConfig) -> float:
    """Floating-point operations of one optimizer step, its sampling included.

    Training costs three forward passes a token, sampling one; evaluations are not counted. See
    `behaviordist.lab.llama.flops_per_token` for the convention and its source.
    """
    context = _context(regime)
    training = regime.batch_size * context * flops_per_token(config, context)
    sampled = objective(regime.algorithm).sampled_tokens(regime)
    # A sampler also reads the prompts once; every answer carries its prompt here.
    read = sampled // ANSWER_TOKENS * (context - ANSWER_TOKENS + 1) if sampled else 0
    sampling = (sampled + read) * flops_per_token(config, context, training=False)
    return float(training + sampling)


def _context(regime: Regime) -> int:
    """Tokens of a row that a step reads, padding included: the last one is only predicted."""
    if regime.task is not None:
        return KIND_LENGTHS[regime.prompts] - 1
    return max(KIND_LENGTHS[kind] for kind, share in regime.mixture.items() if share > 0) - 1
