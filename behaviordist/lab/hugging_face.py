"""Between the lab's Llama and Hugging Face's: ``config.json``, tensor names, orientation.

Hugging Face keeps a matrix as ``(out, in)`` and q, k, v, gate, up apart; the lab keeps
``(in, out)`` and joins those that read the same input.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from behaviordist.errors import InputError
from behaviordist.lab.grammar import BOS, EOS, PAD
from behaviordist.lab.llama import LlamaConfig, Params

Tensors = dict[str, np.ndarray]

# What the lab's Llama takes for granted, and a config.json may say otherwise.
PLAIN = {
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
    "quantization_config": None,
}


def config_to_hf(config: LlamaConfig) -> dict[str, Any]:
    """Return the config as Hugging Face's ``config.json``.

    Raises
    ------
    InputError
        The config has a sliding window, which a Llama's folder cannot say.
    """
    if config.sliding_window is not None:
        raise InputError(
            "a Llama's folder has no sliding window: save the model without, and run it with "
            f"sliding_window={config.sliding_window}"
        )
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_dim,
        "intermediate_size": config.intermediate_size,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_positions,
        "rms_norm_eps": config.rms_eps,
        "rope_parameters": {"rope_theta": config.rope_theta, "rope_type": "default"},
        "tie_word_embeddings": config.tie_embeddings,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "pad_token_id": PAD,
        "dtype": "float32",
    }


def config_from_hf(values: dict[str, Any], folder: Path) -> LlamaConfig:
    """Return the config that a ``config.json`` describes; `folder` is for messages.

    Raises
    ------
    InputError
        Not a Llama, or one with biases, another activation, scaled or partial rotary positions.
    """
    where = folder / "config.json"
    if values.get("model_type") != "llama":
        raise InputError(
            f"{where}: model_type is {values.get('model_type')!r}, the lab opens only 'llama': "
            "open it through transformers"
        )
    theta = _plain_rope_theta(values, where)
    for key, plain in PLAIN.items():
        if values.get(key, plain) != plain:
            raise InputError(
                f"{where}: {key} is {values[key]!r}, the lab's Llama has {plain!r}: "
                "open it through transformers"
            )
    try:
        heads = int(values["num_attention_heads"])
        return LlamaConfig(
            vocab_size=int(values["vocab_size"]),
            hidden_size=int(values["hidden_size"]),
            layers=int(values["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(values.get("num_key_value_heads") or heads),
            intermediate_size=int(values["intermediate_size"]),
            rope_theta=theta,
            rms_eps=float(values.get("rms_norm_eps", 1e-6)),
            tie_embeddings=bool(values.get("tie_word_embeddings", False)),
            max_positions=int(values.get("max_position_embeddings", 2048)),
            head_dim=int(values.get("head_dim") or int(values["hidden_size"]) // heads),
        )
    except KeyError as error:
        raise InputError(f"{where}: key {error} is missing: copy the whole config.json") from None
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {error}: every size must be a number") from None


def _plain_rope_theta(values: dict[str, Any], where: Path) -> float:
    """Return theta; transformers 5 keeps it in `rope_parameters`, 4 beside `rope_scaling`."""
    scaling, rope = values.get("rope_scaling") or {}, values.get("rope_parameters") or {}
    top = {"partial_rotary_factor": values.get("partial_rotary_factor")}
    for part in (scaling, rope, top):
        kind = part.get("rope_type", part.get("type", "default"))
        share = part.get("partial_rotary_factor") or 1.0
        if kind != "default" or share != 1.0:
            what = f"rope type '{kind}'" if kind != "default" else f"partial_rotary_factor {share}"
            raise InputError(
                f"{where}: {what} is not known to the lab's Llama, which rotates plainly: "
                "open it through transformers"
            )
    return float(rope.get("rope_theta", values.get("rope_theta", 10_000.0)))


def to_hf(params: Params, config: LlamaConfig) -> Tensors:
    """Return parameters under Hugging Face's names and orientation (``out x in``)."""
    c = config
    tensors: Tensors = {
        "model.embed_tokens.weight": _numpy(params["embed"]),
        "model.norm.weight": _numpy(params["norm"]),
    }
    if not c.tie_embeddings:
        tensors["lm_head.weight"] = _numpy(params["head"]).T
    for i, layer in enumerate(params["layers"]):
        width, kv = c.heads * c.head_dim, c.kv_heads * c.head_dim
        q, k, v = np.split(_numpy(layer["qkv"]), [width, width + kv], axis=1)
        gate, up = np.split(_numpy(layer["gate_up"]), 2, axis=1)
        named = {
            "input_layernorm": _numpy(layer["attention_norm"]),
            "self_attn.q_proj": q.T,
            "self_attn.k_proj": k.T,
            "self_attn.v_proj": v.T,
            "self_attn.o_proj": _numpy(layer["out"]).T,
            "post_attention_layernorm": _numpy(layer["mlp_norm"]),
            "mlp.gate_proj": gate.T,
            "mlp.up_proj": up.T,
            "mlp.down_proj": _numpy(layer["down"]).T,
        }
        tensors |= {f"model.layers.{i}.{name}.weight": value for name, value in named.items()}
    return tensors


