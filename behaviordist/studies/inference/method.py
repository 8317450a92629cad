"""Study `inference`: what do inference settings do to a behavior?

Method, in the order of the code. Bases are pre-trained from several seeds, on documents without
and with solved examples and scratchpads. Each is post-trained by SFT towards every task, and by
quantisation-aware training (QAT) towards one of them, once for every number of bits, on the same
data and for as many steps. Every checkpoint is then run with every setting on the same probes and
compared, probe by probe, with itself run as it is. Intervals are over seeds: each has a base, and
so children, of its own.
"""

from __future__ import annotations

from typing import Any

from behaviordist.probes import ProbeSet
from behaviordist.record import Behavior
from behaviordist.studies.folder import write_findings
from behaviordist.studies.inference.answers import Answers
from behaviordist.studies.inference.measure import (
    GEOMETRY,
    behavior_label,
)
from behaviordist.studies.inference.page import findings
from behaviordist.studies.inference.runs import SettingRuns
from behaviordist.studies.inference.study import PLAIN, Study
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock

NOTES = (
    "Quantisation is simulated: weights of the blocks are rounded and multiplied as floats.",
    "The map's distances come from float32 inner products: what lies below 0.0003 there is"
    " their rounding. The cache is judged on differences, taken probe by probe.",
    "Scratchpads are sampled, as many a probe as the study's file says: the distance from the"
    " plain model includes the noise of that sampling; an answer's probability is unbiased.",
)


def run_study(study: Study, settings: Settings, clock: StageClock) -> dict[str, Any]:
    """Run every stage that is not finished; write the folder; return ``run.json``."""
    runs = SettingRuns(study, settings.folder, settings.seed)
    clock.run("pretrain", "Pre-training the bases", runs.base_jobs(), settings.jobs)
    clock.run("post-training", "Post-training: SFT and QAT", runs.tuning_jobs(), settings.jobs)
    what = "Running every checkpoint with every setting"
    clock.run("settings", what, runs.measure_jobs(), settings.jobs)
    behaviors = write_map(runs, clock)
    answers = Answers.of(runs)
    return write_findings(
        study,
        settings,
        findings(answers),
        clock,
        behaviors=behaviors,
        geometry=GEOMETRY,
        digests={"probes": answers.probes.digest},
        notes=NOTES,
    )


def write_map(runs: SettingRuns, clock: StageClock) -> list[Behavior]:
    """Write the distance matrix of the first seed's models and settings; return their kinds."""
    from behaviordist.behaviors import load
    from behaviordist.distance import matrix_of
    from behaviordist.distance.fingerprints.fingerprinting import fingerprint

    behaviors, kinds = [], []
    for model in runs.models:
        folder = runs.checkpoint(model, 0)
        for name in (PLAIN, *runs.study.map):
            spec = runs.study.specs[name]
            label = behavior_label(model, name, spec)
            behaviors.append(load(f"{folder}@{spec}" if spec else str(folder), label))
            kinds.append(Behavior(label=label, algorithm=runs.study.family(name), task=model))
    with clock.stage("map", 1, "Measuring the map") as done:
        kept = runs.folder / "fingerprints"
        probes = ProbeSet.load(runs.study.probes)
        prints = fingerprint(behaviors, probes, (GEOMETRY,), folder=kept)
        matrix_of(prints[GEOMETRY]).save(runs.folder)
        done(1)
    return kinds
