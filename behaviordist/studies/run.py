"""`run`: from a study's name or file to its finished folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.engines.compilation import keep_compiled
from behaviordist.engines.threads import one_thread_per_process
from behaviordist.errors import InputError
from behaviordist.store import ranks
from behaviordist.store.cluster import workers
from behaviordist.store.folders import answering, check_folder
from behaviordist.studies.catalogue import method_of
from behaviordist.studies.load import load_study
from behaviordist.studies.settings import Settings
from behaviordist.studies.stages import StageClock


def run(
    study: str = "transfer",
    out: str | Path | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    jobs: int | None = None,
    backend: str | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """Run a study, or continue it: every finished artifact in the folder is kept.

    Parameters
    ----------
    study
        A name (`behaviordist studies` lists them) or a YAML file.
    out
        Folder of the run; default ``reports/NAME``, with ``-quick`` for a quick run.
    quick
        The reduced study of the file's ``quick`` section.
    seed
        Seeds every random draw; the same seed gives the same numbers, killed or not.
    jobs
        Processes; default: one a core. It changes the time only, not the numbers.
    backend
        What runs them: ``"loky"`` here, ``"ray"`` or ``"dask"`` on a cluster (see
        `store.cluster.workers`); default what `joblib.parallel_config` says.
    command
        What to write into the record as the way to reproduce the run.

    Returns
    -------
    dict
        The run's record, as in ``run.json``, with the folder under ``"folder"``.

    Raises
    ------
    InputError
        Unknown study, bad file, bad settings, or a folder that another run holds.

    Examples
    --------
    >>> import behaviordist as bd
    >>> record = bd.run("transfer", quick=True)  # doctest: +SKIP
    >>> bd.run("tranfer")
    Traceback (most recent call last):
    behaviordist.errors.InputError: ...did you mean 'transfer'...
    """
    resolved = load_study(study, quick)
    if seed < 0:
        raise InputError(f"--seed is {seed}: a seed is 0 or more")
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs is {jobs}: at least one process is needed")
    default = Path("reports") / (f"{resolved.name}-quick" if quick else resolved.name)
    folder = default if out is None else Path(out)
    check_folder(folder)
    if ranks.count() > 1 and resolved.kind != "trl-transfer":
        raise InputError(
            f"study {resolved.name} starts its own processes: run it without a launcher"
        )
    one_thread_per_process()
    keep_compiled()
    described = command or f"behaviordist run {study}{' --quick' * quick} --seed {seed}"
    question = {"study": resolved.name, "kind": resolved.kind, "quick": quick, "seed": seed}
    with workers(backend, jobs) as processes, answering(folder, "run", question):
        settings = Settings(folder, seed, processes, quick, described)
        method = method_of(resolved.kind, study)
        record = method.run_study(resolved, settings, StageClock.on_stderr())
    return {**record, "folder": str(folder)}
