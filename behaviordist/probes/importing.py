"""Probe sets from what people have: chat messages, plain text, tables, Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError, did_you_mean
from behaviordist.probes.probe_set import Probe, ProbeSet

TABLES = (".csv", ".tsv", ".parquet")


def from_text(name: str, text: str, share: float = 0.5) -> ProbeSet:
    """Make a probe of every paragraph (blank lines between): its first words are the prompt.

    Parameters
    ----------
    name
        Of the set; ids are `name-0001` and so on.
    text
        Plain text. Paragraphs of fewer than two words are left out.
    share
        Share of a paragraph's words that goes into the prompt, in (0, 1).

    Raises
    ------
    InputError
        If `share` is out of range or no paragraph is long enough.
    """
    if not 0 < share < 1:
        raise InputError(f"the prompt's share must lie between 0 and 1, not {share}")
    probes: list[Probe] = []
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        words = paragraph.split()
        if len(words) < 2:
            continue
        cut = min(max(1, round(share * len(words))), len(words) - 1)
        prompt, continuation = " ".join(words[:cut]), " " + " ".join(words[cut:])
        probes.append(Probe(f"{name}-{len(probes) + 1:04d}", prompt, continuation))
    return ProbeSet(name, tuple(probes))


def from_chats(name: str, rows: Iterable[Mapping[str, Any]], where: str = "row") -> ProbeSet:
    """Make a probe of every conversation: its last assistant message is the continuation.

    A single question is the prompt as it stands, for `chat=on` to put into the model's template;
    longer conversations are written out as `role: text` paragraphs.

    Parameters
    ----------
    name
        Of the set.
    rows
        Objects with `messages`: a list of `{"role", "content"}`; more after the last answer is left
        out.
    where
        What messages call a row.

    Raises
    ------
    InputError
        If a row has no messages, or no answer with something before it.
    """
    probes: list[Probe] = []
    for number, row in enumerate(rows, start=1):
        messages = _messages(row, f"{where} {number}")
        answers = [i for i, m in enumerate(messages) if m["role"] == "assistant" and m["content"]]
        if not answers or not answers[-1]:
            raise InputError(f"{where} {number}: no assistant message with a question before it")
        before, answer = messages[: answers[-1]], messages[answers[-1]]
        if len(before) == 1:
            prompt, continuation = before[0]["content"], answer["content"]
        else:
            lines = [f"{m['role']}: {m['content']}" for m in before]
            prompt, continuation = "\n\n".join([*lines, "assistant:"]), " " + answer["content"]
        probes.append(Probe(f"{name}-{number:04d}", prompt, continuation))
    return ProbeSet(name, tuple(probes))


def from_rows(
    name: str, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], where: str = "row"
) -> ProbeSet:
    """Make a probe of every row of a table.

    Parameters
    ----------
    name
        Of the set.
    rows
        Mappings of column names to values.
    columns
        Which column holds `prompt`, `continuation`, and if given `id`, `tags` (comma-separated) and
        `group`.
    where
        What messages call a row.

    Raises
    ------
    InputError
        If a column is absent, or a text is none.
    """
    probes: list[Probe] = []
    for number, row in enumerate(rows, start=1):
        values: dict[str, str] = {}
        for key, column in columns.items():
            if column not in row:
                known = did_you_mean(column, map(str, row))
                raise InputError(f"{where} {number} has no column '{column}'; {known}")
            if not isinstance(row[column], str):
                raise InputError(f"{where} {number}: column '{column}' is no text: {row[column]!r}")
            values[key] = row[column]
        tags = tuple(t.strip() for t in values.get("tags", "").split(",") if t.strip())
        identity = values.get("id", f"{name}-{number:04d}")
        group = values.get("group") or None
        probes.append(Probe(identity, values["prompt"], values["continuation"], tags, group))
    return ProbeSet(name, tuple(probes))


def read_source(
    name: str,
    source: str,
    columns: Mapping[str, str],
    *,
    split: str = "test",
    share: float = 0.5,
    most: int | None = None,
) -> ProbeSet:
    """Read a user's file, or a Hugging Face dataset where there is no such file.

    `.txt` and `.md` are plain text, `.csv`, `.tsv` and `.parquet` tables, `.jsonl` probes, chats (a
    key `messages`) or, if its lines have other keys, a table. `most` bounds the rows taken.

    Raises
    ------
    InputError
        If the source cannot be read as any of these.
    """
    path = Path(source)
    if not path.is_file():
        return from_rows(name, _dataset(source, split, most), columns, f"{source}: row")
    if path.suffix == ".jsonl":
        return _from_json_lines(name, path, columns, most)
    if path.suffix in TABLES:
        return from_rows(name, _table(path)[:most], columns, f"{path}: row")
    try:
        return from_text(name, path.read_text(encoding="utf-8"), share)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _from_json_lines(
    name: str, path: Path, columns: Mapping[str, str], most: int | None
) -> ProbeSet:
    try:
        lines = [line for line in path.read_bytes().decode().split("\n") if line.strip()]
        rows = [json.loads(line) for line in lines[:most]]
    except ValueError as error:
        raise InputError(f"{path}: not JSON lines in UTF-8 ({error})") from None
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} must hold one JSON object a line")
    if "messages" in rows[0]:
        return from_chats(name, rows, f"{path}: line")
    return from_rows(name, rows, columns, f"{path}: line")


def _messages(row: Mapping[str, Any], where: str) -> list[dict[str, str]]:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InputError(f"{where} has no 'messages' (a list of role and content)")
    for message in messages:
        texts = isinstance(message, dict) and [message.get("role"), message.get("content")]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise InputError(f"{where}: a message needs 'role' and 'content', both texts")
    return messages


def _table(path: Path) -> list[dict[str, Any]]:
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            separator = "\t" if path.suffix == ".tsv" else ","
            frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except Exception as error:  # pandas and pyarrow raise many kinds
        reason = " ".join(str(error).split())[:120]
        raise InputError(f"{path} cannot be read as {path.suffix[1:]} ({reason})") from None
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _dataset(source: str, split: str, most: int | None) -> list[dict[str, Any]]:
    if "/" not in source or Path(source).suffix:
        raise InputError(f"no file {source}; give a file, or a Hugging Face dataset (owner/name)")
    try:
        from datasets import load_dataset
    except ImportError:
        raise InputError(
            f"no file {source}; a Hugging Face dataset of that name needs"
            " pip install 'behaviordist[trl]'"
        ) from None
    try:
        rows = load_dataset(source, split=split if most is None else f"{split}[:{most}]")
    except Exception as error:  # network, hub and format errors of a dozen kinds
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"no file {source}, and no such dataset ({reason})") from None
    return [dict(row) for row in rows]
