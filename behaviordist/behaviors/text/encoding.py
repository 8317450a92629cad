"""Probes as token ids: the whole text's, cut at the prompt; the window checked, batches by length.

A probe is `bos + ids of the prompt + ids of the continuation behind it`. Every token of the
continuation is scored; the first one is conditioned on the prompt, or on a start token where the
prompt is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from behaviordist.behaviors.behavior import IntArray
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

BLANK_LINE = "\n\n"
Turns = list[dict[str, str]]


@dataclass(frozen=True)
class EncodedProbe:
    """Token ids of one probe; the last `scored` of them are scored.

    The model sees all but the last id: n ids take n - 1 places of its context window.
    """

    index: int
    ids: tuple[int, ...]
    scored: int

    @property
    def length(self) -> int:
        """Number of tokens the model sees."""
        return len(self.ids) - 1


@dataclass(frozen=True)
class Encoder:
    """How a behavior turns a probe into token ids.

    Parameters
    ----------
    encode
        Text to ids, without special tokens of its own.
    bos
        Ids put before every text (empty where the tokenizer adds none).
    start
        Id put before a continuation that nothing else precedes, so that its first token is scored;
        None where the model has no such token.
    window
        Context window in tokens, or None for no bound.
    label
        The behavior, for messages.
    settings
        What the prompt is set into: system prompt, shots, chat template, truncation.
    after
        (text, its ids, continuation) to the continuation's ids behind that text; None where a
        text's ids do not depend on what stands before it.
    chat
        Conversations to texts, with the opening of the answer; None where there is no template.
    separator
        What stands after a system prompt and after every shot, where there is no chat template.
    """

    encode: Callable[[str], list[int]]
    bos: tuple[int, ...]
    start: int | None
    window: int | None
    label: str
    settings: InferenceSettings = InferenceSettings()
    after: Callable[[str, Sequence[int], str], list[int]] | None = None
    chat: Callable[[list[Turns]], list[str]] | None = None
    separator: str = BLANK_LINE

    def __call__(self, probes: ProbeSet) -> list[EncodedProbe]:
        """Encode every probe.

        Raises
        ------
        InputError
            If a continuation has no tokens, nothing can precede its first token, or the probe is
            longer than the context window: nothing is ever cut silently.
        """
        probes.require_continuations()
        texts = self._prompts(probes)
        return [self._encode(i, p, t) for i, (p, t) in enumerate(zip(probes, texts, strict=True))]

    def _encode(self, index: int, probe: Probe, text: str) -> EncodedProbe:
        ids = self.encode(text) if text else []
        try:
            continuation = (
                self.encode(probe.continuation)
                if self.after is None or not text
                else self.after(text, ids, probe.continuation)
            )
        except InputError as error:
            raise InputError(f"'{self.label}', probe '{probe.id}': {error}") from None
        if not continuation:
            raise InputError(f"probe '{probe.id}': its continuation has no tokens ('{self.label}')")
        before = ids if self.settings.chat or probe.messages else [*self.bos, *ids]
        if not before:
            if self.start is None or self.settings.bos is False:
                raise InputError(
                    f"probe '{probe.id}' has an empty prompt and '{self.label}' has no start token"
                    " to condition its first token on; give the probe a prompt"
                )
            before = [self.start]
        window = min(w for w in (self.window, self.settings.context, 2**62) if w is not None)
        excess = len(before) + len(continuation) - 1 - window
        if excess > 0:
            before = self._cut(before, excess, probe, window)
        return EncodedProbe(index, (*before, *continuation), len(continuation))

    def _prompts(self, probes: ProbeSet) -> list[str]:
        """Return the text of everything that each continuation is conditioned on."""
        system, shots = self.settings.system, draw_shots(probes, self.settings.shots)
        pairs = list(zip(probes, shots, strict=True))
        texts = [self._plain(p, several) for p, several in pairs]
        chats = [i for i, p in enumerate(probes) if self.settings.chat or p.messages]
        if chats:
            turns = [_turns(system, pairs[i][1], pairs[i][0]) for i in chats]
            for i, text in zip(chats, self._rendered(probes, turns), strict=True):
                texts[i] = text
        return texts

    def _plain(self, probe: Probe, shots: Sequence[Probe]) -> str:
        lead = [self.settings.system] if self.settings.system else []
        parts = (*lead, *(s.prompt + s.continuation for s in shots))
        return "".join(part + self.separator for part in parts) + probe.prompt

    def _rendered(self, probes: ProbeSet, turns: list[Turns]) -> list[str]:
        if self.chat is None:
            if not self.settings.chat:
                probes.require_text(self.label)
            raise InputError(f"'{self.label}' has no chat template; drop chat=on")
        try:
            return self.chat(turns)
        except InputError as error:
            system = self.settings.system
            what = "chat=on" if self.settings.chat else "probes with messages"
            what += f", system={system[:20]!r}" if system else ""
            raise InputError(f"'{self.label}' ({what}): {error}") from None

    def _cut(self, before: list[int], excess: int, probe: Probe, window: int) -> list[int]:
        """Drop `excess` ids of the prompt on the side that the settings name; BOS stays."""
        kept = 0 if self.settings.chat else len(self.bos)
        prompt = before[kept:]
        side = self.settings.truncate
        # The last token of the prompt's cut must leave something to condition on.
        if side is None or len(before) - excess < 1 or len(prompt) < excess:
            length = window + excess
            raise InputError(
                f"probe '{probe.id}' takes {length} tokens, the context window of '{self.label}'"
                f" holds {window}; shorten the probe"
                + (", or say what to drop: truncate=left" if side is None else "")
            )
        left = prompt[excess:] if side == "left" else prompt[: len(prompt) - excess]
        return [*before[:kept], *left]


def _turns(system: str | None, shots: Sequence[Probe], probe: Probe) -> Turns:
    """Return a probe as a conversation, its shots answered.

    Raises
    ------
    InputError
        Where a system turn would stand behind another turn.
    """
    turns = [{"role": "system", "content": system}] if system else []
    for shot in shots:
        turns += [*shot.turns, {"role": "assistant", "content": shot.continuation.strip()}]
    turns += probe.turns
    if any(turn["role"] == "system" for turn in turns[1:]):
        raise InputError(
            f"probe '{probe.id}': its messages would hold a system turn behind others; drop"
            f" {'system' if system else 'shots'}, or that turn"
        )
    return turns


def draw_shots(probes: ProbeSet, count: int) -> list[tuple[Probe, ...]]:
    """Draw, for every probe, `count` other ones (no paraphrases of it) as solved examples.

    The draw is seeded by the set's digest: the same examples for every behavior.

    Raises
    ------
    InputError
        If the set has too few other probes.
    """
    if not count:
        return [()] * len(probes)
    rng = np.random.default_rng(int(probes.digest[:16], 16))
    drawn = []
    for probe in probes:
        others = [
            p for p in probes if p is not probe and (p.group is None or p.group != probe.group)
        ]
        if len(others) < count:
            raise InputError(f"shots={count}, but '{probes.name}' has {len(others)} other probes")
        drawn.append(tuple(others[i] for i in rng.choice(len(others), count, replace=False)))
    return drawn


@dataclass(frozen=True)
class Batch:
    """Padded inputs of some whole probes.

    Attributes
    ----------
    tokens
        (B, T) ids, padded on the right: causal attention cannot see the padding.
    lengths
        (B,) number of real tokens in each row.
    rows, columns
        (m,) the places whose logits are wanted; those of a probe adjacent, in order.
    probe, target
        (m,) index of the probe, and the id of the token that is scored there.
    """

    tokens: IntArray
    lengths: IntArray
    rows: IntArray
    columns: IntArray
    probe: IntArray
    target: IntArray


def batches(encoded: Sequence[EncodedProbe], max_tokens: int, max_scored: int) -> Iterator[Batch]:
    """Yield batches of probes of similar length, the longest first (what will not fit, fails soon).

    Parameters
    ----------
    encoded
        The probes.
    max_tokens
        Bound on B * T, padding included; a single longer probe makes a batch of its own.
    max_scored
        Bound on the scored positions of a batch, with the same exception.
    """
    group: list[EncodedProbe] = []
    width = scored = 0
    for item in sorted(encoded, key=lambda e: (-e.length, e.index)):
        full = (len(group) + 1) * width > max_tokens or scored + item.scored > max_scored
        if group and full:
            yield make_batch(group, width)
            group, scored = [], 0
        if not group:
            width = item.length
        group.append(item)
        scored += item.scored
    if group:
        yield make_batch(group, width)


def make_batch(group: list[EncodedProbe], width: int) -> Batch:
    """Pad some probes to `width` columns."""
    tokens = np.zeros((len(group), width), dtype=np.int64)
    for row, item in enumerate(group):
        tokens[row, : item.length] = item.ids[:-1]
    counts = [item.scored for item in group]
    places = [np.arange(item.length - item.scored, item.length) for item in group]
    return Batch(
        tokens=tokens,
        lengths=np.array([item.length for item in group]),
        rows=np.repeat(np.arange(len(group)), counts),
        columns=np.concatenate(places),
        probe=np.repeat([item.index for item in group], counts),
        target=np.concatenate([item.ids[-item.scored :] for item in group]),
    )
