"""Checkpoint folders before anything is opened: what is there, is it whole, is it safe.

What is opened is what was digested: `CheckpointFiles.view` is a folder with links to exactly those
files, so that nothing else that lies in the checkpoint's folder can reach the numbers.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from behaviordist.behaviors.files.weight_files import (
    INDEX,
    WEIGHTS,
    is_index_used,
    left_over,
    read_json_object,
    two_sets,
    weight_files,
)
from behaviordist.errors import InputError, in_brief
from behaviordist.store import digest_of, file_digest

# What decides the outputs besides the weights; provenance and cards do not.
CONFIGURATION = ("config.json", "generation_config.json", "adapter_config.json")
VOCABULARY = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer.model.v3",
    "tekken.json",
    "spiece.model",
    "sentencepiece.model",
    "sentencepiece.bpe.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
)
TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
TOKENIZER = (
    *VOCABULARY,
    *TEMPLATES,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
# `attn_implementation` and its kin name code: the first two are torch's and transformers' own.
ATTENTION = ("eager", "sdpa", None)


@dataclass(frozen=True)
class CheckpointFiles:
    """The files of one model, by the names under which `transformers` looks for them.

    Parameters
    ----------
    folder
        Where they lie, for messages.
    files
        Pairs of a name and a file.
    notes
        What a report should say: files that lie beside them and are not used.
    conflict
        Why the weights cannot be opened, though all files are whole.
    """

    folder: Path
    files: tuple[tuple[str, Path], ...]
    notes: tuple[str, ...] = ()
    conflict: str = ""

    def check(self) -> None:
        """Raise the conflict, if there is one."""
        if self.conflict:
            raise InputError(self.conflict)

    @property
    def digest(self) -> str:
        """One digest of all bytes, remembered while the files do not change."""
        return digest_of(sorted((name, _stamp(path)) for name, path in self.files))

    @property
    def weights(self) -> tuple[Path, ...]:
        """The files that hold tensors."""
        return tuple(path for _, path in self.files if path.suffix in (".safetensors", ".gguf"))

    def refused(self, view: Path, what: str, error: Exception) -> InputError:
        """Return what `transformers` said of a `view` as one line about the user's folder."""
        text = in_brief(str(error).replace(str(view), self.folder.name), 200)
        return InputError(f"{self.folder}: transformers cannot open {what} ({text})")

    def without_weights(self) -> CheckpointFiles:
        """Return what configuration and tokenizer are read from."""
        small = tuple((name, path) for name, path in self.files if path not in self.weights)
        return CheckpointFiles(self.folder, small, self.notes)

    def linked(self) -> tempfile.TemporaryDirectory[str]:
        """Return a folder that holds these files, by their names, and no others."""
        self.check()
        folder = tempfile.TemporaryDirectory(prefix="behaviordist-")
        for place, path in self.files:
            link = Path(folder.name) / place
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(path.resolve())
        return folder

    @contextmanager
    def view(self) -> Iterator[Path]:
        """Yield a folder that holds these files and no others, for a while."""
        with self.linked() as name:
            yield Path(name)


def checkpoint_files(folder: Path, *, tokenizer_of: Path | None = None) -> CheckpointFiles:
    """Return the files of the model in `folder`, each checked for a whole header.

    Parameters
    ----------
    folder
        A Hugging Face checkpoint.
    tokenizer_of
        A folder (an adapter's) whose tokenizer, or chat template, goes before the checkpoint's.

    Raises
    ------
    InputError
        If there are no weights, only pickled ones, two sets of them, a shard is missing or does not
        hold what the index says, or a file is cut.
    """
    weights = weight_files(folder)
    texts = _named(folder, (*CONFIGURATION, *TOKENIZER))
    notes = list(left_over(folder, weights))
    if tokenizer_of is not None:
        theirs = _named(tokenizer_of, TOKENIZER)
        if theirs and not _same_files(theirs, texts):
            what = "tokenizer" if _named(tokenizer_of, VOCABULARY) else "chat template"
            notes.append(f"{what} of the adapter's folder {tokenizer_of.name}, not of its base")
        texts = _overlaid(texts, theirs, tokenizer_of)
    notes += _double_templates(texts)
    files = {**{path.name: path for path in weights}, **texts}
    if (folder / INDEX).is_file() and is_index_used(folder, weights):
        files[INDEX] = folder / INDEX
    conflict = two_sets(folder, weights)
    if conflict:
        files[WEIGHTS] = folder / WEIGHTS  # the identity follows whatever might be meant
    return CheckpointFiles(folder, tuple(sorted(files.items())), tuple(notes), conflict)


