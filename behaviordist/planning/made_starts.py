"""Starts that nobody has yet, made out of weights at hand: a mean, and a step beyond the nearest.

The mean of the weights of the nearest checkpoints (model soups, Wortsman et al. 2022), and the base
plus a multiple of the nearest's difference from it (task arithmetic, Ilharco et al. 2023). A made
start is a candidate like any other: its own nats say whether it is worth a run.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.files.weight_files import WEIGHTS, weight_files
from behaviordist.errors import InputError
from behaviordist.store import is_finished, publish

NEAREST, BEYOND = 3, 1.5
FLOATS = ("F64", "F32", "F16", "BF16")
# Beside weights, what a model's folder needs to be opened; answers and records are its maker's.
OPENED_WITH = ("config.json", "generation_config.json", "chat_template.jinja")


@dataclass(frozen=True)
class MadeStart:
    """A start made out of others.

    Attributes
    ----------
    name
        What the plan calls it.
    folder
        Its weights (one safetensors file, float32) with config and tokenizer of the nearest.
    how
        In words.
    """

    name: str
    folder: Path
    how: str


def make_starts(
    nearest: Mapping[str, Path], base: tuple[str, Path] | None, out: Path
) -> tuple[MadeStart, ...]:
    """Write the starts that can be made of the nearest checkpoints; finished ones stay.

    Parameters
    ----------
    nearest
        Name -> folder of weights, from the nearest on; the first `NEAREST` are averaged. Those of
        other tensors than the base (without one: than the first) are passed over: weights of
        another size have no mean.
    base
        Where the difference of the nearest is taken from; None, or the nearest itself: no step
        beyond.
    out
        Folder of the new folders.

    Returns
    -------
    The mean (of two or more) and the step beyond, those of them that can be made.

    Raises
    ------
    InputError
        No weights, damaged ones, or packed ones (integers, scales), whose mean has no meaning.
    """
    if not nearest:
        return ()
    mine = _shapes(next(iter(nearest.values())) if base is None else base[1])
    alike = (name for name, place in nearest.items() if _shapes(place) == mine)
    chosen = list(islice(alike, NEAREST))
    if not chosen:
        return ()
    first, place = chosen[0], nearest[chosen[0]]
    made = []
    if len(chosen) > 1:
        how = f"the mean of the weights of {', '.join(chosen)}"
        parts = [(1 / len(chosen), nearest[name]) for name in chosen]
        made.append(_made("made-mean", parts, place, out, how))
    if base is not None and base[0] != first:
        how = f"{base[0]} + {BEYOND:g} ({first} - {base[0]})"
        parts = [(1 - BEYOND, base[1]), (BEYOND, place)]
        made.append(_made("made-beyond", parts, place, out, how))
    return tuple(made)


def _made(
    name: str, parts: Sequence[tuple[float, Path]], like: Path, out: Path, how: str
) -> MadeStart:
    """Publish a weighted sum of weights."""
    from safetensors.numpy import save_file

    folder = out / name
    inputs = {"how": how, "weights": [[share, _stamps(place)] for share, place in parts]}
    if not is_finished(folder, inputs):
        total: dict[str, NDArray[np.float64]] = {}
        for share, place in parts:
            for key, tensor in _read(place).items():
                total[key] = total.get(key, np.zeros(())) + share * tensor.astype(np.float64)
        with publish(folder, inputs) as temporary:
            temporary.mkdir()
            tensors = {k: np.ascontiguousarray(v, dtype=np.float32) for k, v in total.items()}
            save_file(tensors, temporary / WEIGHTS, metadata={"format": "pt"})
            for file in sorted(like.iterdir()):
                if file.name in OPENED_WITH or file.name.startswith(("tokenizer", "special_")):
                    shutil.copyfile(file, temporary / file.name)
    return MadeStart(name, folder, how)


def _stamps(place: Path) -> list[tuple[str, int, int]]:
    """Return what changes when the weights do: path, bytes, time."""
    files = weight_files(place)
    return [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files]


def _shapes(place: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor, from the headers alone."""
    from safetensors import safe_open

    shapes = {}
    for path in weight_files(place):
        with safe_open(path, framework="numpy") as file:
            for name in sorted(file.keys()):
                part = file.get_slice(name)
                if part.get_dtype() not in FLOATS:
                    raise InputError(
                        f"{place}: {name} is packed ({part.get_dtype()}), and packed weights have"
                        " no mean; convert it first (`behaviordist convert`)"
                    )
                shapes[name] = tuple(part.get_shape())
    return shapes


def _read(place: Path) -> dict[str, NDArray[np.generic]]:
    import ml_dtypes  # noqa: F401  numpy knows bfloat16 only with it
    from safetensors.numpy import load_file

    return {name: t for path in weight_files(place) for name, t in load_file(path).items()}
