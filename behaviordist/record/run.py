"""``run.json``: what a run says, a union of types on its `kind`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from behaviordist.record.estimate import Number, Part
from behaviordist.record.findings import Findings
from behaviordist.record.provenance import Provenance

SCHEMA = 2


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


class Record(Part):
    """What every record has.

    Attributes
    ----------
    schema_
        Version of these types; ``schema`` in JSON.
    provenance
        How the run was made.
    probes, behaviors
        What was measured on what.
    notes
        What a reader should know.
    """

    schema_: Literal[2] = Field(2, alias="schema")
    provenance: Provenance = Provenance()
    geometry: str = ""
    probes: Probes | None = None
    behaviors: tuple[Behavior, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able values; what is not finite is None."""
        return self.model_dump(mode="json", by_alias=True)


class DistanceRecord(Record):
    """Of `behaviordist distance`; its numbers lie in the matrix beside it."""

    kind: Literal["distance"] = "distance"


class CompareRecord(Record):
    """Of `behaviordist compare`: a `Comparison`, and that of the reference made again."""

    kind: Literal["compare"] = "compare"
    comparison: dict[str, Any]
    floor: dict[str, Any] | None = None


class GateRecord(Record):
    """Of `behaviordist gate`: a comparison and the decision about it."""

    kind: Literal["gate"] = "gate"
    comparison: dict[str, Any]
    gate: dict[str, Any]


class Study(Record):
    """What records of studies have.

    Attributes
    ----------
    study, question
        Its name, and what it asks.
    quick
        Whether it is the reduced study.
    seeds
        Runs of every regime.
    findings
        What its page shows.
    """

    study: str
    question: str
    quick: bool = False
    seeds: int = 1
    findings: Findings


class StudyRecord(Study):
    """Of a study with claims."""

    kind: Literal["findings"] = "findings"


class TransferRecord(Study):
    """Of a study of transfers: costs, distances and their test lie beside it.

    Attributes
    ----------
    targets
        What every target asked, and how the runs towards it ended.
    untested
        Why there is no test, where there is none.
    """

    kind: Literal["transfer"] = "transfer"
    targets: tuple[Target, ...] = ()
    untested: str = ""


RunRecord = DistanceRecord | CompareRecord | GateRecord | StudyRecord | TransferRecord
RECORD: TypeAdapter[RunRecord] = TypeAdapter(Annotated[RunRecord, Field(discriminator="kind")])
KINDS = ("distance", "compare", "gate", "findings", "transfer")
