"""Checkpoint folders before anything is opened: what is there, is it whole, is it safe."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError
from behaviordist.store import digest_of, file_digest

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")
# What decides the outputs besides the weights; provenance and cards do not.
PARTS = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "adapter_config.json",
)


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json`.

    Raises
    ------
    InputError
        If it is absent or no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder} has no config.json; give a Hugging Face checkpoint folder")
    return read_json_object(path)


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file; anything else is an `InputError` that names the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold a JSON object, not {type(value).__name__}")
    return value


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the folder's safetensors files, each checked for a whole header.

    Raises
    ------
    InputError
        If there are none, only pickled ones, a shard is missing, or a file is cut.
    """
    if (folder / INDEX).is_file():
        mapping = read_json_object(folder / INDEX).get("weight_map")
        if not isinstance(mapping, dict) or not mapping:
            raise InputError(f"{folder / INDEX} has no 'weight_map'")
        files = tuple(folder / name for name in sorted(set(mapping.values())))
    elif (folder / WEIGHTS).is_file():
        files = (folder / WEIGHTS,)
    else:
        raise _no_weights(folder)
    for path in files:
        if not path.is_file():
            raise InputError(f"{folder}: shard {path.name} is named in {INDEX} but is not there")
        check_safetensors(path)
    return files


def check_safetensors(path: Path) -> None:
    """Refuse a file whose header does not describe its bytes."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no whole safetensors file ({error}); copy it again") from None


def refuse_remote_code(folder: Path, config: dict[str, Any], known: bool) -> None:
    """Refuse a model whose architecture is code inside its own folder."""
    if "auto_map" in config and not known:
        raise InputError(
            f"{folder} brings code of its own (auto_map, model_type"
            f" '{config.get('model_type')}'), which behaviordist does not run (trust_remote_code);"
            " convert it to an architecture that transformers knows"
        )


def files_digest(paths: tuple[Path, ...]) -> str:
    """Return one digest of the bytes of some files, remembered while they do not change."""
    stamps = [(p.name, _digest(p, p.stat().st_size, p.stat().st_mtime_ns)) for p in paths]
    return digest_of(sorted(stamps))


def checkpoint_digest(folder: Path, weights: tuple[Path, ...]) -> str:
    """Return the digest of everything in a folder that its outputs depend on."""
    return files_digest((*weights, *(folder / n for n in PARTS if (folder / n).is_file())))


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, mtime: int) -> str:
    del size, mtime  # part of the cache key: a changed file is read again
    return file_digest(path)


def _no_weights(folder: Path) -> InputError:
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        return InputError(
            f"{folder} has only pickled weights ({pickles[0]}), which run code when opened;"
            " save them as safetensors (model.save_pretrained(..., safe_serialization=True))"
        )
    return InputError(f"{folder} has no weights; expected {WEIGHTS} or {INDEX}")
