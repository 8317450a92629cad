"""The likeliest first tokens of a model's answers, named by their text, as servers name theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from behaviordist.behaviors.huggingface.forward_pass import failures, scored_logits
from behaviordist.behaviors.text.encoding import batches
from behaviordist.behaviors.text.token_names import by_name
from behaviordist.errors import InputError
from behaviordist.probes import ProbeSet

MOST = 20
"""As many as a server gives of a chat."""


def first_tokens(
    behavior: Any,
    pieces: Sequence[bytes],
    probes: ProbeSet,
    done: frozenset[int],
    most: tuple[int, int],
) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield (index of a probe, text of a token -> log-probability, nats), but for those in `done`.

    `behavior` is a `TransformersBehavior`, `pieces` are the bytes of every token, `most` the tokens
    and the scored rows of a batch.

    Raises
    ------
    InputError
        If a setting changes what is drawn: servers say these of the model as it is.
    """
    settings = behavior.settings
    if settings.forward != settings or settings.thoughts or settings.repetition_penalty != 1:
        raise InputError(f"'{behavior.label}': first tokens are compared of models as they are")
    whole = behavior.encoder()(probes)
    first = [
        replace(item, ids=item.ids[: len(item.ids) - item.scored + 1], scored=1)
        for item in whole
        if item.index not in done
    ]
    with behavior.model() as model, failures(behavior.label):
        for batch in batches(first, *most):
            log_p = scored_logits(model, batch).log_softmax(dim=-1).cpu().numpy()
            for index, row in zip(batch.probe.tolist(), log_p, strict=True):
                likeliest = np.argsort(-row, kind="stable")[:MOST].tolist()
                texts = [pieces[token].decode("utf-8", "replace") for token in likeliest]
                yield index, by_name(zip(texts, row[likeliest].tolist(), strict=True))
