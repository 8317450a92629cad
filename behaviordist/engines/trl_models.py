"""Models of engine `trl`: opened from Hugging Face folders, with or without LoRA, and saved so."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError, in_brief
from behaviordist.regimes.sections import Adapter

ADAPTER_CONFIG = "adapter_config.json"


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter rather than a whole model."""
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / "config.json").is_file()


def base_folder(source: Path) -> Path:
    """Return the folder of the whole model that `source` is, or that its adapter sits on.

    Raises
    ------
    InputError
        If there is no such checkpoint, or the adapter's base is not at its place.
    """
    if not source.is_dir():
        raise InputError(f"no checkpoint folder {source}: give a Hugging Face folder")
    if not is_adapter(source):
        if not (source / "config.json").is_file():
            raise InputError(f"{source} has no config.json: give a Hugging Face checkpoint folder")
        return source
    text = (source / ADAPTER_CONFIG).read_text(encoding="utf-8")
    name = str(json.loads(text).get("base_model_name_or_path"))
    for place in (source / name, Path(name)):
        if place.is_dir():
            return place.resolve()
    raise InputError(f"{source}: its base model '{name}' is not there: copy it to that place")


def load_tokenizer(source: Path) -> Any:
    """Return the tokenizer of a checkpoint, with a padding token.

    Where it names none, or the end marker, another special token pads: a reward model reads the
    last token that is no padding, which should be the end marker.
    """
    from transformers import AutoTokenizer

    folder = source if (source / "tokenizer.json").is_file() else base_folder(source)
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    if tokenizer.eos_token_id is None:
        raise InputError(f"{folder}: the tokenizer has no end-of-text token, so no answer can end")
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id):
        taken = {tokenizer.eos_token, tokenizer.bos_token}
        free = [t for t in (tokenizer.unk_token, *tokenizer.all_special_tokens) if t]
        tokenizer.pad_token = next((t for t in free if t not in taken), tokenizer.eos_token)
    return tokenizer


def load_whole(folder: Path, what: str = "AutoModelForCausalLM", **options: Any) -> Any:
    """Open a whole model in float32 (on these CPUs bfloat16 is several times slower)."""
    import torch
    import transformers

    with quiet():
        try:
            return getattr(transformers, what).from_pretrained(
                str(folder), dtype=torch.float32, **options
            )
        except (OSError, ValueError) as error:
            raise InputError(f"{folder} cannot be opened ({in_brief(error)})") from None


def load_policy(source: Path, adapter: Adapter | None, seed: int) -> Any:
    """Open the model that a run trains.

    An adapter stays one: under a regime with `adapter` the source's own goes on being trained, and
    a whole model gets a new one, which starts as the identity. Under a regime for whole weights an
    adapter is merged first.

    Raises
    ------
    InputError
        If `adapter.target_modules` match nothing, or the source's adapter has another shape.
    """
    import torch
    from peft import PeftModel

    model = load_whole(base_folder(source))
    torch.manual_seed(seed)
    if is_adapter(source):
        tuned = PeftModel.from_pretrained(model, str(source), is_trainable=adapter is not None)
        if adapter is None:
            return tuned.merge_and_unload()
        _check_same(source, tuned.peft_config["default"], adapter)
        return tuned
    return model if adapter is None else add_adapter(model, adapter)


def add_adapter(model: Any, adapter: Adapter, task: str = "CAUSAL_LM") -> Any:
    """Put a new adapter on a model."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=list(adapter.target_modules),
        task_type=task,
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        if "target" not in str(error).lower():
            raise
        import torch

        linear = {n.split(".")[-1] for n, m in model.named_modules() if type(m) is torch.nn.Linear}
        raise InputError(
            f"adapter.target_modules ({', '.join(adapter.target_modules)}) match no layer of this"
            f" model; it has {', '.join(sorted(linear))}"
        ) from None


def _check_same(source: Path, stored: Any, declared: Adapter) -> None:
    same = stored.r == declared.rank and set(stored.target_modules) == set(declared.target_modules)
    if not same:
        raise InputError(
            f"{source} is an adapter of rank {stored.r} on"
            f" {', '.join(sorted(stored.target_modules))},"
            f" the regime asks for rank {declared.rank} on"
            f" {', '.join(sorted(declared.target_modules))}: use one adapter section in all regimes"
        )


def save(folder: Path, model: Any, tokenizer: Any, source: Path) -> None:
    """Write a checkpoint folder: an adapter without its base, or the whole model.

    An adapter names its base by the way from its own folder, so that a study can be moved whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = getattr(model, "peft_config", None)
    if config is not None:
        base = base_folder(source).resolve()
        config["default"].base_model_name_or_path = os.path.relpath(base, folder.resolve())
        model.save_pretrained(str(folder), selected_adapters=["default"])
        (folder / "README.md").unlink(missing_ok=True)  # a card to be filled in by hand
    else:
        model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def padded(rows: Sequence[Sequence[int]], pad: int, side: str, device: Any) -> tuple[Any, Any]:
    """Return rows of ids as one tensor (n, T), padded on a side, and 1 where no padding is."""
    import torch
    from torch.nn.utils.rnn import pad_sequence

    ids = [torch.tensor(row, dtype=torch.long) for row in rows]
    there = [torch.ones_like(row) for row in ids]
    return (
        pad_sequence(ids, True, pad, padding_side=side).to(device),
        pad_sequence(there, True, padding_side=side).to(device),
    )


def matrix_weights(model: Any) -> tuple[int, int]:
    """Numbers in matrices that multiply, the head included: (frozen or not, trained)."""
    import torch

    total = trained = 0
    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            total += module.weight.numel()
            trained += module.weight.numel() if module.weight.requires_grad else 0
    return total, trained


def forward_flops(model: Any, context: float) -> float:
    """Operations of a forward pass, a token: ``2 N + 2 layers context width`` (Kaplan et al. 2020).

    As `behaviordist.lab.llama.flops_per_token` counts; LoRA's own matrices are part of N.
    """
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    width = heads * (getattr(config, "head_dim", None) or config.hidden_size // heads)
    attention = 2.0 * config.num_hidden_layers * context * width
    return float(2.0 * matrix_weights(model)[0] + attention)


def training_flops(model: Any, context: float) -> float:
    """Operations of forward and backward, a token: a frozen matrix has no weight gradient."""
    total, trained = matrix_weights(model)
    return float(3.0 * forward_flops(model, context) - 2.0 * (total - trained))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' own progress bars, reports and notices to each other off the terminal."""
    import datasets
    from transformers.utils import logging

    # What stood before comes back, not what is usual: one use may lie within another.
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    more_bars = not datasets.are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    datasets.disable_progress_bars()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            warnings.filterwarnings("ignore", message="Could not find a config file")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
        if more_bars:
            datasets.enable_progress_bars()
