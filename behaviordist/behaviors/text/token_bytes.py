"""The bytes that tokens stand for: what models with different tokenizers have in common."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from behaviordist.behaviors.behavior import IntArray
from behaviordist.errors import InputError

NO_BYTE = 256
"""The symbol of tokens without text: end of text, padding, places of the logits without a token."""

SPACE = "▁"
BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def token_bytes(tokenizer: Any, size: int, label: str) -> list[bytes]:
    """Return the bytes of every token id below `size`; empty for tokens that are no text.

    Byte-level vocabularies (GPT-2 and its descendants) and those of SentencePiece with byte
    fallback (Llama 2, Gemma) are read; special tokens are no text.

    Raises
    ------
    InputError
        If the vocabulary is of another kind: its tokens lose what the bytes were.
    """
    spec = json.loads(tokenizer.backend_tokenizer.to_str())
    kinds = _kinds(spec.get("decoder"))
    if "ByteLevel" in kinds:
        alphabet = {c: b for b, c in _byte_alphabet().items()}
    elif "ByteFallback" in kinds or "Metaspace" in kinds:
        alphabet = None
    else:
        raise InputError(
            f"'{label}' has a tokenizer whose tokens are not bytes of the text (decoder"
            f" {' + '.join(kinds) or 'none'}); use --geometry loglik or samples"
        )
    added = {token["id"]: token for token in spec.get("added_tokens", ())}
    pieces = [b""] * size
    for text, index in tokenizer.get_vocab().items():
        if index >= size:
            continue
        if index in added:
            pieces[index] = b"" if added[index]["special"] else text.encode()
        else:
            pieces[index] = _plain(text) if alphabet is None else _byte_level(text, alphabet)
    return pieces


def first_bytes(pieces: Sequence[bytes]) -> IntArray:
    """Return the first byte (0-255) of every token, (V,); `NO_BYTE` for those without text."""
    return np.array([piece[0] if piece else NO_BYTE for piece in pieces], dtype=np.int64)


def boundaries(pieces: Sequence[bytes], text: str) -> list[int]:
    """Return the byte of `text` at which each of its tokens begins.

    A space that the tokenizer puts before every text is no part of it: the first token then begins
    at -1.

    Raises
    ------
    InputError
        If the tokens do not spell the text (a tokenizer that lower-cases or normalises).
    """
    spelled, raw = b"".join(pieces), text.encode()
    starts = np.cumsum([0, *(len(piece) for piece in pieces[:-1])])
    if spelled == b" " + raw:
        return [int(x) - 1 for x in starts]
    if spelled != raw:
        raise InputError(f"its tokenizer writes {raw[:40]!r} as {spelled[:40]!r}")
    return [int(x) for x in starts]


def _plain(text: str) -> bytes:
    byte = BYTE_TOKEN.fullmatch(text)
    return bytes([int(byte[1], 16)]) if byte else text.replace(SPACE, " ").encode()


def _byte_level(text: str, alphabet: dict[str, int]) -> bytes:
    known = all(c in alphabet for c in text)
    return bytes(alphabet[c] for c in text) if known else text.encode()


def _kinds(decoder: Any) -> list[str]:
    """Names of a decoder and of those inside it."""
    if not isinstance(decoder, dict):
        return []
    return [decoder.get("type", ""), *(k for d in decoder.get("decoders", ()) for k in _kinds(d))]


def _byte_alphabet() -> dict[int, str]:
    """GPT-2's map from bytes to printable characters (Radford et al. 2019, released encoder)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in set(printable)]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(rest)}
