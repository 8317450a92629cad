"""What a run measured: behaviors and the runs that made them, probes, targets of transfers."""

from __future__ import annotations

import math

from behaviordist.record.estimate import Part
from behaviordist.store.numbers import Number


class Run(Part):
    """One run that made a behavior; what an algorithm does not have is NaN.

    Attributes
    ----------
    checkpoint
        Folder of the weights inside the run's.
    seed, replicate
        Of the run; the how manieth of its behavior it is.
    converged
        Whether its rule held within its budget.
    steps, tokens, flops
        What it took.
    score
        On the held-out evaluation at the end.
    kl, best_score
        Nats an answer from the reference at the end; the best score of the whole run.
    proxy_start, proxy_end
        What the reward model thought of the policy at the start and at the end, nats.
    accuracy, bayes_accuracy
        Of the reward model on held-out pairs, and the best possible.
    """

    checkpoint: str = ""
    seed: int | None = None
    replicate: int = 0
    converged: bool = True
    steps: Number = math.nan
    tokens: Number = math.nan
    flops: Number = math.nan
    score: Number = math.nan
    kl: Number = math.nan
    best_score: Number = math.nan
    proxy_start: Number = math.nan
    proxy_end: Number = math.nan
    accuracy: Number = math.nan
    bayes_accuracy: Number = math.nan


class Behavior(Part):
    """A behavior of the run's matrices.

    Attributes
    ----------
    label
        What matrices call it.
    algorithm, task
        What made it, and towards which function; empty where nothing did.
    role
        ``behavior``, or ``base`` and ``random`` for starting points.
    settings, identity
        Inference settings, and the digest of checkpoint and settings.
    runs
        That made it, a seed each.
    """

    label: str
    algorithm: str = ""
    task: str = ""
    role: str = "behavior"
    settings: str = ""
    identity: str = ""
    runs: tuple[Run, ...] = ()

    @property
    def is_reference(self) -> bool:
        """Whether it is a starting point rather than a behavior under study."""
        return self.role != "behavior"


class Probes(Part):
    """The probe set of a run."""

    name: str
    n: int
    digest: str = ""


class Target(Part):
    """What a target asked of the runs towards it, and how they ended.

    Attributes
    ----------
    target
        Its label.
    level, tau
        What its own converged checkpoints score; what a run towards it must reach.
    budget
        Steps a run was given.
    runs, censored
        How many there were, and how many never arrived.
    left_out, reason
        Whether the test leaves it out, and why.
    """

    target: str
    level: Number = math.nan
    tau: Number = math.nan
    budget: int | None = None
    runs: int = 0
    censored: int = 0
    left_out: bool = False
    reason: str = ""
