"""Packed weights (GPTQ, FP8, compressed-tensors and others): who opens them, and what is said."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from behaviordist.behaviors.files.checkpoint_files import CheckpointFiles
from behaviordist.behaviors.files.weight_files import tensors_of
from behaviordist.errors import InputError

PLAIN = {"F32", "BF16", "F16", "F64"}
# Methods whose packed weights are never stored as plain floating-point numbers alone.
PACKED = ("fp8", "fbgemm_fp8", "mxfp4", "gptq", "awq", "bitsandbytes")
# Those that this project's extra `quant` opens, on a processor too.
OURS = {"compressed-tensors": "compressed_tensors", "torchao": "torchao"}


def method_of(config: Any) -> str | None:
    """Return who packed the weights, by a configuration's `quantization_config`; None: nobody."""
    if config is None:
        return None
    told = config if isinstance(config, Mapping) else getattr(config, "__dict__", {})
    method = told.get("quant_method", config)
    return str(getattr(method, "value", method))[:40]


def refuse_unknown(folder: Path, packed: Any) -> None:
    """Refuse a method that `transformers` does not know, or whose package is absent.

    Raises
    ------
    InputError
        Naming the method, and the extra that would do.
    """
    method = method_of(packed)
    if method is None or method == "bitsandbytes":
        return
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING  # it loads torchao, loudly

    if method not in AUTO_QUANTIZER_MAPPING:
        raise InputError(
            f"{folder}: its weights are packed by '{method}', which transformers does not know;"
            " use the unpacked model"
        )
    if method in OURS and importlib.util.find_spec(OURS[method]) is None:
        raise InputError(
            f"{folder}: its weights are packed by '{method}', which is not installed:"
            " pip install 'behaviordist[quant]'"
        )
    if any(scheme.get("dynamic") and _of_batch(scheme) for scheme in _activations(packed)):
        raise InputError(
            f"{folder}: config.json rounds activations by one scale for all texts of a batch"
            " (input_activations: dynamic, strategy tensor): no function of a text; use the"
            " unpacked model"
        )


def refuse_plain(files: CheckpointFiles, raw: Mapping[str, Any]) -> None:
    """Refuse plain weights under a configuration that calls them packed.

    `transformers` runs them as they are on one machine and packs them on another.

    Raises
    ------
    InputError
        Naming the method and the type that is stored.
    """
    method = method_of(raw.get("quantization_config"))
    if method not in PACKED:
        return
    kinds = {kind for path in files.weights for kind, _ in tensors_of(path).values()}
    if kinds <= PLAIN:
        raise InputError(
            f"{files.folder}: config.json says that its weights are packed by '{method}', but they"
            f" are plain ({', '.join(sorted(kinds))}); take quantization_config out of config.json"
            " or get the packed weights"
        )


def note(packed: Any) -> str:
    """Return what a report should say about weights that were packed."""
    method = method_of(packed)
    said = f"weights packed by {method}, as stored"
    if method == "fp8":
        return f"{said}; activations are rounded on a GPU, not on a processor"
    if _activations(packed) or (method == "bitsandbytes" and _value(packed, "load_in_8bit")):
        return f"{said}; activations are rounded too"
    return said


def _activations(packed: Any) -> list[Mapping[str, Any]]:
    """Return the schemes of compressed-tensors that round what goes into a layer."""
    groups = _value(packed, "config_groups")
    several = groups.values() if isinstance(groups, Mapping) else ()
    schemes = [_value(group, "input_activations") for group in several]
    return [scheme for scheme in schemes if isinstance(scheme, Mapping)]


def _of_batch(scheme: Mapping[str, Any]) -> bool:
    return scheme.get("strategy") in (None, "tensor")


def _value(told: Any, key: str) -> Any:
    return told.get(key) if isinstance(told, Mapping) else getattr(told, key, None)
