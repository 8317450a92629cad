"""PEFT adapters (LoRA and its kin): a folder of small weights on a base model, never merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.behaviors.weight_files import check_safetensors, read_json_object
from behaviordist.errors import InputError

CONFIG, WEIGHTS, PICKLE = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter rather than a whole model."""
    return (folder / CONFIG).is_file() and not (folder / "config.json").is_file()


def base_of(folder: Path) -> str:
    """Return the base model that the adapter names: a path or a hub id.

    A relative path is taken from the adapter's folder if it leads somewhere from there.

    Raises
    ------
    InputError
        If the configuration names none, or the weights are absent, cut or pickled.
    """
    name = read_json_object(folder / CONFIG).get("base_model_name_or_path")
    if not isinstance(name, str) or not name:
        raise InputError(f"{folder / CONFIG} names no base model (base_model_name_or_path)")
    if not (folder / WEIGHTS).is_file():
        if (folder / PICKLE).is_file():
            raise InputError(
                f"{folder} has only pickled weights ({PICKLE}), which run code when opened;"
                " save the adapter as safetensors"
            )
        raise InputError(f"{folder} has no weights; expected {WEIGHTS}")
    check_safetensors(folder / WEIGHTS)
    beside = folder / name
    return str(beside) if beside.is_dir() else name


def attach(model: Any, folder: Path) -> Any:
    """Put the adapter in `folder` on a loaded base model.

    Raises
    ------
    InputError
        If `peft` is not installed, or the adapter belongs to another base: a matrix of another
        shape, or weights for layers that this base does not have.
    """
    try:
        from peft import PeftModel, get_peft_model_state_dict
    except ImportError:
        raise InputError(
            f"{folder} is an adapter, which needs peft: pip install 'behaviordist[trl]'"
        ) from None
    from safetensors import safe_open

    try:
        adapted = PeftModel.from_pretrained(model, str(folder))
    except Exception as error:  # peft raises what torch or its own matching meets
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{folder} does not fit its base model ({reason})") from None
    with safe_open(folder / WEIGHTS, framework="numpy") as file:
        stored = set(file.keys())
    # peft passes over what it has no place for, and starts at random what is absent.
    strays = stored ^ set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    if strays:
        raise InputError(
            f"{folder} is an adapter for another base: {len(strays)} weights do not match,"
            f" {min(strays)} among them"
        )
    return adapted
