"""Probe sets from what people have: chat messages, plain text, tables, Hugging Face datasets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from behaviordist.errors import InputError, did_you_mean, in_brief
from behaviordist.probes.probe import Probe, parse_messages
from behaviordist.probes.probe_set import ProbeSet

TABLES = (".csv", ".tsv", ".parquet")
SAVED = ("state.json", "dataset_dict.json")
"""Files that `save_to_disk` leaves in a folder."""
CONTINUATION = "continuation"
TRL = ("completion", "chosen")
"""What TRL calls a continuation: prompt-completion rows, and the better answer of a pair."""


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


def from_lines(name: str, text: str) -> ProbeSet:
    """Make a probe of every line: a prompt whose continuation is written on policy."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ProbeSet(name, tuple(Probe(f"{name}-{i:04d}", t, "") for i, t in enumerate(lines, 1)))


def from_chats(name: str, rows: Iterable[Mapping[str, Any]], where: str = "row") -> ProbeSet:
    """Make a probe of every conversation: its last assistant message is the continuation.

    Chats stay chats: each model writes them with its own template.

    Parameters
    ----------
    name
        Of the set.
    rows
        Objects with `messages`: a list of `{"role", "content"}`; more after the last answer is left
        out. Where there is no answer, it is written on policy.
    where
        What messages call a row.

    Raises
    ------
    InputError
        If a row has no messages, or nothing stands before its only answer.
    """
    return ProbeSet(
        name,
        tuple(
            _chat(f"{name}-{number:04d}", row.get("messages"), f"{where} {number}")
            for number, row in enumerate(rows, start=1)
        ),
    )


def _chat(identity: str, messages: Any, where: str, rest: tuple[Any, ...] = ()) -> Probe:
    pairs = parse_messages(messages, where)
    answers = [i for i, (role, text) in enumerate(pairs) if role == "assistant" and text]
    last = answers[-1] if answers else len(pairs)
    if not last:
        raise InputError(f"{where}: no question before the assistant's message")
    return Probe.chat(identity, pairs[:last], pairs[last][1] if answers else "", *rest)


def from_rows(
    name: str, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], where: str = "row"
) -> ProbeSet:
    """Make a probe of every row of a table, of the formats that TRL's trainers take among them.

    Parameters
    ----------
    name
        Of the set.
    rows
        Mappings of column names to values. A prompt or continuation is a text or, as TRL has it, a
        list of messages.
    columns
        Which column holds `prompt`, `continuation`, and if given `id`, `tags` (comma-separated) and
        `group`. Where the continuation's is absent, `completion` and `chosen` stand in for it, and
        where they are absent too, it is written on policy.
    where
        What messages call a row.

    Raises
    ------
    InputError
        If a column is absent, or a text is none.
    """
    return ProbeSet(
        name,
        tuple(
            _row(f"{name}-{number:04d}", row, columns, f"{where} {number}")
            for number, row in enumerate(rows, start=1)
        ),
    )


def _row(identity: str, row: Mapping[str, Any], columns: Mapping[str, str], where: str) -> Probe:
    column = columns["continuation"]
    if column not in row and column == CONTINUATION:
        column = next((name for name in TRL if name in row), column)
    prompt, said = row.get(columns["prompt"]), row.get(column)
    whole = isinstance(said, list) and columns["prompt"] not in row  # TRL's implicit prompt
    values: dict[str, str] = {}
    for key, name in columns.items():
        if key == "prompt" and (whole or isinstance(prompt, list)):
            continue
        absent = column not in row and column == CONTINUATION
        if key == "continuation" and (isinstance(said, list) or absent):
            continue
        name = column if key == "continuation" else name
        if name not in row:
            raise InputError(f"{where} has no column '{name}'; {did_you_mean(name, map(str, row))}")
        if not isinstance(row[name], str):
            raise InputError(f"{where}: column '{name}' is no text: {row[name]!r}")
        values[key] = row[name]
    tags = tuple(t.strip() for t in values.get("tags", "").split(",") if t.strip())
    identity = values.get("id", identity)
    rest = (tags, values.get("group") or None)
    if isinstance(prompt, list) or isinstance(said, list):
        before = prompt if isinstance(prompt, list) else []
        if isinstance(prompt, str):
            before = [{"role": "user", "content": prompt}]
        after = said if isinstance(said, list) else []
        if isinstance(said, str):
            after = [{"role": "assistant", "content": said}]
        return _chat(identity, [*before, *after], where, rest)
    return Probe(identity, values["prompt"], values.get("continuation", ""), *rest)


