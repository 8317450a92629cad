"""Everything that study `inference` makes: names, places, seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from behaviordist.probes import ProbeSet
from behaviordist.regimes.declaration import Regime
from behaviordist.store import file_digest
from behaviordist.store.jobs import Job
from behaviordist.studies.inference.measure import VERSION, measure_quantisation, measure_settings
from behaviordist.studies.inference.study import BASE, Study
from behaviordist.studies.places import Places
from behaviordist.studies.seeds import training_seed


@dataclass(frozen=True)
class SettingRuns(Places[Study]):
    """Bases, what is post-trained from them, and the measurements of every checkpoint."""

    @property
    def models(self) -> list[str]:
        """Names of the checkpoints that every setting is tried on."""
        return [BASE, *(self.study.sft(task).label for task in self.study.tasks)]

    def measured(self, name: str, replicate: int) -> Path:
        """File of what one checkpoint does with every setting."""
        return self.folder / "measures" / f"{name}-s{replicate}.npz"

    def base_jobs(self) -> list[Job]:
        """Return the pre-trainings, one a seed."""
        regime = self.study.base_regime()
        return [self.training(BASE, regime, None, r) for r in self.replicates]

    def tuning_jobs(self) -> list[Job]:
        """Return the post-trainings; those of one seed and task see the same data."""
        return [
            self.training(name, regime, BASE, r, training_seed(self.seed, str(regime.task), r))
            for name, regime in self._tuned()
            for r in self.replicates
        ]

    def measure_jobs(self) -> list[Job]:
        """Return the measurements: settings of every checkpoint, then SFT against QAT."""
        places = [(name, r) for name in self.models for r in self.replicates]
        jobs = [
            Job(
                self.measured(name, r),
                self._inputs([self.checkpoint(name, r)], {"specs": self.study.specs}),
                measure_settings,
                {
                    "model": name,
                    "checkpoint": self.checkpoint(name, r),
                    "specs": self.study.specs,
                    "probes": self.study.probes,
                    "keep": self.folder / "fingerprints" if r == 0 else None,
                },
            )
            for name, r in places
        ]
        return jobs + [self._quantisation_job(r) for r in self.replicates]

    def _quantisation_job(self, r: int) -> Job:
        bits = self.study.quantisation.bits
        sft = self.study.sft(self.study.quantisation.task)
        aware = {b: self.checkpoint(f"qat{b}-{sft.task}", r) for b in bits}
        plain = self.checkpoint(sft.label, r)
        arguments = {"sft": plain, "qat": aware, "regime": sft, "probes": self.study.probes}
        inputs = self._inputs([plain, *aware.values()], {"regime": sft.model_dump(mode="json")})
        return Job(self.measured("quantisation", r), inputs, measure_quantisation, arguments)

    def _tuned(self) -> Iterator[tuple[str, Regime]]:
        for task in self.study.tasks:
            yield self.study.sft(task).label, self.study.sft(task)
        for bits in self.study.quantisation.bits:
            yield f"qat{bits}-{self.study.quantisation.task}", self.study.qat(bits)

    def _inputs(self, sources: list[Path], more: dict[str, Any]) -> dict[str, Any]:

        weights = [file_digest(path / "model.safetensors") for path in sources]
        probes = ProbeSet.load(self.study.probes).digest
        return {"weights": weights, "probes": probes, "version": VERSION, **more}
