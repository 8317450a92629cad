"""`load`: from what a user names (a folder, a GGUF file, a hub id, with settings) to a behavior."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from behaviordist.behaviors.array_files import READERS, load_arrays
from behaviordist.behaviors.behavior import Behavior
from behaviordist.behaviors.files.weight_files import read_json_object
from behaviordist.behaviors.huggingface.adapters import CONFIG, base_of, is_adapter
from behaviordist.behaviors.lab_models.backend import is_lab_checkpoint, load_lab, runs_in_lab
from behaviordist.behaviors.servers.backend import load_http
from behaviordist.behaviors.settings import InferenceSettings, parse_spec
from behaviordist.behaviors.states.files import is_states, load_states
from behaviordist.errors import InputError, in_brief
from behaviordist.store.stages import stage

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
HUB_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]


def load(
    spec: Any, label: str | None = None, *, tokenizer: Any = None, device: str | None = None
) -> Behavior:
    """Open a model as a behavior.

    Parameters
    ----------
    spec
        `MODEL` or `MODEL@key=value,key=value` (see `InferenceSettings`). MODEL is a checkpoint
        folder (Hugging Face format; the lab's checkpoints run in JAX, others in `transformers`), a
        PEFT adapter's folder, a `.gguf` file, log-probabilities in a file (see `array_files`), a
        fingerprint with hidden states, a hub id such as `HuggingFaceTB/SmolLM2-135M`, or
        `http://HOST:PORT/v1#MODEL`. Or a model in memory: a `PreTrainedModel`, or a PEFT model.
    label
        What matrices call it. Default: the last part of the path, with its settings.
    tokenizer
        Of a model in memory; the others bring their own.
    device
        Where it is run, as `MODEL@device=` says it, which goes first. Not for what is run
        elsewhere or not at all: a server, log-probabilities in a file.

    Returns
    -------
    Behavior
        Checked as far as possible without reading the weights; `forward` reads them.

    Raises
    ------
    InputError
        If there is no such model, or it cannot be opened safely and whole.

    Examples
    --------
    >>> import numpy as np, pathlib, tempfile, behaviordist as bd
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = pathlib.Path(folder.name, "mine.npz")
    >>> np.savez(file, log_p=np.log([[0.5, 0.5]]), probe=[0])
    >>> bd.load(f"{file}@temperature=0.5").label
    'mine@temperature=0.5'
    >>> folder.cleanup()
    """
    if not isinstance(spec, str | Path):
        if device is not None:
            raise InputError("a model in memory stays where it is; leave out device=")
        return _in_memory(spec, label, tokenizer)
    if tokenizer is not None:
        raise InputError("tokenizer= goes with a model in memory; files bring their own")
    model, settings = parse_spec(str(spec))
    if model.startswith(("http://", "https://")):
        return load_http(model, label, settings)
    path = _find(model, settings.revision)
    name = label or _name(model, settings)
    if is_states(path):
        opened = load_states(path, settings)
        return opened if label is None else replace(opened, label=label)
    if path.suffix in READERS:
        return load_arrays(path, name, settings)
    settings = replace(settings, device=settings.device or device)
    if path.is_dir() and runs_in_lab(settings) and is_lab_checkpoint(path):
        return load_lab(path, name, settings)
    from behaviordist.behaviors.huggingface.describe import describe
    from behaviordist.behaviors.huggingface.sources import source_of

    adapter = path if path.is_dir() and is_adapter(path) else None
    return describe(source_of(_base(path) if adapter else path, adapter), name, settings)


def _base(adapter: Path) -> Path:
    """Return the base of an adapter, of the revision that the adapter names."""
    name, told = base_of(adapter), read_json_object(adapter / CONFIG).get("revision")
    return _find(name, told if isinstance(told, str) and not Path(name).exists() else None)


def _in_memory(model: Any, label: str | None, tokenizer: Any) -> Behavior:
    """Describe a model in memory as a behavior."""
    if not hasattr(model, "get_output_embeddings") or not hasattr(model, "state_dict"):
        raise InputError(f"a model is a name, or one of transformers, not {type(model).__name__}")
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise InputError("a model in memory needs its tokenizer: load(model, tokenizer=...)")
    from behaviordist.behaviors.huggingface.describe import describe
    from behaviordist.behaviors.huggingface.sources import MemorySource

    name = label or type(model).__name__
    source = MemorySource(model, tokenizer, name)
    return describe(source, name, InferenceSettings(dtype=source.stored[0]))


def load_all(specs: Sequence[str], device: str | None = None) -> list[Behavior]:
    """Open several models under short labels that are unique among them.

    A label is the last part of the path, or as many parts as make it unique, and the settings after
    an ``@``. `device` as in `load`; no label has it.

    Raises
    ------
    InputError
        If a behavior is named twice, or one cannot be opened.
    """
    behaviors = []
    for spec, label in zip(specs, short_labels(specs), strict=True):
        with stage(f"opening {label}"):
            behaviors.append(load(spec, label, device=device))
    return behaviors


def short_labels(specs: Sequence[str]) -> list[str]:
    """Return the labels of several models, unique among them; none is opened.

    Raises
    ------
    InputError
        If a behavior is named twice.
    """
    parsed = [parse_spec(spec) for spec in specs]
    labels: list[str] = []
    for depth in range(1, 2 + max((len(Path(model).parts) for model, _ in parsed), default=0)):
        labels = [_name(model, settings, depth) for model, settings in parsed]
        if len(set(labels)) == len(labels):
            break
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"'{label}' is named twice; name every behavior once")
    return labels


def _name(model: str, settings: InferenceSettings, depth: int = 1) -> str:
    address, _, served = model.partition("#")
    remote = address.startswith(("http://", "https://"))
    path = Path(served if remote else served or model)
    parts = [p for p in path.parts if p not in ("/", ".", "..")]
    if remote:
        # One model behind two servers is told apart by them. An address is checked where it is
        # opened; what stands before an @ may be a key, and is not repeated.
        parts.insert(0, address.split("/")[2].rpartition("@")[2])
    name = "/".join(parts[-depth:]) or Path(model).resolve().name
    for suffix in (".gguf", *READERS):
        name = name.removesuffix(suffix)
    return f"{name}@{settings.canonical}" if settings.canonical else name


def _find(model: str, revision: str | None = None) -> Path:
    try:
        path = Path(model).expanduser()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (RuntimeError, OSError, ValueError) as error:  # no such user, too long, no permission
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"'{model[:80]}' is no path of a model ({reason})") from None
    if revision is not None and (is_folder or is_file):
        raise InputError(f"{path}: revision is for hub ids; a folder is what it is")
    if is_folder:
        return path
    kinds = (".gguf", *READERS)
    if is_file:
        if path.suffix in kinds:
            return path
        more = (
            "; answers are JSON lines, one object with prompt and answer a line, in a .jsonl file"
            if path.suffix in (".csv", ".json", ".txt", ".tsv")
            else ""
        )
        raise InputError(
            f"{path} is a file of another kind than {', '.join(kinds)}; give a model's folder{more}"
        )
    if not HUB_ID.fullmatch(model) or model.startswith(".") or path.suffix in kinds:
        raise InputError(f"no model at {path}; give a checkpoint folder, a .gguf file or a hub id")
    return _from_hub(model, revision)


def _from_hub(repository: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download

    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on")
    try:
        return Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=HUB_FILES, etag_timeout=10
            )
        )
    except Exception as error:  # the client raises a dozen kinds, network errors among them
        where = "the local cache (HF_HUB_OFFLINE is set)" if offline else "the hub"
        what = f" at revision '{revision}'" if revision else ""
        raise InputError(
            f"no model '{repository}'{what}: there is no such folder, and {where} does not give it"
            f" ({type(error).__name__}: {in_brief(error, 120)})"
        ) from None