def read_source(
    name: str,
    source: str,
    columns: Mapping[str, str],
    *,
    split: str = "test",
    share: float = 0.5,
    most: int | None = None,
) -> ProbeSet:
    """Read a user's file, a folder, or a Hugging Face dataset where there is neither.

    `.txt` and `.md` are plain text, a prompt a line where no line is blank; `.csv`, `.tsv` and
    `.parquet` tables; `.jsonl` and `.json` (a list) probes, chats (a key `messages`) or, if their
    objects have other keys, a table; a folder is what `Dataset.save_to_disk` wrote. `most` bounds
    the rows taken.

    Raises
    ------
    InputError
        If the source cannot be read as any of these.
    """
    path = Path(source)
    if path.suffix in (".jsonl", ".json") and path.is_file():
        return _from_objects(name, _objects(path)[:most], columns, f"{path}: row")
    if path.suffix in TABLES and path.is_file():
        return from_rows(name, _table(path)[:most], columns, f"{path}: row")
    if not path.is_file():
        saved = any((path / mark).is_file() for mark in SAVED)
        rows = _saved(path, split)[:most] if saved else _dataset(source, split, most)
        return _from_objects(name, rows, columns, f"{source}: row")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    lines = text.strip().splitlines()
    if len(lines) > 1 and all(line.strip() for line in lines):
        return from_lines(name, "\n".join(lines[:most]))
    return from_text(name, text, share)


def _from_objects(
    name: str, rows: list[dict[str, Any]], columns: Mapping[str, str], where: str
) -> ProbeSet:
    if rows and "messages" in rows[0] and columns["prompt"] not in rows[0]:
        return from_chats(name, rows, where)
    return from_rows(name, rows, columns, where)


def _objects(path: Path) -> list[dict[str, Any]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
        if path.suffix == ".json":
            rows = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError) as error:
        kind = "JSON" if path.suffix == ".json" else "JSON lines"
        raise InputError(f"{path}: not {kind} in UTF-8 ({error})") from None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path} must hold one JSON object a line, or a list of objects")
    return rows


def _table(path: Path) -> list[dict[str, Any]]:
    import pandas as pd

    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            separator = "\t" if path.suffix == ".tsv" else ","
            frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except Exception as error:  # pandas and pyarrow raise many kinds
        reason = in_brief(error, 120)
        raise InputError(f"{path} cannot be read as {path.suffix[1:]} ({reason})") from None
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _saved(folder: Path, split: str) -> list[dict[str, Any]]:
    """Return the rows of a folder that `save_to_disk` of `datasets` wrote."""
    try:
        from datasets import DatasetDict, load_from_disk
    except ImportError:
        raise InputError(
            f"{folder} is a folder; reading a saved data set needs pip install 'behaviordist[trl]'"
        ) from None
    try:
        saved = load_from_disk(str(folder))
    except Exception as error:  # files, formats
        reason = in_brief(error, 120)
        raise InputError(f"{folder} is no data set that save_to_disk wrote ({reason})") from None
    if isinstance(saved, DatasetDict):
        if split not in saved:
            raise InputError(f"{folder}: no split '{split}'; {did_you_mean(split, saved)}")
        saved = saved[split]
    return [dict(row) for row in saved]


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
        raise InputError(f"no file {source}, and no such dataset ({in_brief(error)})") from None
    return [dict(row) for row in rows]
