"""Inference settings: the part of a behavior that is not in the checkpoint.

Settings of two kinds. *Logit-level* ones (temperature, top-k, top-p, min-p) are functions of the
next-token distribution: exact, and need no forward pass of their own. All others change what the
model computes or sees, and are part of `InferenceSettings.forward`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.errors import InputError, did_you_mean
from behaviordist.store.shown import ShownFields

QUANTISATIONS = ("int8", "int4", "int3", "int2", "torchao-int8")
DTYPES = ("auto", "float32", "bfloat16", "float16")
DEVICE = re.compile(r"auto|cpu|mps|(cuda|xpu)(:[0-9]+)?")
SIDES = ("left", "right")
LOGIT_LEVEL = ("temperature", "top_k", "top_p", "min_p")


@dataclass(frozen=True, repr=False)
class InferenceSettings(ShownFields):
    """How a checkpoint is run.

    Parameters
    ----------
    temperature
        Divides the logits; 0 means greedy (all mass on the first most probable token).
    top_k
        Keep the k most probable tokens (ties with the k-th are kept).
    top_p
        Keep the smallest set of most probable tokens whose mass reaches `top_p`.
    min_p
        Keep tokens at least `min_p` times as probable as the most probable one.
    quant
        Quantise the weights: int8 per output channel, int4, int3 and int2 per group, all simulated
        by rounding; torchao-int8 by the torchao library's own int8 weight-only kernels.
    dtype
        Type of weights and activations. The log-softmax is float32 always. "auto" is float32 on a
        processor, where it fits into memory, and the type that is stored on a GPU.
    repetition_penalty
        Divides the positive and multiplies the negative logits of tokens seen so far.
    kv_cache
        Compute the continuation token by token with a key-value cache, as generation does.
    context
        Context window in tokens, if smaller than the model's own.
    sliding_window
        Attend to the last so many tokens only, in every layer (lab checkpoints).
    truncate
        Where a prompt that is too long is cut: "left" drops its beginning, "right" its end. Without
        it, such a probe is an error.
    system
        A system prompt: the chat template's, or text before the prompt and a blank line.
    shots
        Number of other probes of the set that stand, answered, before each prompt.
    chat
        Put the prompt through the tokenizer's chat template as the user's turn.
    bos
        Whether a start token goes first; None leaves it to the tokenizer.
    thoughts
        Number of sampled reasonings over which the answer's distribution is averaged; 0: none.
    thought_tokens
        Longest reasoning.
    device
        Where it is run: "cpu", "cuda", "cuda:1", "mps", or "auto": over all GPUs, main memory and
        disk (accelerate). None: the first GPU, else the processor. No part of the identity.
    revision
        Of a hub id: a branch, a tag (such as "step1000") or a commit. Its files are the identity.

    Notes
    -----
    Logit-level settings apply in the order temperature, top-k, top-p, min-p, as in `transformers`.

    Raises
    ------
    InputError
        If a value is out of range.

    Examples
    --------
    >>> import behaviordist as bd
    >>> bd.InferenceSettings(top_k=50, temperature=0.7).canonical
    'temperature=0.7,top_k=50'
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    quant: str | None = None
    dtype: str = "auto"
    repetition_penalty: float = 1.0
    kv_cache: bool = False
    context: int | None = None
    sliding_window: int | None = None
    truncate: str | None = None
    system: str | None = None
    shots: int = 0
    chat: bool = False
    bos: bool | None = None
    thoughts: int = 0
    thought_tokens: int = 64
    device: str | None = None
    revision: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < np.inf:
            raise InputError(f"temperature must be a number >= 0, not {self.temperature}")
        if self.top_k is not None and self.top_k < 1:
            raise InputError(f"top_k must be at least 1, not {self.top_k}")
        for name in ("top_p", "min_p"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise InputError(f"{name} must be in (0, 1], not {value}")
        _check_choice("quant", self.quant, QUANTISATIONS, optional=True)
        _check_choice("dtype", self.dtype, DTYPES)
        if self.device is not None and not DEVICE.fullmatch(self.device):
            raise InputError(f"device is auto, cpu, mps, cuda or cuda:1, not '{self.device}'")
        _check_choice("truncate", self.truncate, SIDES, optional=True)
        if not 0 < self.repetition_penalty < np.inf:
            raise InputError(f"repetition_penalty must be above 0, not {self.repetition_penalty}")
        if self.context is not None and self.context < 1:
            raise InputError(f"context must be at least 1 token, not {self.context}")
        if self.sliding_window is not None and self.sliding_window < 1:
            raise InputError(f"sliding_window must be at least 1 token, not {self.sliding_window}")
        if self.chat and self.bos is not None:
            raise InputError("bos does nothing with chat=on, where the template decides; drop one")
        if self.thoughts < 0 or self.thought_tokens < 1:
            raise InputError("thoughts must be at least 0, thought_tokens at least 1")
        if self.thoughts and (self.kv_cache or self.repetition_penalty != 1):
            raise InputError("thoughts go with neither kv_cache nor repetition_penalty; drop one")
        if self.shots < 0:
            raise InputError(f"shots must be at least 0, not {self.shots}")

    @property
    def canonical(self) -> str:
        """The settings that differ from the default: `key=value,key=value`, or ""."""
        default = type(self)()
        changed = (
            f.name for f in fields(self) if getattr(self, f.name) != getattr(default, f.name)
        )
        return ",".join(f"{name}={_show(getattr(self, name))}" for name in changed)

    def computed_in(self, dtype: str) -> InferenceSettings:
        """These settings as an identity has them: the type that is computed in, float32 unsaid.

        Where a model comes from, and where it is run, is left out.
        """
        said = "auto" if dtype == "float32" else dtype
        return replace(self, dtype=said, device=None, revision=None)

    @property
    def forward(self) -> InferenceSettings:
        """These settings without the logit-level ones: what one forward pass depends on."""
        default = type(self)()
        return replace(self, **{name: getattr(default, name) for name in LOGIT_LEVEL})

    @property
    def keeps_support(self) -> bool:
        """Whether every token keeps a probability above zero (log geometries need it)."""
        return self.temperature > 0 and not (self.top_k or self.top_p or self.min_p)

    def apply(self, log_p: NDArray[np.float32]) -> NDArray[np.float32]:
        """Apply the logit-level settings to log-probabilities (m, V).

        Without any, `log_p` itself is returned. Removed tokens get -inf. Temperature on
        log-probabilities equals temperature on logits: the normaliser is a constant of the row.
        """
        out = log_p
        if self.temperature == 0:
            out = np.full_like(log_p, -np.inf)
            np.put_along_axis(out, log_p.argmax(axis=1)[:, None], 0.0, axis=1)
        elif self.temperature != 1:
            out = log_softmax(log_p / np.float32(self.temperature))
        if self.top_k is not None and self.top_k < out.shape[1]:
            kth = np.partition(out, -self.top_k, axis=1)[:, -self.top_k, None]
            out = _keep(out, out >= kth)
        if self.top_p is not None and self.top_p < 1:
            out = _keep(out, _nucleus(out, self.top_p))
        if self.min_p is not None:
            floor = out.max(axis=1, keepdims=True) + np.float32(np.log(self.min_p))
            out = _keep(out, out >= floor)
        return out


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Row-wise log-softmax of (m, V) in float32, the normaliser summed in float64."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1, keepdims=True, dtype=np.float64)
    return np.asarray(shifted - np.log(total).astype(np.float32), dtype=np.float32)


def parse_spec(spec: str) -> tuple[str, InferenceSettings]:
    """Split `MODEL@key=value,key=value` into the model and its settings.

    A value with a comma in it is written as a JSON string: `MODEL@system="Be brief, please."`.

    Raises
    ------
    InputError
        On an unknown key, a value that does not parse or is out of range, a key given twice.
    """
    # A path may hold an @ of its own; the settings begin at the first that a key follows.
    start = re.search(r"@(?=\s*([\w-]+\s*=|$))", spec)
    if start is None:
        return spec, InferenceSettings()
    model, tail = spec[: start.start()], spec[start.end() :]
    if not model:
        raise InputError(f"'{spec}' names no model; write MODEL@key=value")
    kinds: dict[str, str] = {f.name: str(f.type) for f in fields(InferenceSettings)}
    values: dict[str, Any] = {}
    for item in _split(tail, spec):
        key, equals, text = (part.strip() for part in item.partition("="))
        key = key.replace("-", "_")
        if not equals and values:
            raise InputError(
                f"""'{spec}': after a comma a setting is expected, not '{item}'; a value with a"""
                f""" comma in it is written in quotes: {list(values)[-1]}="a, b\""""
            )
        if key not in kinds:
            raise InputError(f"'{spec}': unknown setting '{key}'; {did_you_mean(key, kinds)}")
        if not equals or not text:
            raise InputError(f"'{spec}': '{key}' has no value; write {key}=VALUE")
        if key in values:
            raise InputError(f"'{spec}': '{key}' is given twice")
        values[key] = _parse_value(key, text, kinds[key], spec)
    try:
        return model, InferenceSettings(**values)
    except InputError as error:
        raise InputError(f"'{spec}': {error}") from None


def _split(tail: str, spec: str) -> list[str]:
    """Split at commas that are not inside a JSON string."""
    item = r'(?:"(?:[^"\\]|\\.)*"|[^,"])+'
    if not re.fullmatch(rf"\s*({item})?(,({item})?)*", tail):
        raise InputError(f"""'{spec}': unbalanced quotes; write key="a, b" or key=value""")
    return [item_text.strip() for item_text in re.findall(item, tail) if item_text.strip()]


def _parse_value(key: str, text: str, kind: str, spec: str) -> Any:
    if "None" in kind and text.lower() == "none":
        return None
    if "bool" in kind:
        if text.lower() not in _BOOLEANS:
            raise InputError(f"'{spec}': {key} is on or off, not '{text}'")
        return _BOOLEANS[text.lower()]
    reader: type = int if "int" in kind else float if "float" in kind else str
    if text.startswith('"') and reader is str:
        try:
            return json.loads(text, strict=False)
        except ValueError:
            raise InputError(f"'{spec}': {key} is no JSON string") from None
    try:
        return reader(text)
    except ValueError:
        raise InputError(f"'{spec}': {key} must be {reader.__name__}, not '{text}'") from None


_BOOLEANS = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    plain = re.fullmatch(r"[^\s,\"@=][^,\"@\n]*", str(value)) and str(value).lower() != "none"
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def _check_choice(
    name: str, value: str | None, known: tuple[str, ...], *, optional: bool = False
) -> None:
    if value not in known and not (optional and value is None):
        raise InputError(f"unknown {name} '{value}'; {did_you_mean(str(value), known)}")


def _keep(log_p: NDArray[np.float32], kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    return log_softmax(np.where(kept, log_p, np.float32(-np.inf)))


def _nucleus(log_p: NDArray[np.float32], top_p: float) -> NDArray[np.bool_]:
    order = np.argsort(-log_p, axis=1, kind="stable")
    mass = np.exp(np.take_along_axis(log_p, order, axis=1), dtype=np.float64)
    kept = np.empty(log_p.shape, dtype=bool)
    # A token stays while the mass of the more probable ones has not reached top_p.
    np.put_along_axis(kept, order, np.cumsum(mass, axis=1) - mass < top_p, axis=1)
    return kept
