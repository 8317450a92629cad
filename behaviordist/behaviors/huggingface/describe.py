"""From a folder or a GGUF file, with settings, to a behavior: refused here or not at all."""

from __future__ import annotations

from datetime import date

from behaviordist.behaviors import rounding
from behaviordist.behaviors.huggingface import opening, packed
from behaviordist.behaviors.huggingface.backend import TransformersBehavior
from behaviordist.behaviors.huggingface.sources import Source
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.errors import InputError
from behaviordist.store import digest_of


def in_training(source: Source, label: str) -> TransformersBehavior:
    """Describe a model whose weights change: its identity says so, and no weight is read for it."""
    text_config = source.config.get_text_config()
    window = getattr(text_config, "max_position_embeddings", None)
    return TransformersBehavior(
        source=source,
        label=label,
        settings=InferenceSettings(),
        identity="in training",
        forward_key="in training",
        vocabulary=digest_of(dict(source.tokens().vocabulary)),
        vocabulary_size=int(text_config.vocab_size),
        window=None if window is None else window - source.virtual_tokens,
        dtype=source.stored[0],
        notes=source.notes,
    )


def describe(source: Source, label: str, settings: InferenceSettings) -> TransformersBehavior:
    """Describe a model with settings as a behavior.

    Raises
    ------
    InputError
        If it cannot be run so.
    """
    if settings.sliding_window is not None:
        raise InputError(
            f"'{label}': sliding_window works for lab checkpoints run in float32; other models have"
            " the attention of their config.json: drop sliding_window"
        )
    told = getattr(source.config, "quantization_config", None)
    if told and settings.quant:
        raise InputError(
            f"'{label}': its weights are quantised already ({packed.method_of(told)}); drop"
            f" quant={settings.quant}"
        )
    text_config, tokens = source.config.get_text_config(), source.tokens()
    dtype, why = opening.choose_type(settings.dtype, *source.stored, settings.device)
    notes = (*source.notes, *([packed.note(told)] if told else []), *([why] if why else []))
    if settings.thoughts:
        notes = (*notes, f"answers averaged over {settings.thoughts} sampled reasonings")
    if settings.quant:
        with opening.quiet():
            chosen = rounding.plan_of(source.config, settings.quant, label)
        notes = (*notes, rounding.note(settings.quant, chosen))
    digest, identity = source.digest, settings.computed_in(dtype)
    if settings.chat and (template := tokens.template) is not None and template.dated:
        today = date.today().isoformat()
        digest = digest_of([digest, today])
        notes = (*notes, f"its chat template may write the date: prompts are of {today}")
    window = getattr(text_config, "max_position_embeddings", None)
    return TransformersBehavior(
        source=source,
        label=label,
        settings=settings,
        identity=digest_of([digest, identity.canonical]),
        forward_key=digest_of([digest, identity.forward.canonical]),
        vocabulary=digest_of(dict(tokens.vocabulary)),
        vocabulary_size=int(text_config.vocab_size),
        window=None if window is None else window - source.virtual_tokens,
        dtype=dtype,
        notes=notes,
    )
