"""`behaviordist train`: one checkpoint, tuned under one regime file into a folder."""

from __future__ import annotations

import shutil
from glob import escape
from pathlib import Path
from typing import Any

from behaviordist.engines.trl_extra import require_trl
from behaviordist.engines.trl_models import base_folder
from behaviordist.errors import InputError
from behaviordist.regimes.artifacts import regime_inputs
from behaviordist.regimes.files import load_regime
from behaviordist.store import is_finished, ranks
from behaviordist.store.folders import check_folder, exclusive
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.studies.places import read_provenance
from behaviordist.studies.real_models.answers import train_target
from behaviordist.studies.real_models.runs import run_inputs


def train_into(out: Path, file: Path, source: Path, seed: int = 0) -> dict[str, Any]:
    """Tune a checkpoint under a regime file, once; a run that was killed continues.

    Parameters
    ----------
    out
        Folder of the tuned checkpoint: a Hugging Face folder (an adapter where the regime trains
        one) with ``provenance.json`` and, where the regime has prompts, its ``answers.jsonl``.
        ``OUT.work`` beside it keeps what a killed run continues from, and is gone afterwards.
    file
        The regime.
    source
        Checkpoint folder to start from.
    seed
        Of the order of examples, of new adapters and of sampling.

    Returns
    -------
    dict
        The checkpoint's provenance: regime, steps, score, whether it converged, the evidence.

    Raises
    ------
    InputError
        The extra or the source is missing, the regime is wrong, `out` holds something else.
    """
    require_trl()
    if seed < 0:
        raise InputError("--seed is 0 or more")
    regime = load_regime(file)
    base_folder(source)
    check_folder(out)
    inputs = {"regime": regime_inputs(regime), **run_inputs(regime, source, seed)}
    if not is_finished(out, inputs) and out.is_dir() and any(out.iterdir()):
        raise InputError(
            f"--out {out} holds something else, or the checkpoint of another regime, source or"
            " seed: give a new folder"
        )
    work = out.with_name(f"{out.name}.work")
    run = {"regime": regime, "source": source, "seed": seed, "work": work / "run"}
    with exclusive(work):
        if ranks.is_first():  # nobody else is writing `out`: the lock is ours
            for left in out.parent.glob(f".{escape(out.name)}.*.tmp"):
                shutil.rmtree(left, ignore_errors=True)
        run_jobs([Job(out, inputs, train_target, run)], 1, lambda done: None)  # noqa: ARG005
    if ranks.is_first():
        shutil.rmtree(work, ignore_errors=True)
    return read_provenance(out)
