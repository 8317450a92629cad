"""Where the artifacts of a study in the lab lie, and how a finished checkpoint was reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from behaviordist.regimes.declaration import Regime
from behaviordist.store.jobs import Job
from behaviordist.store.seeds import derived_seed
from behaviordist.studies.jobs import training_job, transfers_job
from behaviordist.studies.seeds import training_seed
from behaviordist.transfer.runs import Goal, Transfer

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

    def training(
        self,
        label: str,
        regime: Regime,
        source: str | None,
        replicate: int = 0,
        seed: int | None = None,
    ) -> Job:
        """Make the job that trains the checkpoint `source` under a regime into `label`.

        Without a source training starts from random weights; default seed: that of the label.
        """
        start = None if source is None else self.checkpoint(source, replicate)
        seed = training_seed(self.seed, label, replicate) if seed is None else seed
        return training_job(self.checkpoint(label, replicate), regime, self.config, start, seed)

    def tuning(
        self,
        path: Path,
        regimes: Mapping[str, Regime],
        source: str,
        goals: Mapping[str, Goal],
        *replicate: int,
    ) -> Job:
        """Make the job that tunes a source under several regimes; all sources see the same data."""
        seeds = {name: derived_seed(self.seed, "transfer", name, *replicate) for name in regimes}
        chosen = {name: goals[name] for name in regimes}
        return transfers_job(path, regimes, self.config, self.checkpoint(source), seeds, chosen)

    def transfer(self, source: str, role: str, target: str, replicate: int) -> Transfer:
        """Name one transfer run: what `role` its source has, and where its curve lies."""
        path = self.folder / "transfers" / target / f"{source}-s{replicate}.json"
        return Transfer(source, role, target, replicate, path)


def read_provenance(folder: Path) -> dict[str, Any]:
    """Return ``provenance.json`` of a checkpoint that a study has finished."""
    record: dict[str, Any] = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    return record
