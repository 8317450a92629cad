"""The lab's engine: trains one small model or a population of them, in JAX.

One compiled function advances a model by several evaluations; a model that has met its stopping
rule is frozen inside it, so that a stop is exact whatever the chunk. A population is the same
function under `vmap` (on an accelerator), or a loop over models (on a CPU, where `vmap` gains
nothing); both give the same curves.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from behaviordist.lab import llama
from behaviordist.lab.llama import LlamaConfig
from behaviordist.regimes.base import require_lab
from behaviordist.regimes.declaration import Regime
from behaviordist.regimes.objective import Batch, Frozen, Hyper
from behaviordist.regimes.registry import objective
from behaviordist.regimes.sections import Stop

STEPS_PER_CALL = 20
"""Optimizer steps that one call of the compiled function covers, about."""


class Start(NamedTuple):
    """Where one training run starts: the source's weights and the seed of its data."""

    params: Any
    seed: int


@dataclass(frozen=True)
class Trained:
    """One finished run.

    Attributes
    ----------
    params
        Weights at the stop.
    steps, scores, greedy
        Arrays (evaluations,): optimizer steps done, the regime's score (expected exact match on
        held-out strings unless its objective says otherwise), the same of greedy answers. The
        first entry is step 0.
    stopped
        Whether the stopping rule was met within the budget.
    measures
        Name -> array (evaluations,): what else the objective measures along the run.
    prepared
        Name -> (regime, run) of what had to be trained before: a reward model.
    """

    params: Any
    steps: NDArray[np.int64]
    scores: NDArray[np.float64]
    greedy: NDArray[np.float64]
    stopped: bool
    measures: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    prepared: Mapping[str, tuple[Regime, Trained]] = field(default_factory=dict)


class _State(NamedTuple):
    params: Any
    optimizer: Any
    key: jax.Array
    streak: jax.Array
    done: jax.Array


def train(
    regime: Regime,
    config: LlamaConfig,
    starts: Sequence[Start],
    *,
    stop: Stop | None = None,
    vectorize: bool | None = None,
) -> list[Trained]:
    """Train every start under one regime.

    Parameters
    ----------
    regime
        What to train for; its budget bounds the steps.
    config
        Architecture shared by all starts.
    starts
        Source weights and data seeds; one run each.
    stop
        Stopping rule; the regime's convergence rule by default.
    vectorize
        Run the population under `vmap`; by default only on an accelerator.

    Returns
    -------
    list of Trained
        In the order of `starts`; the same runs whether vectorized or not.

    Raises
    ------
    InputError
        The regime has a section that this engine does not read.
    """
    require_lab(regime)
    stop = stop or Stop(regime.convergence.at_least, regime.convergence.consecutive)
    if vectorize is None:
        vectorize = jax.default_backend() != "cpu"
    groups = [starts] if vectorize and len(starts) > 1 else [[start] for start in starts]
    # Some libraries (scikit-bio) switch the whole process to float64; a run's numbers must not
    # depend on what else was imported.
    with jax.enable_x64(False):
        return [run for group in groups for run in _train_population(regime, config, group, stop)]


