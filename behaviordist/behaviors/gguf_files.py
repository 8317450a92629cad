"""GGUF files, opened through `transformers`, with what the conversion loses put back.

`transformers` turns a GGUF's byte-pair tokenizer into GPT-2's, whatever pre-tokenizer the file
names; digits and words are then split in other places than the model was trained on. The rules
below are those of the named pre-tokenizers (llama.cpp, `src/llama-vocab.cpp`).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError

# \p{N} as a token of its own, then GPT-2's rule: what llama.cpp does for these types.
SINGLE_DIGITS = frozenset({"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"})
GPT2 = frozenset({"gpt-2", "default", ""})
SPLITS = {
    "llama-bpe": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "qwen2": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def load_tokenizer(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the tokenizer of a GGUF file and the notes that reports should carry.

    Raises
    ------
    InputError
        If the `gguf` package is missing, or the file is cut or no GGUF.
    """
    fields = header(path)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    except Exception as error:  # transformers raises whatever its parsers meet
        raise unreadable(path, error) from None
    if fields["tokenizer.ggml.model"] != "gpt2":
        return tokenizer, ()
    pre = fields["tokenizer.ggml.pre"]
    rule = pre_tokenizer(pre)
    if rule is None:
        return tokenizer, (
            f"{path.name}: pre-tokenizer '{pre}' is not known here; its tokens may differ from the"
            " original's",
        )
    tokenizer.backend_tokenizer.pre_tokenizer = rule
    return tokenizer, ()


def pre_tokenizer(kind: str) -> Any | None:
    """Return the pre-tokenizer that a GGUF's `tokenizer.ggml.pre` names, or None if unknown."""
    from tokenizers import Regex
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

    gpt2 = ByteLevel(add_prefix_space=False, use_regex=True)
    if kind in GPT2:
        return gpt2
    if kind in SINGLE_DIGITS:
        return Sequence([Digits(individual_digits=True), gpt2])
    if kind in SPLITS:
        split = Split(Regex(SPLITS[kind]), behavior="isolated", invert=False)
        return Sequence([split, ByteLevel(add_prefix_space=False, use_regex=False)])
    return None


def load_model(path: Path, dtype: Any) -> Any:
    """Return the model in a GGUF file as a plain one of `dtype`, fit to be saved and trained."""
    from transformers import AutoModelForCausalLM, modeling_gguf_pytorch_utils
    from transformers.utils import logging

    # The converter's progress bar is its own; transformers' does what the user's settings say.
    modeling_gguf_pytorch_utils.tqdm = logging.tqdm
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, dtype=dtype, output_loading_info=True
        )
    except ImportError as error:
        raise _missing_package(error) from None
    except Exception as error:
        raise unreadable(path, error) from None
    if info["missing_keys"]:
        raise unreadable(path, f"it lacks {sorted(info['missing_keys'])[0]}")
    # The quantiser's traces refuse `save_pretrained` and training; the weights are plain already.
    for holder, name in ((model.config, "quantization_config"), (model, "hf_quantizer")):
        if hasattr(holder, name):
            delattr(holder, name)
    model.is_quantized = False
    return model


@lru_cache(maxsize=4)
def load_config(path: Path) -> Any:
    """Return the configuration that the file's header describes."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name)
    except Exception as error:
        raise unreadable(path, error) from None


@lru_cache(maxsize=4)
def header(path: Path) -> dict[str, str]:
    """Return the tokenizer's type from the header; checks that all tensors are in the file."""
    try:
        from gguf import GGUFReader
    except ImportError as error:
        raise _missing_package(error) from None
    try:
        reader = GGUFReader(path)
    except Exception as error:  # numpy's own, for a file that is cut or no GGUF
        raise unreadable(path, error) from None
    names = ("tokenizer.ggml.model", "tokenizer.ggml.pre")
    return {
        name: str(field.contents()) if (field := reader.fields.get(name)) else "" for name in names
    }


def unreadable(path: Path, reason: Exception | str) -> InputError:
    """Return the error for a file that cannot be opened as GGUF."""
    text = " ".join(str(reason).split())[:160]
    return InputError(f"{path} cannot be read as GGUF, it may be cut ({text}); copy it again")


def _missing_package(error: ImportError) -> InputError:
    return InputError(
        f"GGUF files need packages that are not installed ({error}):"
        " pip install 'behaviordist[gguf]'"
    )
