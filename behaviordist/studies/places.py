"""Where the artifacts of a study in the lab lie, and how a finished checkpoint was reached."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from behaviordist.transfer.runs import Transfer

if TYPE_CHECKING:
    from behaviordist.lab.llama import LlamaConfig
    from behaviordist.studies.study_file import ModelSection


class LabStudy(Protocol):
    """A study whose models have one shape."""

    @property
    def model(self) -> ModelSection:
        """Shape of the models."""
        ...

    @property
    def seeds(self) -> int:
        """Runs of every regime."""
        ...


StudyT = TypeVar("StudyT", bound=LabStudy)


@dataclass(frozen=True)
class Places(Generic[StudyT]):
    """Names and places of everything that a study trains, in one folder and for one seed.

    Attributes
    ----------
    study
        The study's file.
    folder
        Of the run.
    seed
        Of every random draw.
    once
        Labels of checkpoints that there is one of, whatever the seed.
    """

    study: StudyT
    folder: Path
    seed: int
    once: ClassVar[tuple[str, ...]] = ()

    @property
    def config(self) -> LlamaConfig:
        """Architecture of every model of the study."""
        return self.study.model.architecture()

    @property
    def replicates(self) -> range:
        """Numbers of the seeds."""
        return range(self.study.seeds)

    def checkpoint(self, label: str, replicate: int = 0) -> Path:
        """Folder of one checkpoint."""
        name = label if label in self.once else f"{label}-s{replicate}"
        return self.folder / "checkpoints" / name

    def provenance(self, label: str, replicate: int = 0) -> dict[str, Any]:
        """Read how a finished checkpoint was reached."""
        return read_provenance(self.checkpoint(label, replicate))

    def transfer(self, source: str, role: str, target: str, replicate: int) -> Transfer:
        """Name one transfer run: what `role` its source has, and where its curve lies."""
        path = self.folder / "transfers" / target / f"{source}-s{replicate}.json"
        return Transfer(source, role, target, replicate, path)


def read_provenance(folder: Path) -> dict[str, Any]:
    """Return ``provenance.json`` of a checkpoint that a study has finished."""
    record: dict[str, Any] = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    return record
