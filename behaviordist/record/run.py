"""``run.json``: what a run says, a union of types on its `kind`."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from behaviordist.distance.black_box.comparison import ComparedAnswers
from behaviordist.distance.comparison import Compared
from behaviordist.record.behaviors import Behavior, Probes, Target
from behaviordist.record.estimate import Part
from behaviordist.record.findings import Findings
from behaviordist.record.provenance import Provenance
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.store.shown import html_table

SCHEMA = 2


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

    schema_: Literal[2] = Field(default=2, alias="schema")
    provenance: Provenance = Provenance()
    geometry: str = ""
    probes: Probes | None = None
    behaviors: tuple[Behavior, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able values; what is not finite is None."""
        return self.model_dump(mode="json", by_alias=True)

    def __repr__(self) -> str:
        few = [(name, value) for name, value in self._shown() if name != "question"][:3]
        said = ", ".join(f"{name}: {str(value)[:30]}" for name, value in few)
        return f"{type(self).__name__}({said})"

    __str__ = __repr__

    def _repr_html_(self) -> str:
        return html_table(type(self).__name__, ("", "value"), self._shown())

    def _shown(self) -> list[tuple[str, str]]:
        """Return what a notebook shows: a line each, not the whole record."""
        given = {name: getattr(self, name, "") for name in ("study", "question", "geometry")}
        rows = [(name, str(value)) for name, value in given.items() if value]
        compared = getattr(self, "comparison", None)
        if compared is None:
            return [*rows, ("behaviors", str(len(self.behaviors)))]
        rows += [("reference", compared.reference), ("candidate", compared.candidate)]
        for name, mean in getattr(compared, "overall", {}).items():
            if math.isfinite(mean.value):
                rows.append((name, f"{mean.value:.3g} ± {mean.standard_error:.2g}"))
        return rows


class DistanceRecord(Record):
    """Of `behaviordist distance`; its numbers lie in the matrix beside it."""

    kind: Literal["distance"] = "distance"


class CompareRecord(Record):
    """Of `behaviordist compare`: what was compared, and the reference made again."""

    kind: Literal["compare"] = "compare"
    comparison: Compared
    floor: Compared | None = None


class AnswersRecord(Record):
    """Of `compare` and `gate` where a model only answers: two models by what they say."""

    kind: Literal["answers"] = "answers"
    comparison: ComparedAnswers
    floor: ComparedAnswers | None = None
    gate: dict[str, Any] | None = None


class GateRecord(Record):
    """Of `behaviordist gate`: a comparison and the decision about it."""

    kind: Literal["gate"] = "gate"
    comparison: Compared
    floor: Compared | None = None
    gate: dict[str, Any]


class PolicyRecord(Record):
    """Of `behaviordist gate --policy`: what was measured for its checks, and the decision."""

    kind: Literal["policy"] = "policy"
    comparison: Compared | None = None
    answers: ComparedAnswers | None = None
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
    numbers
        Behind the findings, for programs.
    """

    kind: Literal["transfer"] = "transfer"
    targets: tuple[Target, ...] = ()
    untested: str = ""
    numbers: TransferNumbers | None = None


RunRecord = (
    DistanceRecord
    | CompareRecord
    | AnswersRecord
    | GateRecord
    | PolicyRecord
    | StudyRecord
    | TransferRecord
)
RECORD: TypeAdapter[RunRecord] = TypeAdapter(Annotated[RunRecord, Field(discriminator="kind")])
KINDS = ("distance", "compare", "answers", "gate", "policy", "findings", "transfer")
