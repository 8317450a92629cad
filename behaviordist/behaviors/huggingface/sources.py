"""Where a model comes from: a folder, an adapter on one, a GGUF file, or memory."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from behaviordist.behaviors.files.checkpoint_files import (
    CheckpointFiles,
    checkpoint_digest,
    checkpoint_files,
    read_config,
)
from behaviordist.behaviors.huggingface import adapters, gguf_files, opening, packed
from behaviordist.behaviors.text import tokens
from behaviordist.behaviors.text.tokens import Tokens
from behaviordist.errors import InputError
from behaviordist.store import digest_of


class Source(Protocol):
    """A model and its tokenizer, before any setting.

    Attributes
    ----------
    digest
        Of every byte that can reach the numbers.
    notes
        What a report should say about the files.
    config
        The configuration of `transformers`.
    stored
        The type of the weights, and the number of values.
    name
        Of the file or folder, for people.
    virtual_tokens
        Places that an adapter takes before every text.
    """

    @property
    def digest(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def config(self) -> Any: ...
    @property
    def stored(self) -> tuple[str, int]: ...
    @property
    def virtual_tokens(self) -> int: ...
    @property
    def name(self) -> str: ...

    def check(self) -> None:
        """Raise the InputError that `open` would raise, as far as it can be told before."""
        ...

    def tokens(self) -> Tokens:
        """Return what its files make of a text."""
        ...

    def open(self, dtype: str, device: str | None) -> Any:
        """Return the model, without its adapter."""
        ...

    def adapt(self, model: Any) -> Any:
        """Return the model with its adapter, if there is one."""
        ...


@dataclass(frozen=True)
class FolderSource:
    """A checkpoint's folder, and the folder of an adapter on it."""

    files: CheckpointFiles
    adapter: Path | None = None

    @property
    def digest(self) -> str:
        if self.adapter is None:
            return self.files.digest
        theirs = checkpoint_digest(self.adapter, (self.adapter / adapters.WEIGHTS,))
        return digest_of([self.files.digest, theirs])

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self.files.notes, *self.tokens().notes)

    @property
    def config(self) -> Any:
        return _config(self.files, self.files.without_weights().digest)

    @property
    def stored(self) -> tuple[str, int]:
        return opening.stored_type(self.files)

    @property
    def name(self) -> str:
        return self.files.folder.name

    @property
    def virtual_tokens(self) -> int:
        return 0 if self.adapter is None else adapters.virtual_tokens(self.adapter)

    def check(self) -> None:
        """Refuse two sets of weights in one folder."""
        self.files.check()

    def tokens(self) -> Tokens:
        """Return what its files make of a text."""
        small = self.files.without_weights()
        with opening.quiet():
            return tokens.tokens_of(small, small.digest)

    def open(self, dtype: str, device: str | None) -> Any:
        """Return the model, without its adapter."""
        return opening.open_model(self.files, dtype, device)

    def adapt(self, model: Any) -> Any:
        """Return the model with its adapter, if there is one."""
        if self.adapter is None:
            return model
        with opening.quiet():
            return adapters.attach(model, self.adapter)


@dataclass(frozen=True)
class GgufSource:
    """A GGUF file."""

    path: Path

    @property
    def digest(self) -> str:
        return gguf_files.files_of(self.path).digest

    @property
    def notes(self) -> tuple[str, ...]:
        return self.tokens().notes

    @property
    def config(self) -> Any:
        with opening.quiet():
            return _gguf_config(self.path, self.digest)

    @property
    def stored(self) -> tuple[str, int]:
        return "float32", 0  # what it is packed in is unpacked

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def virtual_tokens(self) -> int:
        return 0

    def check(self) -> None:
        """Nothing is left to be checked."""

    def tokens(self) -> Tokens:
        """Return what its header makes of a text."""
        with opening.quiet():
            return _gguf_tokens(self.path, self.digest)

    def open(self, dtype: str, device: str | None) -> Any:
        """Return the model as a plain one."""
        import torch

        if device == "auto":
            raise InputError(f"{self.path.name}: device=auto needs a folder of safetensors")
        with opening.quiet():
            return gguf_files.load_model(self.path, getattr(torch, dtype))

    def adapt(self, model: Any) -> Any:
        """Return the model."""
        return model


@dataclass(frozen=True, eq=False)
class MemorySource:
    """A model that is in memory already: a `PreTrainedModel`, or a PEFT model.

    It is run as it is, where it is; nothing of it is changed.
    """

    model: Any
    tokenizer: Any
    name: str

    @property
    def notes(self) -> tuple[str, ...]:
        return ("in memory: its identity is that of its parameters and its configuration",)

    @property
    def config(self) -> Any:
        return self.model.config

    @property
    def stored(self) -> tuple[str, int]:
        return str(self.model.dtype).removeprefix("torch."), self.model.num_parameters()

    @property
    def virtual_tokens(self) -> int:
        config = getattr(self.model, "active_peft_config", None)
        return getattr(config, "num_virtual_tokens", None) or 0

    @property
    def digest(self) -> str:
        """Of parameters, adapters, configurations and tokenizer, computed anew each time."""
        import torch

        whole = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            whole.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            whole.update(flat.view(torch.uint8).numpy().tobytes())
        told = [whole.hexdigest(), self.config.to_json_string(use_diff=False)]
        adapters_told = getattr(self.model, "peft_config", {})
        told += [repr(sorted(c.to_dict().items(), key=str)) for c in adapters_told.values()]
        told.append(json.dumps(adapters.switched_on(self.model)))
        tokenizer = self.tokenizer
        told += [tokenizer.backend_tokenizer.to_str(), str(tokenizer.chat_template)]
        return digest_of(told)

    def check(self) -> None:
        """Nothing is left to be checked."""

    def tokens(self) -> Tokens:
        """Return what the tokenizer makes of a text."""
        return _memory_tokens(self)

    def open(self, dtype: str, device: str | None) -> Any:  # noqa: ARG002
        """Return the model itself."""
        if device is not None:
            raise InputError(f"'{self.name}' is in memory and stays where it is; drop device")
        return self.model

    def adapt(self, model: Any) -> Any:
        """Return the model."""
        return model


@lru_cache(maxsize=4)
def _memory_tokens(source: MemorySource) -> Tokens:
    return tokens.tokens_from(source.tokenizer, source.name)


def source_of(path: Path, adapter: Path | None = None) -> Source:
    """Return the source at a path, its files checked.

    Raises
    ------
    InputError
        If a file is absent, cut, doubled, pickled or wants to run code.
    """
    if path.suffix == ".gguf":
        if adapter is not None:
            raise InputError(f"{adapter}: adapters go on folders, not on {path.name}")
        gguf_files.header(path)
        return GgufSource(path)
    raw = read_config(path)  # what is no checkpoint, or runs code, is told before its weights
    opening.refuse_foreign(path, raw)
    files = checkpoint_files(path, tokenizer_of=adapter)
    packed.refuse_plain(files, raw)
    return FolderSource(files, adapter)


@lru_cache(maxsize=4)
def _config(files: CheckpointFiles, digest: str) -> Any:
    del digest  # part of the cache key, here and below: what changed is read again
    return opening.open_config(files)


@lru_cache(maxsize=4)
def _gguf_config(path: Path, digest: str) -> Any:
    del digest
    return gguf_files.load_config(path)


@lru_cache(maxsize=2)
def _gguf_tokens(path: Path, digest: str) -> Tokens:
    del digest
    return gguf_files.tokens_of(path)
