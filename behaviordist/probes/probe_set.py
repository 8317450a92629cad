"""Probe sets: the contexts at which behaviors are compared; loaded whole, validated, digested."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.errors import InputError, did_you_mean
from behaviordist.store import digest_of, write_text

KEYS = ("id", "prompt", "messages", "continuation", "tags", "group")
REQUIRED = ("id", "prompt", "continuation")


@dataclass(frozen=True)
class Probe:
    """One context: `prompt` is conditioned on, every token of `continuation` is scored.

    Parameters
    ----------
    id
        Unique within its set.
    prompt
        May be empty; the continuation is then scored from the start of a text. Of a chat it is what
        people see: its turns written out.
    continuation
        Empty where it is still to be written, on policy (`behaviors.rollout`).
    tags
        What the probe is about; distances can be broken down by them.
    group
        Name shared by the paraphrases of one probe, or None.
    messages
        (role, content) of the turns before the answer, or none. A chat is rendered by each model's
        own template; the continuation is the answer.
    """

    id: str
    prompt: str
    continuation: str
    tags: tuple[str, ...] = ()
    group: str | None = None
    messages: tuple[tuple[str, str], ...] = ()

    @staticmethod
    def chat(
        id: str,
        messages: Sequence[tuple[str, str]],
        answer: str,
        tags: tuple[str, ...] = (),
        group: str | None = None,
    ) -> Probe:
        """Return the probe of a conversation and the answer that is scored."""
        prompt = "\n\n".join([*(f"{role}: {text}" for role, text in messages), "assistant: "])
        return Probe(id, prompt, answer, tags, group, tuple(messages))

    @property
    def turns(self) -> list[dict[str, str]]:
        """The conversation before the answer; a prompt is the user's."""
        pairs = self.messages or (("user", self.prompt),)
        return [{"role": role, "content": text} for role, text in pairs]

    def to_json(self) -> dict[str, Any]:
        """Return the probe as the JSON object that one line of a probe file holds."""
        row: dict[str, Any] = {"id": self.id}
        row |= {"messages": self.turns} if self.messages else {"prompt": self.prompt}
        row["continuation"] = self.continuation or None
        if self.tags:
            row["tags"] = list(self.tags)
        if self.group is not None:
            row["group"] = self.group
        return row


