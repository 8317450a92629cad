"""Behaviors of the lab's small Llamas, run in JAX: one compiled shape a probe set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from behaviordist.behaviors import rounding
from behaviordist.behaviors.behavior import Behavior, LogProbBlock, with_settings
from behaviordist.behaviors.checkpoint_files import (
    checkpoint_digest,
    read_config,
    read_json_object,
    weight_files,
)
from behaviordist.behaviors.encoding import Encoder, make_batch
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.probes import ProbeSet
from behaviordist.store import digest_of

# Large enough to feed a core, small enough that a probe set of hundreds pads little.
ROWS = 128
Run = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class LabBehavior:
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
        return (rounding.note(self.settings.quant),) if self.settings.quant else ()

    def check(self, probes: ProbeSet) -> None:
        """Refuse probes outside the lab's language, or longer than the window."""
        self.encoder()(probes)

    def encoder(self) -> Encoder:
        """Return the encoder of probes."""
        from behaviordist.lab import grammar

        return Encoder(
            encode=lambda text: grammar.encode(text, bos=False),
            bos=(grammar.BOS,),
            start=None,
            window=self.window,
            label=self.label,
        )

    def token_text(self, token: int) -> str:
        """Return the word that the token is."""
        from behaviordist.lab.grammar import VOCABULARY

        return VOCABULARY[token]

    def forward(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield log-probabilities before the logit-level settings."""
        from behaviordist.lab import checkpoint

        encoded = self.encoder()(probes)
        loaded = checkpoint.load(self.folder)
        params = _rounded(loaded, self.settings.quant, self.folder)
        run = _compiled(loaded.config)
        width = max(item.length for item in encoded)
        for start in range(0, len(encoded), ROWS):
            batch = make_batch(encoded[start : start + ROWS], width)
            # Absent rows are padded too, so that every batch has the one shape that is compiled.
            tokens = np.pad(batch.tokens, ((0, ROWS - len(batch.tokens)), (0, 0)))
            log_p = np.asarray(run(params, tokens.astype(np.int32)))
            yield LogProbBlock(batch.probe, log_p[batch.rows, batch.columns], batch.target)

    def log_probs(self, probes: ProbeSet) -> Iterator[LogProbBlock]:
        """Yield the behavior's log-probabilities."""
        for block in self.forward(probes):
            yield with_settings(block, self.settings)


def load_lab(folder: Path, label: str, settings: InferenceSettings) -> LabBehavior:
    """Describe a lab checkpoint as a behavior, after checking its files."""
    from behaviordist.lab.grammar import TOKEN_IDS

    config = read_config(folder)
    digest = checkpoint_digest(folder, weight_files(folder))
    return LabBehavior(
        folder=folder,
        label=label,
        settings=settings,
        identity=digest_of([digest, settings.canonical]),
        forward_key=digest_of([digest, settings.forward.canonical]),
        vocabulary=digest_of(TOKEN_IDS),
        vocabulary_size=int(config["vocab_size"]),
        window=int(config["max_position_embeddings"]),
    )


def runs_in_lab(settings: InferenceSettings) -> bool:
    """Whether the JAX model can compute this: logit-level settings and rounded weights."""
    simulated = settings.quant is None or settings.quant in rounding.LEVELS
    return simulated and replace(settings.forward, quant=None) == InferenceSettings()


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


@lru_cache(maxsize=8)
def _compiled(config: Any) -> Run:
    import jax

    from behaviordist.lab import llama

    def run(params: Any, tokens: Any) -> Any:
        return jax.nn.log_softmax(llama.forward(params, config, tokens), axis=-1)

    return jax.jit(run)


def _rounded(loaded: Any, quant: str | None, folder: Path) -> Any:
    """Round the matrices in the orientation (out, in) of the checkpoint's files."""
    from behaviordist.lab import checkpoint

    if quant is None:
        return loaded.params
    tensors = {
        name: rounding.round_weights(tensor, quant) if name.endswith("_proj.weight") else tensor
        for name, tensor in checkpoint.to_hf(loaded.params, loaded.config).items()
    }
    return checkpoint.from_hf(tensors, loaded.config, folder)
