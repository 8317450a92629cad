"""Weights in a folder: safetensors only, one set, every shard what its index says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def read_json_object(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file; anything else is an `InputError` that names the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold a JSON object, not {type(value).__name__}")
    return value


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the folder's safetensors files, each checked for a whole header.

    Raises
    ------
    InputError
        If there are none, only pickled ones, two sets, a shard is missing, a file is cut, or a
        shard holds other tensors than the index says.
    """
    whole = (folder / WEIGHTS).is_file()
    if not (folder / INDEX).is_file():
        if not whole:
            raise _no_weights(folder)
        check_safetensors(folder / WEIGHTS)
        return (folder / WEIGHTS,)
    mapping = read_json_object(folder / INDEX).get("weight_map")
    if not isinstance(mapping, dict) or not mapping:
        raise InputError(f"{folder / INDEX} has no 'weight_map'")
    names = sorted(set(map(str, mapping.values())))
    absent = [n for n in names if Path(n).name != n or not (folder / n).is_file()]
    if whole and len(absent) == len(names):  # an index that another save left
        check_safetensors(folder / WEIGHTS)
        return (folder / WEIGHTS,)
    if absent:
        raise InputError(f"{folder}: shard {absent[0]} is named in {INDEX} but is not there")
    for name in names:
        check_safetensors(folder / name)
        promised = {tensor for tensor, shard in mapping.items() if shard == name}
        strays = promised ^ tensors_of(folder / name).keys()
        if strays:
            raise InputError(
                f"{folder}: shard {name} does not hold what {INDEX} says ({min(strays)}); shards"
                " of two saves are mixed: save the model again into an empty folder"
            )
    return tuple(folder / name for name in names)


def two_sets(folder: Path, weights: tuple[Path, ...]) -> str:
    """Say so where a folder holds a whole file beside its shards; which one is meant is not known.

    `transformers` opens the whole file, whichever is older.
    """
    if folder / WEIGHTS in weights or not (folder / WEIGHTS).is_file():
        return ""
    return (
        f"{folder} holds two sets of weights: {WEIGHTS}, and {len(weights)} shards that {INDEX}"
        " names; move away the set that another save left"
    )


def check_safetensors(path: Path) -> None:
    """Refuse a file whose header does not describe its bytes."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is no whole safetensors file ({error}); copy it again") from None


def tensors_of(path: Path) -> dict[str, tuple[str, int]]:
    """Return name -> (type, bytes) of the tensors in a safetensors file, from its header."""
    with path.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return {
        name: (entry["dtype"], entry["data_offsets"][1] - entry["data_offsets"][0])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def is_index_used(folder: Path, weights: tuple[Path, ...]) -> bool:
    """Whether the index names the files that are opened."""
    mapping = read_json_object(folder / INDEX).get("weight_map") or {}
    return set(map(str, mapping.values())) == {path.name for path in weights}


def left_over(folder: Path, weights: tuple[Path, ...]) -> list[str]:
    """Name the files in a folder that look like weights and are not opened."""
    patterns = ("*.safetensors", "*.gguf", *PICKLES)
    there = {path.name for pattern in patterns for path in folder.glob(pattern)}
    opened = {path.name for path in weights}
    if (folder / INDEX).is_file() and not is_index_used(folder, weights):
        there.add(INDEX)
    unused = sorted(there - opened - {"training_args.bin"})
    if not unused:
        return []
    more = f" and {len(unused) - 3} more" if len(unused) > 3 else ""
    return [f"{folder.name}: not used, though they lie there: {', '.join(unused[:3])}{more}"]


def _no_weights(folder: Path) -> InputError:
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        return InputError(
            f"{folder} has only pickled weights ({pickles[0]}), which run code when opened;"
            " save them as safetensors (model.save_pretrained(..., safe_serialization=True))"
        )
    return InputError(f"{folder} has no weights; expected {WEIGHTS} or {INDEX}")
