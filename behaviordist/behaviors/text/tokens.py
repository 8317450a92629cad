"""What a model's own files make of a text: token ids, and what goes before and around them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from behaviordist.behaviors.files.checkpoint_files import CheckpointFiles
from behaviordist.behaviors.files.weight_files import read_json_object
from behaviordist.behaviors.text.chat_templates import ChatTemplate
from behaviordist.errors import InputError, in_brief

# Texts on which two readings of one tokenizer part, where they do.
SPECIMENS = (
    "In 1989 the price was 1234 dollars",
    "  two  blanks\n\n and\tlines \r\n",
    "She'll say DON'T, naïve 東京 ½ x=12;",
    " 7",
    "a",
)
# What a continuation is put behind, where it cannot be put behind its own prompt.
ANCHORS = ("\n", "a", "0", ".", "|", "é")


@dataclass(frozen=True, eq=False)
class Tokens:
    """A tokenizer, as the model's files have it.

    Parameters
    ----------
    tokenizer
        That of `transformers`, made to agree with tokenizer.json.
    before
        Ids that the files put before every text (Llama's BOS; nothing for GPT-2).
    start
        Id that can stand before a first token: BOS, or EOS where there is no BOS.
    notes
        Where two sources of truth differ, and which one is followed.
    """

    tokenizer: Any
    before: tuple[int, ...]
    start: int | None
    notes: tuple[str, ...] = ()
    vocabulary: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocabulary", self.tokenizer.get_vocab())

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text alone, without special tokens around it.

        Raises
        ------
        InputError
            If the vocabulary has no place for it.
        """
        try:
            return list(self.tokenizer.encode(text, add_special_tokens=False))
        except Exception as error:  # the tokenizers library raises no kind of its own
            reason = in_brief(error, 100)
            raise InputError(f"its tokenizer cannot write {text[:30]!r} ({reason})") from None

    def _try(self, text: str) -> list[int] | None:
        try:
            return self.encode(text)
        except InputError:
            return None

    def after(self, prompt: str, ids: Sequence[int], continuation: str) -> list[int]:
        """Return the ids of a continuation behind a prompt whose ids are known.

        They are those of the whole text, cut where the prompt ends. Where a token of the whole
        text stands across that place, they are those of the continuation inside a text.
        """
        whole = self._try(prompt + continuation)
        if whole is not None and whole[: len(ids)] == list(ids):
            return whole[len(ids) :]
        return self.inside(continuation)

    def inside(self, text: str) -> list[int]:
        """Return the ids of a text in the midst of another: no blank is put before it.

        Raises
        ------
        InputError
            If the tokenizer joins it with whatever stands before it.
        """
        alone, others, written = self.encode(text), [], 0
        for anchor in ANCHORS:
            start, both = self._try(anchor), self._try(anchor + text)
            if start is None or both is None:
                continue
            written += 1
            if both[: len(start)] == start:
                others.append(both[len(start) :])
        if not written:  # a vocabulary of whole words
            return alone
        if not others:
            raise InputError(f"its tokenizer joins {text[:20]!r} with whatever stands before it")
        return alone if alone in others else others[0]

    @property
    def template(self) -> ChatTemplate | None:
        """The chat template that is used where none is named.

        Raises
        ------
        InputError
            If there are several, and none is the default.
        """
        if not self.tokenizer.chat_template:
            return None
        try:
            text = self.tokenizer.get_chat_template()
        except ValueError as error:
            raise InputError(in_brief(error)) from None
        return ChatTemplate(text, tuple(self.tokenizer.special_tokens_map.items()))


@lru_cache(maxsize=32)  # a study asks its models in turn, and each takes a second to read
def tokens_of(files: CheckpointFiles, digest: str) -> Tokens:
    """Return the tokenizer in a checkpoint's files.

    Where `AutoTokenizer` rebuilds another normalizer, pre-tokenizer or model than tokenizer.json
    holds, the file is followed: it is what the model was trained with.

    Parameters
    ----------
    files
        With those of the tokenizer.
    digest
        Theirs, so that what changed is read again.

    Raises
    ------
    InputError
        If there is none, or it knows no text.
    """
    del digest
    from tokenizers import Tokenizer
    from transformers import AutoTokenizer

    with files.without_weights().view() as folder:
        try:
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            # Special tokens are added even to a tokenizer that knows no text.
            empty = not tokenizer.get_vocab().keys() - tokenizer.get_added_vocab().keys()
            path = folder / "tokenizer.json"
            stored = Tokenizer.from_file(str(path)) if path.is_file() else None
            config = folder / "tokenizer_config.json"
            told = read_json_object(config) if config.is_file() else {}
        except Exception as error:
            raise files.refused(folder, "its tokenizer", error) from None
    if empty:
        raise InputError(
            f"{files.folder}: its tokenizer has no vocabulary; save the model's tokenizer there"
        )
    notes: tuple[str, ...] = ()
    if stored is not None and hasattr(tokenizer, "backend_tokenizer"):
        notes = _follow(tokenizer, stored, files.folder.name)
    tokens = tokens_from(tokenizer, files.folder)
    return replace(tokens, notes=(*notes, *_start_notes(tokens, told, files.folder.name)))


def tokens_from(tokenizer: Any, where: Path | str) -> Tokens:
    """Return a tokenizer of `transformers` as what it does to a text."""
    bos = tokenizer.bos_token_id
    start = tokenizer.eos_token_id if bos is None else bos
    return Tokens(tokenizer, _added_before(tokenizer, where), start)


def _follow(tokenizer: Any, stored: Any, name: str) -> tuple[str, ...]:
    """Make a tokenizer do what tokenizer.json says; say so where that changes ids."""
    backend = tokenizer.backend_tokenizer
    for one in (backend, stored):  # what a file says of cutting and padding is about training
        one.no_truncation()
        one.no_padding()
    was, right = _ids(backend), _ids(stored)
    backend.normalizer, backend.pre_tokenizer = stored.normalizer, stored.pre_tokenizer
    backend.model, backend.decoder = stored.model, stored.decoder
    if was == right:
        return ()
    if _ids(backend) != right:
        raise InputError(
            f"{name}: tokenizer.json and tokenizer_config.json disagree on the tokens of a text"
            f" ({type(tokenizer).__name__}); save the tokenizer again"
        )
    return (
        f"{name}: tokens as tokenizer.json has them; {type(tokenizer).__name__}, which"
        " tokenizer_config.json names, would split texts otherwise",
    )


def _ids(tokenizer: Any) -> list[list[int]]:
    """Return the ids of the specimens; of none where the vocabulary has no place for one."""
    ids = []
    for text in SPECIMENS:
        try:
            ids.append(tokenizer.encode(text, add_special_tokens=False).ids)
        except Exception:  # the tokenizers library raises no kind of its own
            ids.append([])
    return ids


def _start_notes(tokens: Tokens, told: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Say where tokenizer_config.json and tokenizer.json disagree on the start token."""
    claim = told.get("add_bos_token")
    if not isinstance(claim, bool) or claim == bool(tokens.before):
        return ()
    does = "puts a start token" if tokens.before else "puts no start token"
    other = "bos=off" if tokens.before else "bos=on"
    return (
        f"{name}: its tokenizer {does} before a text, though tokenizer_config.json says"
        f" add_bos_token={str(claim).lower()}; {other} does the other",
    )


def _added_before(tokenizer: Any, where: Path | str) -> tuple[int, ...]:
    """Ids that the tokenizer itself puts before every text; an end after it is no context."""
    words = (tokenizer.decode([i]) for i in sorted(set(tokenizer.get_vocab().values()))[:512])
    for text in itertools.chain(("a", "The cat"), words):
        try:
            plain = list(tokenizer.encode(text, add_special_tokens=False))
            full = list(tokenizer.encode(text, add_special_tokens=True))
        except Exception:  # a vocabulary of a few words has no place for others
            continue
        for place in range(len(full) - len(plain) + 1):
            if plain and full[place : place + len(plain)] == plain:
                return tuple(full[:place])
    raise InputError(
        f"{where}: its tokenizer writes a text otherwise with special tokens around it"
    )
