"""Probe sets: the contexts at which behaviors are compared; loaded whole, validated, digested."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from behaviordist.errors import InputError, did_you_mean
from behaviordist.probes.probe import REQUIRED, Probe, parse_probe
from behaviordist.store import digest_of, write_bytes
from behaviordist.store.shown import html_table


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

    Examples
    --------
    >>> import behaviordist as bd
    >>> probes = bd.ProbeSet("one", (bd.Probe("p0", "2 + 2 =", " 4"),))
    >>> len(probes), bd.ProbeSet.load("general").name  # the second is shipped
    (1, 'general')
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

    def __repr__(self) -> str:
        return f"ProbeSet('{self.name}', {len(self)} probes, {self.digest[:12]})"

    def _repr_html_(self) -> str:
        rows = ((p.id, p.prompt, p.continuation, " ".join(p.tags)) for p in self)
        return html_table(repr(self), ("id", "prompt", "continuation", "tags"), rows)

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

        What asks for answers alone, or writes continuations, takes such a set. It is the prompt's
        last word: a blank has no tokens where a tokenizer's are words.
        """
        filled = (p if p.continuation else replace(p, continuation=_filler(p)) for p in self.probes)
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
            tags_kept = set(tags)
            for tag in sorted(tags_kept - set(self.tags)):
                raise InputError(
                    f"'{self.name}' has no tag '{tag}'; {did_you_mean(tag, self.tags)}"
                )
            probes = tuple(p for p in probes if tags_kept & set(p.tags))
            name += f"[{','.join(sorted(tags_kept))}]"
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
            return ProbeSet.parse(shipped[text].read_bytes(), text, shipped[text])
        path = Path(name_or_path)
        if path.is_file():
            return ProbeSet.parse(path.read_bytes(), path.stem, path)
        if isinstance(name_or_path, Path) or path.suffix or "/" in text:
            raise InputError(
                f"no probe file {path}; give a JSON-lines file or a shipped set's name"
            )
        raise InputError(f"no probe set '{text}'; {did_you_mean(text, shipped)}, or a .jsonl file")

    def save(self, path: Path) -> None:
        """Write the set as JSON lines (atomically)."""
        write_bytes(path, self.as_bytes())

    def as_bytes(self) -> bytes:
        """Return the set as JSON lines, UTF-8."""
        lines = (json.dumps(p.to_json(), ensure_ascii=False) + "\n" for p in self.probes)
        return "".join(lines).encode()

    @staticmethod
    def parse(data: bytes, name: str, where: Path | str) -> ProbeSet:
        """Read a set from JSON lines.

        Raises
        ------
        InputError
            If a line is not a valid probe; `where` and the line are named.
        """
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            message = f"{where} is not UTF-8 (byte {error.start}); save it as UTF-8"
            raise InputError(message) from None
        probes: list[Probe] = []
        line_of: dict[str, int] = {}
        # Not splitlines(): a JSON string may hold U+2028, which ends no line here.
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            probe = parse_probe(line, f"{where}:{number}")
            if probe.id in line_of:
                raise InputError(
                    f"{where}:{number}: id '{probe.id}' is already used in line {line_of[probe.id]}"
                )
            line_of[probe.id] = number
            probes.append(probe)
        if not probes:
            raise InputError(
                f"{where} holds no probes; one JSON object a line with {', '.join(REQUIRED)}"
            )
        return ProbeSet(name, tuple(probes))


def shipped_sets() -> dict[str, Path]:
    """Return the shipped probe sets: name -> file (inside the wheel, or the checkout's probes/)."""
    packaged = Path(__file__).parent / "data"
    folder = packaged if packaged.is_dir() else Path(__file__).parents[2] / "probes"
    return {path.stem: path for path in sorted(folder.glob("*.jsonl"))}


def _filler(probe: Probe) -> str:
    text = probe.messages[-1][1] if probe.messages else probe.prompt
    return (text.split() or [" "])[-1]
