"""Llama checkpoints as Hugging Face folders: what the lab writes, ``transformers`` opens, and back.

Writing goes into a folder the caller gives (``store.publish`` makes it atomic); reading refuses,
in one line, whatever the lab's Llama could only get wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  safetensors reads bfloat16 only where numpy knows the type
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from behaviordist.errors import InputError
from behaviordist.lab.grammar import VOCABULARY
from behaviordist.lab.hugging_face import Tensors, config_from_hf, config_to_hf, from_hf, to_hf
from behaviordist.lab.llama import LlamaConfig, Params
from behaviordist.lab.tokenizer import write_tokenizer
from behaviordist.store import write_json

__all__ = ["Checkpoint", "from_hf", "load", "save", "to_hf"]

WEIGHTS, INDEX, PROVENANCE = "model.safetensors", "model.safetensors.index.json", "provenance.json"


@dataclass(frozen=True)
class Checkpoint:
    """A Llama from disk.

    Attributes
    ----------
    params
        Float32 arrays, as `lab.llama` lays them out.
    config
        Its shape.
    provenance
        How the weights were reached, or None where the folder does not say.
    """

    params: Params
    config: LlamaConfig
    provenance: dict[str, Any] | None


def save(folder: Path, params: Params, config: LlamaConfig, provenance: dict[str, Any]) -> None:
    """Write a folder that ``transformers.AutoModelForCausalLM`` opens with the same logits.

    Parameters
    ----------
    folder
        Made if need be. Give the temporary path of ``store.publish`` to have all or nothing.
    params, config
        The model. The lab's tokenizer is written beside it when its vocabulary has that size.
    provenance
        JSON-able: how the weights were reached.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config_to_hf(config))
    tensors = {k: np.ascontiguousarray(v) for k, v in to_hf(params, config).items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    if config.vocab_size == len(VOCABULARY):
        write_tokenizer(folder, config.max_positions)
    write_json(folder / PROVENANCE, provenance)


def load(folder: Path) -> Checkpoint:
    """Read a ``LlamaForCausalLM`` folder, whoever wrote it; weights become float32.

    Raises
    ------
    InputError
        No such folder, no config, not a plain Llama, no safetensors weights (pickled ones are
        refused: opening them runs code), or tensors missing, left over or of another shape.
    """
    if not folder.is_dir():
        raise InputError(f"no checkpoint folder {folder}: give a folder with a config.json")
    config = config_from_hf(_read_json(folder / "config.json"), folder)
    params = from_hf(_read_tensors(folder), config, folder)
    provenance = folder / PROVENANCE
    return Checkpoint(params, config, _read_json(provenance) if provenance.exists() else None)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no {path.name} in {path.parent}: it is no checkpoint folder") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}): write it again") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: a JSON object belongs here, found {type(values).__name__}")
    return values


def _read_tensors(folder: Path) -> Tensors:
    if (folder / WEIGHTS).exists():
        return _read_shard(folder / WEIGHTS)
    if (folder / INDEX).exists():
        weight_map = _read_json(folder / INDEX).get("weight_map")
        if not isinstance(weight_map, dict):
            raise InputError(f"{folder / INDEX}: no 'weight_map' object in it: copy it again")
        shards = sorted({str(shard) for shard in weight_map.values()})
        tensors: Tensors = {}
        for shard in shards:
            tensors |= _read_shard(folder / shard)
        return tensors
    pickled = [p.name for kind in ("*.bin", "*.pt*") for p in sorted(folder.glob(kind))]
    if pickled:
        raise InputError(
            f"{folder} holds only pickled weights ({pickled[0]}), which run code when opened: "
            "save them as safetensors (transformers: save_pretrained)"
        )
    raise InputError(f"no {WEIGHTS} in {folder}: copy the weights beside config.json")


def _read_shard(path: Path) -> Tensors:
    try:
        return dict(load_file(path))
    except FileNotFoundError:
        raise InputError(f"{path} is named in {INDEX} but is not there: copy it too") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file ({error}): copy it again") from None
