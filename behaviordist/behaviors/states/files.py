"""Files of hidden states, and beside them one file a head, however many models share it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from behaviordist.behaviors.settings import LOGIT_LEVEL, InferenceSettings, parse_spec
from behaviordist.behaviors.states.behavior import StatesBehavior, TokenStatesBehavior
from behaviordist.behaviors.states.head import Head
from behaviordist.behaviors.states.recording import Recorded
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store.sealed import Sealed, read_sealed, sealed_kind, write_sealed

FORMAT, HEAD = "behaviordist-states-2", "behaviordist-head-2"
HEADS = "heads"


def save_states(
    path: Path,
    recorded: Recorded,
    probes: ProbeSet,
    texts: Mapping[str, str],
    inputs: Any,
) -> None:
    """Write what was recorded: the head first, if it is not there, then the states.

    Parameters
    ----------
    path
        Of the states; heads lie in ``heads`` beside it.
    recorded
        A behavior that was run.
    probes
        What it was run on.
    texts
        What else the header says.
    inputs
        What the manifest says the file depends on.

    Raises
    ------
    InputError
        If a file cannot be written.
    """
    head = recorded.head
    assert head is not None  # it was run
    probe = np.concatenate([rows[0] for rows in recorded.rows])
    order = np.argsort(probe, kind="stable")
    tokens = [rows[2] for rows in recorded.rows]
    known = [t for t in tokens if t is not None]
    token = np.concatenate(known)[order] if len(known) == len(tokens) else np.empty(0, np.int64)
    _save_head(_head_path(path.parent, head.digest), head)
    error = {"kl_mean": recorded.mean, "kl_max": recorded.largest}
    tensors = {
        "states": np.concatenate([rows[1] for rows in recorded.rows])[order],
        "probe": probe[order],
        "token": np.asarray(token, dtype=np.int64),
        "starts": recorded.starts(probes),
        "probes": np.frombuffer(probes.as_bytes(), dtype=np.uint8),
    }
    mine = {
        "label": recorded.label,
        "behavior": recorded.identity,
        "vocabulary": recorded.vocabulary,
        "probe_digest": probes.digest,
        "geometry": "states",
        "dtype": "log-probabilities" if recorded.few else recorded.dtype,
        "head": head.digest,
        "error": json.dumps(error),
    }
    write_sealed(path, FORMAT, tensors, {**texts, **mine}, inputs)


def is_states(path: Path) -> bool:
    """Whether a file says that it holds hidden states."""
    return sealed_kind(path).startswith(FORMAT.rpartition("-")[0])


def load_states(path: Path, settings: InferenceSettings | None = None) -> StatesBehavior:
    """Open a file of hidden states as a behavior.

    Parameters
    ----------
    path
        The file; its head lies in ``heads`` beside it.
    settings
        Logit-level ones to run it with; default those of the file.

    Raises
    ------
    InputError
        If a file is missing, not whole, of another format, or settings need the model.
    """
    file = read_sealed(path, FORMAT, "fingerprint")
    try:
        return _opened(path, file, settings)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: its header lacks or garbles {error}; make it again") from None


def _opened(path: Path, file: Sealed, given: InferenceSettings | None) -> StatesBehavior:
    texts, tensors = file.texts, file.tensors
    label, canonical = texts["label"], texts["settings"]
    settings = parse_spec(f"model@{canonical}")[1] if canonical else InferenceSettings()
    if given is not None and given != InferenceSettings():
        if given.forward != InferenceSettings():
            raise InputError(
                f"{path}: {given.forward.canonical} needs the model; states take temperature,"
                " top_k, top_p, min_p"
            )
        settings = replace(settings, **{name: getattr(given, name) for name in LOGIT_LEVEL})
        label = f"{label}@{given.canonical}"
    error = json.loads(texts["error"])
    note = (
        f"read from a file of hidden states kept as {texts['dtype']}, not from the model: at most"
        f" {error['kl_max']:.1e} nats a token from it (mean {error['kl_mean']:.1e})"
    )
    shared: dict[str, Any] = {
        "label": label,
        "settings": settings,
        "states": tensors["states"],
        "probe": np.array(tensors["probe"]),
        "head": _load_head(texts["head"], path),
        "carried": _probes(tensors["probes"], texts, path),
        "digest": file.digest,
        "notes": (*json.loads(texts["notes"]), note),
        "path": path,
    }
    if not len(tensors["token"]):
        return StatesBehavior(**shared)
    shared |= {name: np.array(tensors[name]) for name in ("token", "starts")}
    return TokenStatesBehavior(**shared)


def _probes(data: NDArray[np.uint8], texts: Mapping[str, str], path: Path) -> ProbeSet:
    probes = ProbeSet.parse(data.tobytes(), texts["probe_set"], str(path))
    if probes.digest != texts["probe_digest"]:
        raise InputError(f"{path}: the probes in it are not those that it names; make it again")
    return probes


def _head_path(folder: Path, digest: str) -> Path:
    return folder / HEADS / f"{digest[:16]}.safetensors"


def _save_head(path: Path, head: Head) -> None:
    if path.exists():
        try:
            read_sealed(path, HEAD, "head")
            return
        except InputError:
            pass  # half of one: it is written anew
    tensors = {
        "weight": head.weight,
        "bias": head.bias,
        "first": head.first,
        "texts": _as_bytes(head.texts),
        "names": _as_bytes(head.names),
    }
    texts = {
        "digest_of_head": head.digest,
        "scale": repr(head.scale),
        "cap": repr(head.cap),
        "vocabulary": head.vocabulary,
    }
    write_sealed(path, HEAD, tensors, texts, texts)


def _load_head(digest: str, of: Path) -> Head:
    path = _head_path(of.parent, digest)
    if not path.exists():
        raise InputError(f"{of}: its head {path} is not there; copy the folder {HEADS} with it")
    file = read_sealed(path, HEAD, "head")
    if file.texts["digest_of_head"] != digest:
        raise InputError(f"{path}: another head than the one of {of}; copy it again")
    return Head(
        weight=file.tensors["weight"],
        bias=np.asarray(file.tensors["bias"]),
        scale=float(file.texts["scale"]),
        cap=float(file.texts["cap"]),
        texts=tuple(json.loads(file.tensors["texts"].tobytes())),
        names=tuple(json.loads(file.tensors["names"].tobytes())),
        first=np.array(file.tensors["first"]),
        vocabulary=file.texts["vocabulary"],
    )


def _as_bytes(words: tuple[str, ...]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(list(words)).encode(), dtype=np.uint8)
