"""A checkpoint folder grown into a larger one, with what it cost the function measured."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError
from behaviordist.lab import checkpoint, grammar, llama
from behaviordist.lab.checkpoint import Checkpoint
from behaviordist.lab.functions import FUNCTIONS
from behaviordist.lab.hugging_face import config_to_hf
from behaviordist.lab.llama import LlamaConfig, Params
from behaviordist.lab.permutation import permute
from behaviordist.regimes import grow
from behaviordist.regimes.declaration import Growth
from behaviordist.store import digest_of, file_digest, write_json
from behaviordist.store.artifacts import MANIFEST

MEASURED_ROWS, MEASURED_LENGTH = 4, 24
"""Sequences and tokens that the jump is measured on where the model is not the lab's."""

WEIGHTS = frozenset({".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".gguf", ".h5"})
REPLACED = frozenset({"config.json", checkpoint.INDEX, checkpoint.PROVENANCE, MANIFEST})
GROWING = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "rms_norm_eps",
    "dtype",
)
"""Keys of a ``config.json`` that growth changes; the rest stays as the source has it."""


def grow_checkpoint(folder: Path, source: Path, growth: Growth, seed: int) -> dict[str, Any]:
    """Write a larger model than `source` holds into `folder`, with the rest of its files.

    Parameters
    ----------
    folder
        Where to write (the temporary path of an artifact).
    source
        A folder with a plain ``LlamaForCausalLM``: the lab's, or anybody's. Weights are written
        in float32; tokenizer, chat template, cards and the like are copied.
    growth
        The operator and the size after growth.
    seed
        Of the new parameters that are noise, and of the tokens that the jump is measured on.

    Returns
    -------
    dict
        What ``provenance.json`` of the new folder says: source, operator, sizes before and after,
        and the jump (see `measure_jump`).

    Raises
    ------
    InputError
        No plain Llama is in `source`, or the operator cannot reach that size.
    """
    loaded = checkpoint.load(source)
    params, config, grown = grow_and_measure(loaded, growth, seed)
    return _write(folder, source, Checkpoint(params, config, loaded.provenance), seed, grown)


def permute_checkpoint(folder: Path, source: Path, seed: int) -> dict[str, Any]:
    """Write the same function at permuted weights into `folder`, with the rest of its files.

    Returns
    -------
    dict
        What ``provenance.json`` of the new folder says; its jump is rounding.

    Raises
    ------
    InputError
        No plain Llama is in `source`.
    """
    loaded = checkpoint.load(source)
    moved = permute(loaded.params, loaded.config, seed)
    tokens = measured_tokens(loaded.config, seed)
    jump = measure_jump(loaded.params, loaded.config, moved, loaded.config, tokens)
    found = {"permuted": True, "jump": jump}
    return _write(folder, source, replace(loaded, params=moved), seed, found)


def grow_and_measure(
    loaded: Checkpoint, growth: Growth, seed: int
) -> tuple[Params, LlamaConfig, dict[str, Any]]:
    """Return the larger model, its config, and what provenance says: ``growth`` and ``jump``."""
    params, config = grow.apply(growth, loaded.params, loaded.config, seed)
    if config.hidden_size % config.heads:
        raise InputError(
            f"hidden_size {config.hidden_size} is no multiple of {config.heads} heads: transformers"
            " refuses to open such a Llama, give sizes of which one divides the other"
        )
    tokens = measured_tokens(loaded.config, seed)
    return (
        params,
        config,
        {
            "growth": growth_record(growth, loaded.config, config),
            "jump": measure_jump(loaded.params, loaded.config, params, config, tokens),
        },
    )


def growth_record(growth: Growth, before: LlamaConfig, after: LlamaConfig) -> dict[str, Any]:
    """Return the operator and the sizes that it changed, before and after, with parameters."""
    old, new = asdict(before), asdict(after)
    changed = [name for name in new if new[name] != old[name]]
    return {
        "operator": growth.operator,
        "preserves_function": growth.operator in grow.PRESERVING,
        "before": {
            **{name: old[name] for name in changed},
            "parameters": llama.parameter_count(before),
        },
        "after": {
            **{name: new[name] for name in changed},
            "parameters": llama.parameter_count(after),
        },
    }


def measured_tokens(config: LlamaConfig, seed: int) -> NDArray[np.int32]:
    """Tokens (rows, T) that a jump is measured on: the lab's documents, or ids drawn evenly."""
    rng = np.random.default_rng(seed)
    if config.vocab_size == len(grammar.VOCABULARY):
        return grammar.sample_documents(rng, 64, list(FUNCTIONS), 0.5)
    length = min(MEASURED_LENGTH, config.max_positions)
    return rng.integers(config.vocab_size, size=(MEASURED_ROWS, length)).astype(np.int32)


def measure_jump(
    params: Params,
    config: LlamaConfig,
    grown: Params,
    grown_config: LlamaConfig,
    tokens: NDArray[np.int32],
) -> dict[str, float | int]:
    """How far growth moved the function: logits, and distance, at every position of `tokens`.

    Returns
    -------
    dict
        ``max_logit_difference``; ``hellinger``: root mean square over positions of
        ``sqrt(2 - 2 sum sqrt(p q))``, between 0 and 1.41; ``positions``: how many.
    """
    with jax.enable_x64(False):
        before = jnp.asarray(_forward(params, config, tokens))
        after = jnp.asarray(_forward(grown, grown_config, tokens))
        # The difference of roots, not one minus their product: no cancellation near zero.
        roots = [jnp.exp(0.5 * jax.nn.log_softmax(logits)) for logits in (before, after)]
        squared = jnp.mean(jnp.sum((roots[0] - roots[1]) ** 2, axis=-1))
        return {
            "max_logit_difference": float(jnp.max(jnp.abs(after - before))),
            "hellinger": float(jnp.sqrt(squared)),
            "positions": int(tokens.size),
        }


def float32_rounding(
    params: Params, config: LlamaConfig, tokens: NDArray[np.int32]
) -> tuple[float, float]:
    """Largest difference of a model's logits in float32 from those in float64; the largest logit.

    What a growth operator moves in float32 is to be read against it: logits of a trained model are
    tens, so that their own last digits are above 1e-5.
    """
    with jax.enable_x64(True):
        logits = [
            _forward(jax.tree.map(lambda w, to=dtype: jnp.asarray(w, to), params), config, tokens)
            for dtype in (jnp.float32, jnp.float64)
        ]
        single, double = logits
        return float(jnp.max(jnp.abs(single - double))), float(jnp.max(jnp.abs(double)))


_forward = jax.jit(llama.forward, static_argnames="config")


def _write(
    folder: Path, source: Path, made: Checkpoint, seed: int, found: dict[str, Any]
) -> dict[str, Any]:
    """Write what was made of a source, with the rest of its files; return its provenance."""
    record = {
        "schema": 1,
        "source": source.name,
        "source_digest": digest_of([file_digest(p) for p in sorted(source.glob("*.safetensors"))]),
        "seed": seed,
        **found,
        "before": made.provenance,
    }
    checkpoint.save(folder, made.params, made.config, record)
    _copy_other_files(source, folder)
    _write_config(source, folder, made.config)
    return record


def _copy_other_files(source: Path, folder: Path) -> None:
    """Copy what is neither weights nor written anew: tokenizer, template, card, licence."""
    for path in source.iterdir():
        named = path.name not in REPLACED and not path.name.startswith(".")
        if path.is_file() and named and path.suffix not in WEIGHTS:
            shutil.copyfile(path, folder / path.name)


def _write_config(source: Path, folder: Path, config: LlamaConfig) -> None:
    """Write the source's own ``config.json`` with the grown sizes, special tokens and all."""
    values = json.loads((source / "config.json").read_text(encoding="utf-8"))
    values.pop("torch_dtype", None)  # what transformers 4 called `dtype`
    grown = config_to_hf(config)
    write_json(folder / "config.json", {**values, **{key: grown[key] for key in GROWING}})
