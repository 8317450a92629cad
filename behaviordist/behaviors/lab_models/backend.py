"""Behaviors of the lab's small Llamas, run in JAX: one compiled shape a probe set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import rounding
from behaviordist.behaviors.behavior import Behavior, LogProbBlock, ShownBehavior, WithSettings
from behaviordist.behaviors.files.checkpoint_files import (
    checkpoint_digest,
    read_config,
)
from behaviordist.behaviors.files.weight_files import read_json_object, weight_files
from behaviordist.behaviors.lab_models import answers as lab_answers
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.behaviors.text.encoding import EncodedProbe, Encoder, make_batch
from behaviordist.behaviors.thinking import marginalise
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

# Large enough to feed a core, small enough that a probe set of hundreds pads little.
ROWS = 128
Run = Callable[[Any, Any], Any]


@dataclass(frozen=True, repr=False)
class LabBehavior(ShownBehavior, WithSettings):
    """A lab checkpoint with settings. `load` makes it; the weights are read in `forward`."""

    folder: Path
    label: str
    settings: InferenceSettings
    identity: str
    forward_key: str
    vocabulary: str
    vocabulary_size: int
    window: int

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that reports should carry."""
        quant, thoughts = self.settings.quant, self.settings.thoughts
        notes = (rounding.note(quant),) if quant else ()
        return (*notes, f"answers averaged over {thoughts} scratchpads") if thoughts else notes

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes outside the lab's language, or longer than the window."""
        encoded = self.encoder()(probes)
        if self.settings.thoughts:
            from behaviordist.behaviors.lab_models import scratchpad

            scratchpad.check(probes, encoded)

    def encoder(self) -> Encoder:
        """Return the encoder of probes; examples are separated by ``;``, as in the grammar."""
        from behaviordist.lab import grammar

        room = 1 + self.settings.thought_tokens if self.settings.thoughts else 0
        return Encoder(
            encode=lambda text: grammar.encode(text, bos=False),
            bos=() if self.settings.bos is False else (grammar.BOS,),
            start=None,
            window=self.window - room,
            label=self.label,
            settings=self.settings,
            separator=" ; ",
        )

    def scored_tokens(self, probes: ProbeSet) -> list[tuple[int, ...]]:
        """Return the ids of every continuation, as they are scored."""
        return [item.ids[-item.scored :] for item in self.encoder()(probes)]

    def token_text(self, token: int) -> str:
        """Return the word that the token is."""
        from behaviordist.lab.grammar import VOCABULARY

        return VOCABULARY[token]

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings."""
        encoded = self.encoder()(probes)
        params, config = self._model()
        run = _compiled(config, self.settings.kv_cache)
        if self.settings.thoughts:
            yield from self._thought_over(run, params, config, probes, encoded)
        else:
            yield from _blocks(run, params, encoded, max(item.length for item in encoded))

    def _model(self) -> tuple[Any, Any]:
        """Return the parameters and the config as the settings want them."""
        from behaviordist.lab import checkpoint
        from behaviordist.lab.rounding import round_blocks

        loaded = checkpoint.load(self.folder)
        params, quant = loaded.params, self.settings.quant
        if quant is not None:
            params = round_blocks(_as_numpy(params), quant)
        return params, replace(loaded.config, sliding_window=self.settings.sliding_window)

    def _thought_over(
        self, run: Run, params: Any, config: Any, probes: ProbeSet, encoded: list[EncodedProbe]
    ) -> Iterator[LogProbBlock]:
        """Score every probe after sampled scratchpads, and sum them out."""
        from behaviordist.behaviors.lab_models import scratchpad

        count, longest = self.settings.thoughts, self.settings.thought_tokens
        for several in scratchpad.by_length(encoded):
            chosen = [probes.probes[item.index] for item in several]
            thoughts = scratchpad.think(params, config, chosen, several, count, longest)
            items = scratchpad.with_scratchpads(several, thoughts)
            width = max(item.length for item in several) + 1 + longest
            rows = np.concatenate([b.log_p for b in _blocks(run, params, items, width)])
            ends = np.cumsum([count * item.scored for item in several])[:-1]
            for item, each in zip(several, np.split(rows, ends), strict=True):
                target = np.array(item.ids[-item.scored :], dtype=np.int64)
                mixed = marginalise(each, target, count)
                yield LogProbBlock(np.full(item.scored, item.index), mixed, target)

    @property
    def end_text(self) -> str:
        """Return the end marker as text: an answer that ended is scored with it."""
        return lab_answers.END_TEXT

    def answers_rest(
        self,
        probes: ProbeSet,
        count: int,
        max_tokens: int = 8,
        seed: int = 0,
        done: frozenset[int] = frozenset(),
    ) -> Iterator[tuple[int, tuple[tuple[str, bool], ...]]]:
        """Yield (index of a probe, drawn answers as (text, ended)), but for those in `done`."""
        encoded = self._prompts(probes, done)
        following = self._following(encoded, max_tokens)
        return lab_answers.drawn(following, probes, encoded, count, max_tokens, seed)

    def likely_answers(
        self, probes: ProbeSet, max_tokens: int = 8, done: frozenset[int] = frozenset()
    ) -> Iterator[tuple[int, list[list[str | bool | float]]]]:
        """Yield (index of a probe, its likeliest answers as [text, ended, probability])."""
        encoded = self._prompts(probes, done)
        return lab_answers.likeliest(self._following(encoded, max_tokens), encoded, max_tokens)

    def _prompts(self, probes: ProbeSet, done: frozenset[int]) -> list[EncodedProbe]:
        if self.settings.thoughts:
            raise InputError(f"'{self.label}': answers after scratchpads are not drawn; drop cot")
        return [item for item in self.encoder()(probes) if item.index not in done]

    def _following(self, encoded: list[EncodedProbe], longest: int) -> lab_answers.Next:
        """Return what computes the next token's log-probabilities after contexts of any length."""
        params, config = self._model()
        run = _compiled(config, self.settings.kv_cache)
        width = max((len(e.ids) - e.scored for e in encoded), default=0) + longest
        width = min(width, self.window)

        def following(contexts: Sequence[Sequence[int]]) -> Any:
            items = [EncodedProbe(i, (*c, 0), 1) for i, c in enumerate(contexts)]
            rows = np.concatenate([b.log_p for b in _blocks(run, params, items, width)])
            return self.settings.apply(rows)

        return following


