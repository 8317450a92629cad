"""Answers with their author's own log-probabilities: sources to come need no author."""

from __future__ import annotations

from pathlib import Path

from behaviordist.behaviors import Behavior
from behaviordist.distance.directed.answers import ANSWERS
from behaviordist.distance.directed.drawn import draw_answers
from behaviordist.distance.directed.scoring import answer_nats
from behaviordist.probes import ProbeSet
from behaviordist.store import is_finished, publish


def keep_answers(
    checkpoint: Path,
    author: Behavior,
    probes: ProbeSet,
    *,
    count: int,
    max_tokens: int,
    seed: int = 0,
    exact: bool = True,
    folder: Path | None = None,
) -> None:
    """Publish ``answers.jsonl`` in a checkpoint's folder: its own rollouts, on policy.

    ``distance A --targets CHECKPOINT --geometry kl`` reads it; the weights may be gone.

    Parameters
    ----------
    checkpoint
        The folder.
    author, probes
        Who answers, and whose prompts.
    count, max_tokens, seed, exact, folder
        As `draw_answers`.

    Raises
    ------
    InputError
        The author gives no answers, or cannot score them.
    """
    place = checkpoint / ANSWERS
    inputs = [author.identity, author.label, probes.digest, count, max_tokens, seed, exact]
    if is_finished(place, inputs):
        return
    said = draw_answers(
        author, probes, count=count, max_tokens=max_tokens, seed=seed, exact=exact, folder=folder
    )
    with publish(place, inputs) as temporary:
        said.with_own(answer_nats([author], said, folder=folder)[0]).save(temporary)