def _named(folder: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """Return name -> file for those of the names (or patterns) that are there."""
    there = [path for name in names for path in sorted(folder.glob(name)) if path.is_file()]
    return {str(path.relative_to(folder)): path for path in there}


def _overlaid(
    base: Mapping[str, Path], theirs: Mapping[str, Path], folder: Path
) -> dict[str, Path]:
    """Return the base's files with another tokenizer, or another chat template alone."""
    if not any(name in VOCABULARY for name in theirs):
        only = _named(folder, TEMPLATES)
        return {**base, **only}
    kept = {name: path for name, path in base.items() if name in CONFIGURATION}
    if not _has_template(theirs):
        kept |= {n: p for n, p in base.items() if n in _named(p.parent, TEMPLATES)}
    return {**kept, **theirs}


def _has_template(files: Mapping[str, Path]) -> bool:
    config = files.get("tokenizer_config.json")
    inside = config is not None and "chat_template" in read_json_object(config)
    return inside or any(name.endswith(".jinja") for name in files) or "chat_template.json" in files


def _double_templates(files: Mapping[str, Path]) -> list[str]:
    """Say which chat template is used where a folder holds two that differ."""
    config, file = files.get("tokenizer_config.json"), files.get("chat_template.jinja")
    if config is None or file is None:
        return []
    inside = read_json_object(config).get("chat_template")
    if not isinstance(inside, str) or inside == file.read_text(encoding="utf-8"):
        return []
    return [
        f"{config.parent.name}: two chat templates; chat_template.jinja is used, the one in"
        " tokenizer_config.json is not"
    ]


def _same_files(some: Mapping[str, Path], others: Mapping[str, Path]) -> bool:
    """Whether all of `some` are among the others, byte for byte."""
    return all(n in others and _stamp(p) == _stamp(others[n]) for n, p in some.items())


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json`.

    Raises
    ------
    InputError
        If it is absent or no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(
            f"{folder} has no config.json; give a Hugging Face checkpoint folder{_inside(folder)}"
        )
    return read_json_object(path)


def _inside(folder: Path) -> str:
    """Say which checkpoints lie in a folder that is none."""
    try:
        inner = sorted(p.parent.name for p in folder.glob("*/config.json"))
    except OSError:
        return ""
    return f", such as {folder / inner[0]} ({len(inner)} lie in it)" if inner else ""


def refuse_remote_code(folder: Path, config: dict[str, Any], known: bool) -> None:
    """Refuse a model whose architecture, or attention, is code of its own or of a hub's."""
    if "auto_map" in config and not known:
        raise InputError(
            f"{folder} brings code of its own (auto_map, model_type"
            f" '{config.get('model_type')}'), which behaviordist does not run (trust_remote_code);"
            " convert it to an architecture that transformers knows"
        )
    for key, value in _implementations(config):
        if value not in ATTENTION:
            raise InputError(
                f"{folder / 'config.json'}: {key} is {str(value)[:60]!r}, which loads code from"
                " elsewhere; take it out, or write eager or sdpa"
            )


def _implementations(config: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a configuration and those inside it say about kernels."""
    entries = config.items() if isinstance(config, dict) else ()
    for key, value in entries:
        if "attn_implementation" in key or "experts_implementation" in key:
            leaves = value.values() if isinstance(value, dict) else [value]
            yield from ((key, v if isinstance(v, str) or v is None else str(v)) for v in leaves)
        elif isinstance(value, dict):
            yield from _implementations(value)


def checkpoint_digest(folder: Path, weights: tuple[Path, ...]) -> str:
    """Return the digest of everything in a folder that its outputs depend on."""
    files = {**_named(folder, (*CONFIGURATION, *TOKENIZER)), **{w.name: w for w in weights}}
    return CheckpointFiles(folder, tuple(files.items())).digest


def _stamp(path: Path) -> str:
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, mtime: int) -> str:
    del size, mtime  # part of the cache key: a changed file is read again
    return file_digest(path)
