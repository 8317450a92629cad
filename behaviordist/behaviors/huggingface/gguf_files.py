"""GGUF files, opened through `transformers`, with what the conversion loses put back.

`transformers` turns a GGUF's byte-pair tokenizer into GPT-2's, whatever pre-tokenizer the file
names; digits and words are then split in other places than the model was trained on. The rules
below are those of the named pre-tokenizers (llama.cpp, `src/llama-vocab.cpp`).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from behaviordist.behaviors.files.checkpoint_files import CheckpointFiles
from behaviordist.behaviors.huggingface.opening import check_loaded
from behaviordist.behaviors.text.tokens import Tokens
from behaviordist.errors import InputError, in_brief

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


# What llama.cpp does where a header does not say (src/llama-vocab.cpp): SentencePiece puts a start
# token and a blank before a text; of the byte-level kinds these put a start token.
STARTS = frozenset(
    (
        "llama3",
        "llama-v3",
        "llama-bpe",
        "falcon3",
        "falcon-h1",
        "pixtral",
        "midm-2.0",
        "lfm2",
        "tekken",
        "chameleon",
    )
)
# Of these, a word that is a token is taken whole, whatever its merges.
WHOLE_WORDS = STARTS - {"chameleon"}
MODEL, PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"


def tokens_of(path: Path) -> Tokens:
    """Return the tokenizer of a GGUF file, as llama.cpp reads its header.

    Raises
    ------
    InputError
        As `load_tokenizer`.
    """
    tokenizer, notes = load_tokenizer(path)
    fields = header(path)
    sentencepiece = fields.get(MODEL) == "llama"
    default = sentencepiece or fields.get(PRE) in STARTS
    bos = fields.get("tokenizer.ggml.bos_token_id", 1 if sentencepiece else None)
    eos = fields.get("tokenizer.ggml.eos_token_id", 2 if sentencepiece else None)
    adds = bool(fields.get("tokenizer.ggml.add_bos_token", default))
    if adds and bos is None:
        notes = (*notes, f"{path.name}: its header asks for a start token and names none")
    before = (int(bos),) if adds and bos is not None else ()
    start = next((int(token) for token in (bos, eos) if token is not None), None)
    return Tokens(tokenizer, before, start, notes)


def load_tokenizer(path: Path) -> tuple[Any, tuple[str, ...]]:
    """Return the tokenizer of a GGUF file and the notes that reports should carry.

    Raises
    ------
    InputError
        If the `gguf` package is missing, or the file is cut, in parts, or no GGUF.
    """
    fields = header(path)
    from transformers import AutoTokenizer

    try:
        with files_of(path).view() as folder:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), gguf_file=path.name)
    except Exception as error:  # transformers raises whatever its parsers meet
        raise unreadable(path, error) from None
    if not tokenizer.chat_template and "tokenizer.chat_template" in fields:
        tokenizer.chat_template = fields["tokenizer.chat_template"]
    if fields.get(MODEL) == "llama":
        blank = bool(fields.get("tokenizer.ggml.add_space_prefix", True))
        tokenizer.backend_tokenizer.normalizer = _blanks(blank)
        tokenizer.backend_tokenizer.pre_tokenizer = None
        return tokenizer, ()
    if fields.get(MODEL) != "gpt2":
        return tokenizer, ()
    pre = fields.get(PRE, "")
    if pre in WHOLE_WORDS:
        tokenizer.backend_tokenizer.model.ignore_merges = True
    rule = pre_tokenizer(pre)
    if rule is not None:
        tokenizer.backend_tokenizer.pre_tokenizer = rule
    elif pre not in _known_to_transformers():
        return tokenizer, (
            f"{path.name}: pre-tokenizer '{pre}' is not known here; its tokens may differ from the"
            " original's",
        )
    return tokenizer, ()


def files_of(path: Path) -> CheckpointFiles:
    """Return the file alone: what lies beside it is not read."""
    return CheckpointFiles(path, ((path.name, path),))


def _blanks(before: bool) -> Any:
    """Return SentencePiece's blanks: one before every text, or none."""
    from tokenizers.normalizers import Prepend, Replace, Sequence

    return Sequence([*([Prepend("\u2581")] if before else []), Replace(" ", "\u2581")])


def _known_to_transformers() -> frozenset[str]:
    try:
        from transformers.integrations.gguf import gguf_tokenizer_mapping
    except ImportError:
        return frozenset()
    return frozenset(getattr(gguf_tokenizer_mapping, "GGUF_PRE_TOKENIZER_SPLITS", ()))


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
        with files_of(path).view() as folder:
            model, info = AutoModelForCausalLM.from_pretrained(
                str(folder), gguf_file=path.name, dtype=dtype, output_loading_info=True
            )
    except ImportError as error:
        raise _missing_package(error) from None
    except Exception as error:
        raise unreadable(path, error) from None
    check_loaded(info, path)
    # The quantiser's traces refuse `save_pretrained` and training; the weights are plain already.
    for holder, name in ((model.config, "quantization_config"), (model, "hf_quantizer")):
        if hasattr(holder, name):
            delattr(holder, name)
    model.is_quantized = False
    return model


def load_config(path: Path) -> Any:
    """Return the configuration that the file's header describes."""
    from transformers import AutoConfig

    try:
        with files_of(path).view() as folder:
            return AutoConfig.from_pretrained(str(folder), gguf_file=path.name)
    except Exception as error:
        raise unreadable(path, error) from None


def header(path: Path) -> Mapping[str, Any]:
    """Return the single values of the header; checks that all tensors are in the file.

    Raises
    ------
    InputError
        If the file is cut, no GGUF, or one of several parts.
    """
    return _header(path, path.stat().st_size, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _header(path: Path, size: int, mtime: int) -> Mapping[str, Any]:
    del size, mtime  # part of the cache key: a changed file is read again
    try:
        from gguf import GGUFReader, GGUFValueType
    except ImportError as error:
        raise _missing_package(error) from None
    try:
        reader = GGUFReader(path)
        fields = {
            name: field.contents()
            for name, field in reader.fields.items()
            if field.types and field.types[0] != GGUFValueType.ARRAY
        }
    except Exception as error:  # numpy's own, for a file that is cut or no GGUF
        raise unreadable(path, error) from None
    parts = fields.get("split.count", 1)
    if parts > 1:
        raise InputError(
            f"{path} is part {fields.get('split.no', 0) + 1} of {parts} of a split GGUF; merge them"
            f" first: llama-gguf-split --merge {path.name} WHOLE.gguf"
        )
    return fields


def unreadable(path: Path, reason: Exception | str) -> InputError:
    """Return the error for a file that cannot be opened as GGUF."""
    text = in_brief(reason)
    return InputError(f"{path} cannot be read as GGUF, it may be cut ({text}); copy it again")


def _missing_package(error: ImportError) -> InputError:
    return InputError(
        f"GGUF files need packages that are not installed ({error}):"
        " pip install 'behaviordist[gguf]'"
    )
