"""Models of `transformers`, opened: what the files say, all of it, and nothing made up."""

from __future__ import annotations

import logging
import tempfile
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partialmethod
from pathlib import Path
from typing import Any

from behaviordist.behaviors.files.checkpoint_files import (
    CheckpointFiles,
    refuse_remote_code,
)
from behaviordist.behaviors.files.weight_files import tensors_of
from behaviordist.behaviors.huggingface import packed
from behaviordist.errors import InputError, in_brief

TYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16", "F64": "float32"}
# Where weights in the wider type take more of the free memory than this, they stay as stored.
SHARE_OF_MEMORY = 0.7
# What device=auto may take of each device, as accelerate has it; None: what it finds free.
MEMORY: dict[Any, Any] | None = None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars and warnings of `transformers` off the user's terminal.

    And those of what it imports: torchao names every kernel that this machine has no use for,
    compressed-tensors counts the layers that it unpacks.
    """
    from tqdm import tqdm
    from transformers.utils import logging as bars

    shown, level = bars.is_progress_bar_enabled(), logging.root.manager.disable
    bars.disable_progress_bar()
    logging.disable(logging.WARNING)
    begin = tqdm.__init__
    tqdm.__init__ = partialmethod(begin, disable=True)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        tqdm.__init__ = begin
        logging.disable(level)
        if shown:
            bars.enable_progress_bar()


def refuse_foreign(folder: Path, raw: dict[str, Any]) -> None:
    """Refuse a configuration that runs code, or is that of no language model.

    Raises
    ------
    InputError
        Naming what it asks for.
    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    refuse_remote_code(folder, raw, str(raw.get("model_type")) in CONFIG_MAPPING_NAMES)
    with quiet():
        packed.refuse_unknown(folder, raw.get("quantization_config"))
    names = raw.get("architectures")
    heads = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    if isinstance(names, list) and names and not heads & set(map(str, names)):
        raise InputError(
            f"{folder}: config.json says {str(names[0])[:60]}, which is no language model: it has"
            " no head over the vocabulary (a reward, embedding or classification model)"
        )


def open_config(files: CheckpointFiles) -> Any:
    """Return the configuration in a checkpoint's files.

    Raises
    ------
    InputError
        If `transformers` does not know it.
    """
    from transformers import AutoConfig

    with files.without_weights().view() as view, quiet():
        try:
            return AutoConfig.from_pretrained(
                str(view), local_files_only=True, trust_remote_code=False
            )
        except Exception as error:
            raise files.refused(view, "its config.json", error) from None


def open_model(files: CheckpointFiles, dtype: str, device: str | None = None) -> Any:
    """Return the model in a checkpoint's files, on its device, ready to be run.

    Raises
    ------
    InputError
        If weights and configuration do not fit each other, both ways, or a package is missing.
    """
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": getattr(torch, dtype)}
    folders = files.linked(), tempfile.TemporaryDirectory(prefix="behaviordist-")
    view, spill = (Path(folder.name) for folder in folders)
    if device == "auto":
        options |= {"device_map": "auto", "offload_folder": str(spill), "max_memory": MEMORY}
    with quiet():
        try:
            model, info = AutoModelForCausalLM.from_pretrained(
                str(view),
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **options,
            )
        except Exception as error:
            for folder in folders:
                folder.cleanup()
            raise files.refused(view, "its weights", error) from None
    # What is left on disk is read from there while it runs: the folders go when the model goes.
    for folder in folders:
        weakref.finalize(model, folder.cleanup)
    check_loaded(info, files.folder)
    check_head(model, files.folder)
    return model


def check_loaded(info: Mapping[str, Any], where: Path) -> None:
    """Refuse a model of which something was missing, or for parts of which there was no place.

    `transformers` fills what is absent with random numbers, and drops what it has no place for.

    Raises
    ------
    InputError
        Naming the first weight.
    """
    for problem, means in (
        ("missing_keys", "has no weights for"),
        ("mismatched_keys", "has weights of another shape than config.json says for"),
        ("error_msgs", "has weights that cannot be read:"),
        ("unexpected_keys", "has weights that config.json has no place for:"),
    ):
        several = sorted(map(str, info.get(problem) or ()))
        if several:
            more = f" and {len(several) - 1} more" if len(several) > 1 else ""
            raise InputError(
                f"{where}: weights do not fit config.json: it {means} {several[0][:120]}{more}"
            )


def check_head(model: Any, where: Path) -> None:
    """Refuse weights with a head of their own under a configuration that has none.

    `transformers` opens them untied, others tie them: two programs, two models.
    """
    import torch

    tied = getattr(model.config.get_text_config(), "tie_word_embeddings", False)
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    if not tied or head is None or getattr(model, "hf_device_map", None):
        return
    one, other = getattr(head, "weight", None), getattr(table, "weight", None)
    if one is None or other is None or one is other or one.shape != other.shape:
        return
    if not torch.equal(one, other):
        raise InputError(
            f"{where}: config.json ties the output head to the embeddings (tie_word_embeddings),"
            " but lm_head.weight is there and differs; set it to false, or take that weight out"
        )


def stored_type(files: CheckpointFiles) -> tuple[str, int]:
    """Return the type of most bytes that are plain numbers, and how many values there are."""
    sizes: Counter[str] = Counter()
    for path in files.weights:
        for kind, size in tensors_of(path).values():
            sizes[kind] += size
    kind = max(TYPES, key=lambda k: sizes[k])
    widths = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2}
    return TYPES[kind], sum(s // widths.get(k, 1) for k, s in sizes.items())


def choose_type(setting: str, stored: str, values: int, device: str | None) -> tuple[str, str]:
    """Return the type to compute in, and a note where it is not the one that was stored.

    `auto` is the stored type on a GPU that has it, and float32 on processors, which have no fast
    arithmetic in 16 bits, unless the weights would not fit into memory.
    """
    import torch

    if setting != "auto":
        return setting, ""
    if stored == "float32":
        return stored, ""
    if torch.cuda.is_available() and device != "cpu":
        fits = stored == "float16" or torch.cuda.is_bf16_supported()
        chosen = stored if fits else "float32"
        return chosen, f"weights are {stored}, run in {chosen} on a GPU"
    chosen = "float32" if 4 * values < SHARE_OF_MEMORY * free_memory() else stored
    why = "" if chosen == "float32" else ": float32 would not fit into memory"
    return chosen, f"weights are {stored}, run in {chosen}{why}"


def free_memory() -> int:
    """Return the bytes of main memory that can be had; without a bound where it is not known."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return 2**62


def place(model: Any, device: str | None) -> Any:
    """Put a model on its device: the first GPU, or the processor, where none is named."""
    import torch

    spread = device == "auto" or getattr(model, "hf_device_map", None)
    if spread or getattr(model, "is_quantized", False):
        return model  # accelerate, or a quantiser, has placed it
    chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return model.to(chosen)
    except (RuntimeError, AssertionError) as error:
        reason = in_brief(error, 120)
        raise InputError(
            f"the model cannot be put on device '{chosen}' ({reason}); try device=cpu or auto"
        ) from None
