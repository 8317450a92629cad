"""Behaviors of Hugging Face causal language models: folders, hub ids, GGUF files.

A forward pass pads on the right (causal attention cannot see it), asks for logits at the scored
positions only, and takes the log-softmax in float32 whatever the weights' type. A model is loaded
when its pass begins and freed when it ends, so that one at a time is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from behaviordist.behaviors import rounding, sampling, thinking
from behaviordist.behaviors.behavior import IntArray, LogProbBlock, ShownBehavior, WithSettings
from behaviordist.behaviors.huggingface import opening
from behaviordist.behaviors.huggingface.first_token import first_tokens
from behaviordist.behaviors.huggingface.forward_pass import (
    cached_logits,
    failures,
    penalize,
    scored_logits,
)
from behaviordist.behaviors.huggingface.generation import generate
from behaviordist.behaviors.huggingface.kept import opened
from behaviordist.behaviors.huggingface.sources import Source
from behaviordist.behaviors.huggingface.states import forward_states
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.behaviors.text import token_bytes
from behaviordist.behaviors.text.encoding import EncodedProbe, Encoder, Turns, batches
from behaviordist.behaviors.text.tokens import Tokens
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

MAX_TOKENS = 1024
BLOCK_BYTES = 128 * 2**20  # of float32 log-probabilities


@dataclass(frozen=True, repr=False)
class TransformersBehavior(ShownBehavior, WithSettings):
    """A Hugging Face causal LM with settings. `load` makes it; weights are read in `forward`.

    `dtype` is the type it is computed in, where the settings leave that to the checkpoint.
    """

    source: Source
    label: str
    settings: InferenceSettings
    identity: str
    forward_key: str
    vocabulary: str
    vocabulary_size: int
    window: int | None
    dtype: str = "float32"
    notes: tuple[str, ...] = ()

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes that cannot be encoded whole, or with ids that the model lacks."""
        self.source.check()
        for probe, item in zip(probes, self.encoder()(probes), strict=True):
            if max(item.ids) >= self.vocabulary_size:
                raise InputError(
                    f"probe '{probe.id}': the tokenizer of '{self.label}' writes token"
                    f" {max(item.ids)}, its model has rows for {self.vocabulary_size}; open it with"
                    " the tokenizer it was trained with"
                )

    def token_text(self, token: int) -> str:
        """Return the text that the token decodes to."""
        return str(self.source.tokens().tokenizer.decode([token]))

    def first_bytes(self) -> IntArray:
        """Return the first byte of every token, (V,); 256 for tokens without text."""
        return token_bytes.first_bytes(self._pieces())

    def boundaries(self, probes: ProbeSet) -> list[list[int]]:
        """Return, for every probe, the byte of its continuation at which each scored token begins.

        Raises
        ------
        InputError
            If the tokens do not spell the texts, or are not known as bytes.
        """
        pieces = self._pieces()
        starts = []
        for probe, item in zip(probes, self.encoder()(probes), strict=True):
            mine = [pieces[t] for t in item.ids[-item.scored :]]
            try:
                starts.append(token_bytes.boundaries(mine, probe.continuation))
            except InputError as error:
                raise InputError(f"'{self.label}', probe '{probe.id}': {error}") from None
        return starts

    def _pieces(self) -> list[bytes]:
        return _token_bytes(self.source.tokens(), self.vocabulary_size, self.label)

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings."""
        return self.forward_rest(probes, frozenset())

    def forward_rest(self, probes: ProbeSet, done: frozenset[int]) -> Iterator[LogProbBlock]:
        """Yield the same blocks, but for those all of whose probes are in `done`."""
        encoded = self.encoder()(probes)
        max_scored = max(1, BLOCK_BYTES // (4 * self.vocabulary_size))
        with self.model() as model, failures(self.label):
            if self.settings.thoughts:
                for probe, item in zip(probes, encoded, strict=True):
                    if item.index not in done:
                        yield self._thought_over(model, probe, item, max_scored)
                return
            compute = cached_logits if self.settings.kv_cache else scored_logits
            size = 1 if self.settings.kv_cache else MAX_TOKENS
            for batch in batches(encoded, size, max_scored):
                if done.issuperset(batch.probe.tolist()):
                    continue
                logits = compute(model, batch)
                if self.settings.repetition_penalty != 1:
                    penalize(logits, batch, self.settings.repetition_penalty)
                log_p = logits.log_softmax(dim=-1).cpu().numpy()
                yield LogProbBlock(batch.probe, log_p, batch.target)

    def forward_states(self, probes: ProbeSet) -> Iterator[tuple[LogProbBlock, Any, Any]]:
        """Yield the blocks of `forward`, the hidden states (m, d) of their rows, and the head."""
        most = max(1, BLOCK_BYTES // (4 * self.vocabulary_size))
        return forward_states(self, probes, most, MAX_TOKENS)

    def _thought_over(
        self, model: Any, probe: Probe, item: EncodedProbe, max_scored: int
    ) -> LogProbBlock:
        """Score one probe after sampled reasonings, and sum them out."""
        tokenizer = self.source.tokens().tokenizer
        encode = self.source.tokens().inside
        before = item.ids[: len(item.ids) - item.scored]
        count, most = self.settings.thoughts, self.settings.thought_tokens
        start = (*before, *encode(thinking.THINK))
        plain = InferenceSettings()
        drawn = generate(model, start, plain, count, most, sampling.seed_of(0, probe))
        ends = frozenset(
            t for t in (tokenizer.eos_token_id, tokenizer.pad_token_id) if t is not None
        )
        thoughts = [thinking.trimmed(row, ends) for row in drawn.tolist()]
        rows: list[Any] = [None] * count
        for batch in batches(
            thinking.with_thoughts(item, thoughts, encode), MAX_TOKENS, max_scored
        ):
            log_p = scored_logits(model, batch).log_softmax(dim=-1).cpu().numpy()
            for k in dict.fromkeys(batch.probe.tolist()):
                rows[k] = log_p[batch.probe == k]
        target = np.array(item.ids[-item.scored :], dtype=np.int64)
        mixed = thinking.marginalise(np.concatenate(rows), target, count)
        return LogProbBlock(np.full(item.scored, item.index), mixed, target)

    def samples(
        self, probes: ProbeSet, count: int, max_tokens: int = 64, seed: int = 0
    ) -> list[tuple[str, ...]]:
        """Return `count` sampled answers to every probe's prompt, special tokens left out.

        The draws of a probe depend on `seed` and its id alone, not on the other probes.
        """
        return [texts for _, texts in self.samples_rest(probes, count, max_tokens, seed)]

    def samples_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield (index of a probe, its answers) one by one, but for those in `done`."""
        for index, answers in self.answers_rest(probes, count, max_tokens, seed, done):
            yield index, tuple(text for text, _ in answers)

    def first_tokens_rest(
        self, probes: ProbeSet, done: frozenset[int] = frozenset()
    ) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield (index of a probe, its likeliest first tokens by name), but for `done`."""
        most = max(1, BLOCK_BYTES // (4 * self.vocabulary_size))
        return first_tokens(self, self._pieces(), probes, done, (MAX_TOKENS, most))

    @property
    def end_text(self) -> str:
        """Return the end marker as text: an answer that ended is scored with it."""
        return str(self.source.tokens().tokenizer.eos_token or "")

    def cannot_spell(self, text: str) -> bool:
        """Whether some of a text has no token but the one for the unknown."""
        tokenizer = self.source.tokens().tokenizer
        unknown = tokenizer.unk_token_id
        return (
            unknown is not None
            and unknown != tokenizer.eos_token_id
            and unknown in tokenizer.encode(text, add_special_tokens=False)
        )

    def answers_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 64,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[tuple[str, bool], ...]]]:
        """Yield (index of a probe, drawn answers as (text, ended)), but for those in `done`."""
        tokenizer = self.source.tokens().tokenizer
        encoded = self.encoder()(probes)
        with self.model() as model, failures(self.label):
            for probe, item in zip(probes, encoded, strict=True):
                if item.index in done:
                    continue
                context = item.ids[: len(item.ids) - item.scored]
                seed_here = sampling.seed_of(seed, probe)
                rows = generate(model, context, self.settings, count, max_tokens, seed_here)
                texts = tokenizer.batch_decode(rows, skip_special_tokens=True)
                ended = [tokenizer.eos_token_id in row for row in rows.tolist()]
                yield item.index, tuple(zip(texts, ended, strict=True))

    def token_ids(self) -> Mapping[str, int]:
        """Return token -> id."""
        return self.source.tokens().vocabulary

    def scored_tokens(self, probes: ProbeSet) -> list[tuple[int, ...]]:
        """Return the ids of every continuation, as they are scored."""
        return [item.ids[-item.scored :] for item in self.encoder()(probes)]

    def encoder(self) -> Encoder:
        """Return the encoder of probes."""
        tokens = self.source.tokens()
        before = tokens.before
        if self.settings.bos is not None:
            start = () if tokens.start is None else (tokens.start,)
            before = start if self.settings.bos else ()
        window = self.window
        if window is not None and self.settings.thoughts:
            window -= thinking.overhead(tokens.inside, self.settings.thought_tokens)
        return Encoder(
            encode=tokens.encode,
            after=tokens.after,
            bos=before,
            start=tokens.start,
            window=window,
            label=self.label,
            settings=self.settings,
            chat=_renderer(tokens, self.settings.chat),
        )

    @contextmanager
    def model(self) -> Iterator[Any]:
        """Load the model as the settings say; free it at the end."""
        changed = self.settings.quant is not None
        with opened(self.source, self.dtype, self.settings.device, changed) as model:
            if self.settings.quant:
                with opening.quiet():
                    rounding.quantise(model, self.settings.quant, self.label)
            adapted = self.source.adapt(model)
            placed = opening.place(adapted, self.settings.device)
            training = [(module, module.training) for module in placed.modules()]
            try:
                yield placed.eval()
            finally:
                for module, was in training:  # a model in memory goes on as it was
                    module.training = was


def _renderer(tokens: Tokens, chosen: bool) -> Callable[[list[Turns]], list[str]] | None:
    """Return what renders conversations; `chosen` says whether the settings have chat=on."""
    if not tokens.tokenizer.chat_template:
        return None

    def render(conversations: list[Turns]) -> list[str]:
        template = tokens.template
        assert template is not None  # there is one
        if template.dated and not chosen:  # the date is part of the identity with chat=on alone
            raise InputError("its chat template writes the date; say chat=on")
        return template.render(conversations)

    return render


@lru_cache(maxsize=2)
def _token_bytes(tokens: Tokens, size: int, label: str) -> list[bytes]:
    return token_bytes.token_bytes(tokens.tokenizer, size, label)