def from_hf(tensors: Tensors, config: LlamaConfig, folder: Path) -> Params:
    """Return the parameters in Hugging Face's `tensors`; `folder` is for messages.

    Raises
    ------
    InputError
        A tensor is missing, left over, or of another shape than the config says.
    """
    _check_shapes(tensors, config, folder)

    def get(*names: str) -> jnp.ndarray:
        """Join matrices side by side, turned to act from the right; vectors stay."""
        arrays = [tensors[f"{name}.weight"].astype(np.float32) for name in names]
        return jnp.asarray(np.concatenate([a.T for a in arrays], axis=-1))

    params: Params = {
        "embed": jnp.asarray(tensors["model.embed_tokens.weight"].astype(np.float32)),
        "norm": get("model.norm"),
    }
    if not config.tie_embeddings:
        params["head"] = get("lm_head")
    layers = (f"model.layers.{i}" for i in range(config.layers))
    params["layers"] = [
        {
            "attention_norm": get(f"{n}.input_layernorm"),
            "qkv": get(*(f"{n}.self_attn.{m}_proj" for m in "qkv")),
            "out": get(f"{n}.self_attn.o_proj"),
            "mlp_norm": get(f"{n}.post_attention_layernorm"),
            "gate_up": get(f"{n}.mlp.gate_proj", f"{n}.mlp.up_proj"),
            "down": get(f"{n}.mlp.down_proj"),
        }
        for n in layers
    ]
    return params


def _check_shapes(tensors: Tensors, config: LlamaConfig, folder: Path) -> None:
    expected = dict(_hf_shapes(config))
    # Old writers kept a buffer of rotary frequencies, or the tied head, which say nothing new.
    known_extra = {"lm_head.weight"} if config.tie_embeddings else set()
    extra = {k for k in tensors if not k.endswith("rotary_emb.inv_freq")} - set(expected)
    for names, what in ((set(expected) - set(tensors), "missing"), (extra - known_extra, "extra")):
        if names:
            raise InputError(
                f"{folder}: {len(names)} tensor(s) {what}, such as '{min(names)}': "
                "the weights do not belong to this config.json"
            )
    for name, shape in expected.items():
        if tensors[name].shape != shape:
            raise InputError(
                f"{folder}: tensor '{name}' has shape {tensors[name].shape}, config.json says "
                f"{shape}: the weights do not belong to this config.json"
            )
    if config.tie_embeddings and "lm_head.weight" in tensors:
        head, embed = tensors["lm_head.weight"], tensors["model.embed_tokens.weight"]
        if not np.array_equal(head, embed):
            raise InputError(
                f"{folder}: config.json ties the embeddings but 'lm_head.weight' is another "
                "matrix: set tie_word_embeddings to false"
            )


def _hf_shapes(c: LlamaConfig) -> Iterator[tuple[str, tuple[int, ...]]]:
    d, f = c.hidden_size, c.intermediate_size
    width, kv = c.heads * c.head_dim, c.kv_heads * c.head_dim
    yield "model.embed_tokens.weight", (c.vocab_size, d)
    yield "model.norm.weight", (d,)
    if not c.tie_embeddings:
        yield "lm_head.weight", (c.vocab_size, d)
    for i in range(c.layers):
        for name, shape in (
            ("input_layernorm", (d,)),
            ("self_attn.q_proj", (width, d)),
            ("self_attn.k_proj", (kv, d)),
            ("self_attn.v_proj", (kv, d)),
            ("self_attn.o_proj", (d, width)),
            ("post_attention_layernorm", (d,)),
            ("mlp.gate_proj", (f, d)),
            ("mlp.up_proj", (f, d)),
            ("mlp.down_proj", (d, f)),
        ):
            yield f"model.layers.{i}.{name}.weight", shape


def _numpy(array: Any) -> np.ndarray:
    return np.asarray(array, np.float32)