def load_lab(folder: Path, label: str, settings: InferenceSettings) -> LabBehavior:
    """Describe a lab checkpoint as a behavior, after checking its files."""
    from behaviordist.lab.grammar import TOKEN_IDS

    config = read_config(folder)
    digest = checkpoint_digest(folder, weight_files(folder))
    identity = settings.computed_in("float32")
    return LabBehavior(
        folder=folder,
        label=label,
        settings=settings,
        identity=digest_of([digest, identity.canonical]),
        forward_key=digest_of([digest, identity.forward.canonical]),
        vocabulary=digest_of(TOKEN_IDS),
        vocabulary_size=int(config["vocab_size"]),
        window=int(config["max_position_embeddings"]),
    )


def runs_in_lab(settings: InferenceSettings) -> bool:
    """Whether the JAX model can compute this: all but other kernels, types, devices, penalties."""
    simulated = settings.quant is None or settings.quant in rounding.LEVELS
    plain = settings.dtype in ("auto", "float32") and settings.device in (None, "cpu")
    return simulated and plain and settings.repetition_penalty == 1


def speaks_lab(behavior: Behavior) -> bool:
    """Whether a behavior is over the lab's vocabulary."""
    from behaviordist.lab.grammar import TOKEN_IDS

    return behavior.vocabulary == digest_of(TOKEN_IDS)


def is_lab_checkpoint(folder: Path) -> bool:
    """Whether the folder holds a Llama that speaks the lab's language (its very tokenizer)."""
    path = folder / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > 100_000:
        return False
    from behaviordist.lab.grammar import TOKEN_IDS

    model = read_json_object(path).get("model")
    return isinstance(model, dict) and model.get("vocab") == TOKEN_IDS


def _blocks(
    run: Run, params: Any, encoded: list[EncodedProbe], width: int
) -> Iterator[LogProbBlock]:
    """Run the probes in their order, `ROWS` at a time."""
    import jax

    for start in range(0, len(encoded), ROWS):
        batch = make_batch(encoded[start : start + ROWS], width)
        # Absent rows are padded too, so that every batch has the one shape that is compiled.
        tokens = np.pad(batch.tokens, ((0, ROWS - len(batch.tokens)), (0, 0)))
        # Some libraries switch the whole process to float64; numbers must not depend on it.
        with jax.enable_x64(False):
            log_p = np.asarray(run(params, tokens.astype(np.int32)))
        yield LogProbBlock(batch.probe, log_p[batch.rows, batch.columns], batch.target)


@lru_cache(maxsize=8)
def _compiled(config: Any, cached: bool) -> Run:
    import jax
    import jax.numpy as jnp

    from behaviordist.lab import llama

    def run(params: Any, tokens: Any) -> Any:
        return jax.nn.log_softmax(llama.forward(params, config, tokens), axis=-1)

    def run_cached(params: Any, tokens: Any) -> Any:
        """Compute the same a token at a time, each from the keys and values of those before."""
        batch, length = tokens.shape

        def step(cache: Any, inputs: Any) -> Any:
            position, token = inputs
            logits, cache = llama.forward_cached(params, config, token[:, None], cache, position)
            return cache, jax.nn.log_softmax(logits[:, 0], axis=-1)

        empty = llama.empty_cache(config, batch, length)
        _, log_p = jax.lax.scan(step, empty, (jnp.arange(length), tokens.T))
        return log_p.swapaxes(0, 1)

    return jax.jit(run_cached if cached else run)


def _as_numpy(params: Any) -> Any:
    """Return NumPy arrays: rounding is then the same arithmetic on any device."""
    import jax

    return jax.tree.map(np.asarray, params)