@dataclass(frozen=True)
class ProbeSet:
    """A named, ordered set of probes with unique ids.

    Parameters
    ----------
    name
        What reports call it.
    probes
        At least one; ids unique.

    Attributes
    ----------
    digest
        sha256 of the canonical form (all probes in order; not the name). It seeds the sketch.

    Raises
    ------
    InputError
        On no probes, or a duplicate id.
    """

    name: str
    probes: tuple[Probe, ...]
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.probes:
            raise InputError(f"probe set '{self.name}' is empty; it needs at least one probe")
        seen: set[str] = set()
        for probe in self.probes:
            if probe.id in seen:
                raise InputError(f"probe id '{probe.id}' occurs twice in '{self.name}'")
            seen.add(probe.id)
        object.__setattr__(self, "digest", digest_of([p.to_json() for p in self.probes]))

    def __len__(self) -> int:
        return len(self.probes)

    def __iter__(self) -> Iterator[Probe]:
        return iter(self.probes)

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags in the set, sorted."""
        return tuple(sorted({tag for probe in self.probes for tag in probe.tags}))

    def require_text(self, label: str) -> None:
        """Refuse chats, for a behavior that has no template to render them with.

        Raises
        ------
        InputError
            Naming the first one.
        """
        for probe in self.probes:
            if probe.messages:
                raise InputError(
                    f"probe '{probe.id}' of '{self.name}' is a chat, and '{label}' has no chat"
                    " template to write it with; use probes of text"
                )

    def require_continuations(self) -> None:
        """Refuse prompts alone, where a continuation is scored.

        Raises
        ------
        InputError
            Naming the first one.
        """
        for probe in self.probes:
            if not probe.continuation:
                raise InputError(
                    f"probe '{probe.id}' of '{self.name}' has no continuation to score; let the"
                    " models write it (--on-policy N), or use --geometry samples"
                )

    def answerable(self) -> ProbeSet:
        """Return the set with something in the place of absent continuations: they play no part.

        What asks for answers alone, or writes continuations, takes such a set.
        """
        filled = (p if p.continuation else replace(p, continuation=" ") for p in self.probes)
        return replace(self, probes=tuple(filled))

    def subset(
        self, n: int | None = None, *, tags: Iterable[str] | None = None, seed: int = 0
    ) -> ProbeSet:
        """Return the probes with any of `tags`, then `n` of them drawn without replacement.

        The draw keeps the set's order. The subset's name says how it was made.

        Raises
        ------
        InputError
            If a tag is unknown, or `n` is below 1 or above what is left.
        """
        probes, name = self.probes, self.name
        if tags is not None:
            wanted = set(tags)
            for tag in sorted(wanted - set(self.tags)):
                raise InputError(
                    f"'{self.name}' has no tag '{tag}'; {did_you_mean(tag, self.tags)}"
                )
            probes = tuple(p for p in probes if wanted & set(p.tags))
            name += f"[{','.join(sorted(wanted))}]"
        if n is not None:
            if not 1 <= n <= len(probes):
                raise InputError(f"cannot draw {n} probes: '{name}' has {len(probes)}")
            if n < len(probes):
                drawn = np.random.default_rng(seed).choice(len(probes), n, replace=False)
                probes = tuple(probes[i] for i in sorted(drawn))
                name += f"[{n}, seed {seed}]"
        return ProbeSet(name, probes)

    @staticmethod
    def load(name_or_path: str | Path) -> ProbeSet:
        """Load a shipped set by its name, or a JSON-lines file by its path.

        Raises
        ------
        InputError
            If there is no such set or file, or a line is not a valid probe (file and line named).
        """
        text = str(name_or_path)
        shipped = shipped_sets()
        if text in shipped:
            return _read(shipped[text], text)
        path = Path(name_or_path)
        if path.is_file():
            return _read(path, path.stem)
        if isinstance(name_or_path, Path) or path.suffix or "/" in text:
            raise InputError(
                f"no probe file {path}; give a JSON-lines file or a shipped set's name"
            )
        raise InputError(f"no probe set '{text}'; {did_you_mean(text, shipped)}, or a .jsonl file")

    def save(self, path: Path) -> None:
        """Write the set as JSON lines (atomically)."""
        lines = (json.dumps(p.to_json(), ensure_ascii=False) + "\n" for p in self.probes)
        write_text(path, "".join(lines))


def shipped_sets() -> dict[str, Path]:
    """Return the shipped probe sets: name -> file (inside the wheel, or the checkout's probes/)."""
    packaged = Path(__file__).parent / "data"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[2] / "probes"
    return {path.stem: path for path in sorted(folder.glob("*.jsonl"))}


def _read(path: Path, name: str) -> ProbeSet:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    probes: list[Probe] = []
    line_of: dict[str, int] = {}
    # Not splitlines(): a JSON string may hold U+2028, which ends no line here.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        probe = _parse(line, f"{path}:{number}")
        if probe.id in line_of:
            first = line_of[probe.id]
            raise InputError(f"{path}:{number}: id '{probe.id}' is already used in line {first}")
        line_of[probe.id] = number
        probes.append(probe)
    if not probes:
        raise InputError(
            f"{path} holds no probes; one JSON object a line with {', '.join(REQUIRED)}"
        )
    return ProbeSet(name, tuple(probes))


def _parse(line: str, where: str) -> Probe:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); one object a line") from None
    if not isinstance(row, dict):
        raise InputError(f"{where}: a probe is a JSON object, not {type(row).__name__}")
    for key in row:
        if key not in KEYS:
            raise InputError(f"{where}: unknown key '{key}'; {did_you_mean(key, KEYS)}")
    chat = "messages" in row
    if chat and "prompt" in row:
        raise InputError(f"{where}: a probe has a 'prompt' or 'messages', not both")
    for key in REQUIRED:
        if chat and key == "prompt":
            continue
        if key not in row:
            raise InputError(f"{where}: key '{key}' is missing")
        if key != "continuation" or row[key] is not None:  # null: written on policy
            _check_text(row[key], f"{where}: '{key}'")
    tags, group = row.get("tags", []), row.get("group")
    if not isinstance(tags, list):
        raise InputError(f"{where}: 'tags' must be a list of strings")
    for tag in tags:
        _check_text(tag, f"{where}: each of 'tags'")
    if group is not None:
        _check_text(group, f"{where}: 'group'")
    for key in ("id", "continuation"):
        if row[key] == "":
            raise InputError(f"{where}: '{key}' is empty")
    rest = (row["continuation"] or "", tuple(tags), group)
    if chat:
        return Probe.chat(row["id"], parse_messages(row["messages"], where), *rest)
    return Probe(row["id"], row["prompt"], *rest)


def parse_messages(messages: Any, where: str) -> tuple[tuple[str, str], ...]:
    """Return a list of ``{"role", "content"}`` as pairs of texts.

    Raises
    ------
    InputError
        If it is anything else; `where` is named.
    """
    if not isinstance(messages, list) or not messages:
        raise InputError(f"{where}: 'messages' must be a list of role and content")
    for message in messages:
        texts = isinstance(message, dict) and [message.get("role"), message.get("content")]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise InputError(f"{where}: a message needs 'role' and 'content', both texts")
        for text in texts:
            _check_text(text, f"{where}: a message")
    return tuple((m["role"], m["content"]) for m in messages)


def _check_text(value: Any, what: str) -> None:
    if not isinstance(value, str):
        raise InputError(f"{what} must be a string, not {json.dumps(value)[:40]}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InputError(f"{what} holds half a surrogate pair, which is no text") from None