def _train_population(
    regime: Regime, config: LlamaConfig, starts: Sequence[Start], stop: Stop
) -> list[Trained]:
    many = len(starts) > 1
    goal = objective(regime.algorithm)
    # One start keeps the way its population is run: all at once here, one by one on a CPU.
    prepare = functools.partial(train, vectorize=many)
    frozen = goal.frozen(regime, config, starts, prepare)
    # Copied to the device once, not at every call.
    trees = jax.tree.map(jnp.array, _stack([dict(one.trees) for one in frozen], many))
    advance, initialise, score = _compiled(config, Hyper.of(regime), many)
    rngs = [np.random.default_rng(start.seed) for start in starts]
    held_out, width = goal.held_out(regime), len(goal.MEASURES)
    # NumPy, so that donating the state's buffers cannot take the caller's weights with them.
    params = _stack([jax.tree.map(np.asarray, start.params) for start in starts], many)
    keys = _stack([jax.random.key(start.seed) for start in starts], many)
    state = initialise(params, keys)
    scores = [np.asarray(score(params, held_out, trees)).reshape(len(starts), width)]
    stop_at = np.float32(stop.at_least), np.int32(stop.consecutive)
    done_steps, every = 0, regime.convergence.every
    while done_steps < regime.budget and not bool(np.all(state.done)):
        chunk = min(max(1, STEPS_PER_CALL // every), (regime.budget - done_steps) // every)
        batches = _stack([_draw(regime, rng, done_steps, chunk) for rng in rngs], many)
        state, chunk_scores = advance(state, batches, trees, held_out, *stop_at)
        # found: (evaluations, width), or (models, evaluations, width) for a population.
        scores.extend(
            np.moveaxis(np.asarray(chunk_scores).reshape(len(starts), chunk, width), 1, 0)
        )
        done_steps += chunk * every
    return _results(state, np.stack(scores), frozen, regime, many)


def _results(
    state: _State,
    scores: NDArray[Any],
    frozen: Sequence[Frozen],
    regime: Regime,
    many: bool,
) -> list[Trained]:
    """Cut each model's curve at its stop; `scores` is (evaluations, models, measures)."""
    runs, more = [], objective(regime.algorithm).MEASURES[2:]
    for model, fixed in enumerate(frozen):
        params = jax.tree.map(lambda x, m=model: np.asarray(x[m] if many else x), state.params)
        curve = scores[:, model, :].astype(np.float64)
        curve = curve[~np.isnan(curve[:, 0])]
        steps = np.arange(len(curve), dtype=np.int64) * regime.convergence.every
        stopped = bool(np.atleast_1d(np.asarray(state.done))[model])
        measures = dict(zip(more, curve.T[2:], strict=True))
        score, greedy = curve.T[:2]
        runs.append(Trained(params, steps, score, greedy, stopped, measures, fixed.prepared))
    return runs


def _draw(regime: Regime, rng: np.random.Generator, first: int, chunk: int) -> Batch:
    """Draw `chunk` x `every` batches, leading axes (chunk, every), with their learning rates."""
    every = regime.convergence.every
    draw = objective(regime.algorithm).draw
    batches = [draw(regime, rng) for _ in range(chunk * every)]
    stacked: Batch = {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}
    steps = np.arange(first, first + chunk * every)
    stacked["learning_rate"] = learning_rates(regime, steps)
    return {name: array.reshape(chunk, every, *array.shape[1:]) for name, array in stacked.items()}


def learning_rates(regime: Regime, steps: NDArray[np.int64]) -> NDArray[np.float32]:
    """Learning rate at each step: linear warm-up, then constant or cosine decay to a tenth."""
    warm = np.minimum(1.0, (steps + 1) / max(1, regime.warmup))
    if not regime.decay:
        return (regime.learning_rate * warm).astype(np.float32)
    share = np.clip((steps - regime.warmup) / max(1, regime.budget - regime.warmup), 0, 1)
    return (regime.learning_rate * warm * (0.55 + 0.45 * np.cos(np.pi * share))).astype(np.float32)


def _stack(values: Sequence[Any], many: bool) -> Any:
    """Stack trees over a leading model axis; a single model stays as it is."""
    return jax.tree.map(lambda *xs: jnp.stack(xs), *values) if many else values[0]


@functools.lru_cache(maxsize=16)
def _compiled(config: LlamaConfig, hyper: Hyper, many: bool) -> tuple[Any, Any, Any]:
    """Build the compiled functions of one architecture and one shape of step."""
    optimizer = optax.chain(
        optax.clip_by_global_norm(hyper.clip_norm),
        optax.scale_by_adam(b1=0.9, b2=0.95),
        optax.add_decayed_weights(hyper.weight_decay),
    )
    goal = objective(hyper.algorithm)

    def step(frozen: Any, carry: Any, batch: Any) -> tuple[Any, None]:
        params, moments, key = carry
        key, used = jax.random.split(key)
        gradient = jax.grad(goal.loss)(params, config, {**batch, **frozen}, used, hyper)
        updates, moments = optimizer.update(gradient, moments, params)
        rate = batch["learning_rate"]
        params = jax.tree.map(lambda p, u: p - rate * u, params, updates)
        return (params, moments, key), None

    def block(
        state: _State, batches: Any, frozen: Any, held_out: Any, at_least: Any, consecutive: Any
    ) -> Any:
        carry = (state.params, state.optimizer, state.key)
        (params, moments, key), _ = jax.lax.scan(functools.partial(step, frozen), carry, batches)
        scores = goal.evaluate(goal.deployed(params, hyper), config, held_out, frozen)
        streak = jnp.where(scores[0] >= at_least, state.streak + 1, 0)
        return _State(params, moments, key, streak, streak >= consecutive), scores

    def advance(
        state: _State, batches: Any, frozen: Any, held_out: Any, at_least: Any, consecutive: Any
    ) -> Any:
        def body(state: _State, batches: Any) -> Any:
            # A model that is done keeps its weights; its later scores are missing, not repeated.
            return jax.lax.cond(
                state.done,
                lambda: (state, jnp.full(len(goal.MEASURES), jnp.nan, jnp.float32)),
                lambda: block(state, batches, frozen, held_out, at_least, consecutive),
            )

        return jax.lax.scan(body, state, batches)

    def initialise(params: Any, key: Any) -> _State:
        return _State(params, optimizer.init(params), key, jnp.int32(0), jnp.bool_(False))

    def score(params: Any, held_out: Any, frozen: Any) -> Any:
        return goal.evaluate(goal.deployed(params, hyper), config, held_out, frozen)

    if many:
        advance = jax.vmap(advance, in_axes=(0, 0, 0, None, None, None))
        initialise, score = jax.vmap(initialise), jax.vmap(score, in_axes=(0, None, 0))
    return jax.jit(advance, donate_argnums=0), jax.jit(initialise), jax.jit(score)


def initial_params(config: LlamaConfig, seed: int) -> Any:
    """Random weights: where pre-training starts, and the source called ``random``."""
    with jax.enable_x64(False):
        return llama.init(config, seed)
