"""PEFT adapters (LoRA and its kin): a folder of small weights on a base model, never merged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.behaviors.files.weight_files import check_safetensors, read_json_object
from behaviordist.errors import InputError, in_brief

EMBEDDINGS = ("embed_tokens", "lm_head", "wte", "embed_in", "embed_out", "word_embeddings")
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


def virtual_tokens(folder: Path) -> int:
    """Return how many places before every text an adapter takes (prompt, p- and prefix tuning)."""
    count = read_json_object(folder / CONFIG).get("num_virtual_tokens")
    return count if isinstance(count, int) else 0


def switched_on(model: Any) -> list[Any]:
    """Return which adapters of a model in memory are active, and how strongly, layer by layer."""
    layers = [
        [
            name,
            [str(adapter) for adapter in layer.active_adapters],
            layer.disable_adapters,
            {str(k): float(v) for k, v in getattr(layer, "scaling", {}).items()},
        ]
        for name, layer in model.named_modules()
        if isinstance(getattr(layer, "disable_adapters", None), bool)  # a method of whole models
    ]
    whole = getattr(model, "active_adapter", None)
    return [*layers, whole if isinstance(whole, str) else None]


def attach(model: Any, folder: Path) -> Any:
    """Put the adapter in `folder` on a loaded base model.

    Raises
    ------
    InputError
        If `peft` is not installed, or the adapter belongs to another base: a matrix of another
        shape, weights for layers that this base does not have, more tokens than it has, another
        copy of its embeddings.
    """
    try:
        from peft import PeftModel, get_peft_model_state_dict
    except ImportError:
        raise InputError(
            f"{folder} is an adapter, which needs peft: pip install 'behaviordist[trl]'"
        ) from None
    _check_rows(model, folder)
    try:
        adapted = PeftModel.from_pretrained(model, str(folder))
    except Exception as error:  # peft raises what torch or its own matching meets
        raise InputError(f"{folder} does not fit its base model ({in_brief(error)})") from None
    # peft passes over what it has no place for, and starts at random what is absent. Matrices of
    # the base (embeddings, head) may stand beside the adapter's own.
    stored = set(_stored(folder))
    whole = get_peft_model_state_dict(adapted, save_embedding_layers=True)
    needed = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    strays = (stored - set(whole)) | (needed - stored)
    if strays:
        raise InputError(
            f"{folder} is an adapter for another base: {len(strays)} weights do not match,"
            f" {min(strays)} among them"
        )
    _check_copies(folder, {name: whole[name] for name in stored - needed})
    return adapted


def _stored(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor in the adapter's file."""
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="numpy") as file:
        names = file.keys()
        return {name: tuple(file.get_slice(name).get_shape()) for name in names}


def _check_rows(model: Any, folder: Path) -> None:
    """Refuse an adapter that was trained after tokens had been added to its base."""
    rows = model.get_input_embeddings().weight.shape[0]
    for name, shape in _stored(folder).items():
        part = next((p for p in name.split(".") if p in EMBEDDINGS), None)
        if part and len(shape) == 2 and "lora_" not in name and shape[0] > rows:
            raise InputError(
                f"{folder} was trained on more tokens than its base has: its {part} has {shape[0]}"
                f" rows, the base {rows}; give the merged model (merge_and_unload, save_pretrained)"
            )


def _check_copies(folder: Path, loaded: dict[str, Any]) -> None:
    """Refuse an adapter whose copies of the base's matrices are not those that will run."""
    import torch
    from safetensors import safe_open

    with safe_open(folder / WEIGHTS, framework="pt") as file:
        for name, weight in loaded.items():
            if not torch.equal(file.get_tensor(name).to(weight), weight):
                raise InputError(
                    f"{folder}: its {name} is not the base's, and peft does not load it; give the"
                    " base that it was trained on, or the merged model"
                )
