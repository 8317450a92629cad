"""Work on a cluster: Ray and Dask as backends of joblib, over one shared folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from behaviordist.errors import InputError, did_you_mean, in_brief
from behaviordist.store import ranks
from behaviordist.store.spread import undisturbed

BACKENDS = {"loky": "joblib", "ray": "ray", "dask": "distributed"}
"""What ``--backend`` may be, and the package behind it."""


@contextmanager
def workers(backend: str | None, jobs: int | None = None, *, gpus: bool = False) -> Iterator[int]:
    """Let the work that starts here run on a backend; yield how many run at a time.

    Parameters
    ----------
    backend
        ``"loky"``: processes of this machine. ``"ray"``: the cluster that ``RAY_ADDRESS`` names;
        ``"dask"``: the one that ``DASK_SCHEDULER_ADDRESS`` names; without it, a cluster on this
        machine that is gone afterwards. None: what `joblib.parallel_config` says, else loky.
    jobs
        How many run at a time; default as many as there are cores, or workers.
    gpus
        Give each a GPU where a Ray cluster has some. Workers of Dask see what they were started
        with.

    Raises
    ------
    InputError
        Unknown backend, package not installed, no cluster there, or Dask workers of many threads.
    """
    from joblib import effective_n_jobs, parallel_config

    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs is {jobs}: at least one process is needed")
    if backend is not None:
        _check(backend)
    with ExitStack() as stack:
        if backend == "ray":
            kept = stack.enter_context(_ray(jobs, gpus))
            stack.enter_context(parallel_config("ray", num_gpus=kept))
        elif backend == "dask":
            stack.enter_context(_dask(jobs))
            stack.enter_context(parallel_config("dask"))
        elif backend is not None:
            stack.enter_context(parallel_config(backend))
        yield jobs or effective_n_jobs(-1)


def _check(backend: str) -> None:
    if backend not in BACKENDS:
        raise InputError(f"--backend {backend}: no such backend; {did_you_mean(backend, BACKENDS)}")
    if find_spec(BACKENDS[backend]) is None:
        raise InputError(
            f"--backend {backend} needs its package: pip install 'behaviordist[{backend}]'"
        )
    if backend != "loky" and ranks.count() > 1:
        raise InputError(f"--backend {backend} starts its own processes: run without a launcher")


@contextmanager
def _ray(jobs: int | None, gpus: bool) -> Iterator[int]:
    """Join or start a Ray cluster; yield how many GPUs a worker takes."""
    from joblib import register_parallel_backend

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A worker that asks for no GPU keeps what its machine shows it.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    register_parallel_backend("ray", _ray_backend())
    ours = not ray.is_initialized()
    if ours:
        there = "RAY_ADDRESS" in os.environ
        size = {} if there else {"address": "local", "num_cpus": jobs, "include_dashboard": False}
        try:
            with undisturbed():
                ray.init(logging_level="error", log_to_driver=False, **size)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"no Ray cluster at RAY_ADDRESS={os.environ.get('RAY_ADDRESS', '')}"
                f" ({in_brief(error, 120)}): start one with `ray start --head`"
            ) from None
    try:
        yield int(gpus and ray.cluster_resources().get("GPU", 0) >= 1)
    finally:
        if ours:
            ray.shutdown()


def _ray_backend() -> type:
    """Return the backend: a task of Ray for each call.

    Ray's own for joblib sends calls to a fixed set of actors drawn at random: two go to one while
    another has none, and one that is lost stays lost. Ray gives tasks to who is free, and gives
    those of a lost process to another.
    """
    import ray
    from joblib.parallel import ParallelBackendBase

    class RayTasks(ParallelBackendBase):  # type: ignore[misc]
        supports_retrieve_callback = True

        def __init__(self, num_gpus: int = 0, **options: Any) -> None:
            super().__init__(**options)
            self.num_gpus = num_gpus
            self.run = ray.remote(num_cpus=1, num_gpus=num_gpus)(_run)
            self.running: list[Any] = []

        def effective_n_jobs(self, n_jobs: int) -> int:
            if n_jobs is not None and n_jobs > 0:
                return n_jobs
            total = ray.cluster_resources()
            return max(1, int(total.get("GPU" if self.num_gpus else "CPU", 1)))

        def submit(self, func: Any, callback: Callable[[Any], None]) -> Future[Any]:
            reference = self.run.remote(func)
            future: Future[Any] = reference.future()
            self.running.append((reference, future))
            future.add_done_callback(callback)
            return future

        def retrieve_result_callback(self, out: Future[Any]) -> Any:
            try:
                return out.result()
            except ray.exceptions.RayTaskError as error:
                raise error.cause from None

        def abort_everything(self, ensure_ready: bool = True) -> None:
            for reference, future in self.running:
                if not future.done():
                    ray.cancel(reference, force=True)
            self.running = []
            super().abort_everything(ensure_ready)

    return RayTasks


def _run(calls: Any) -> Any:
    return calls()


@contextmanager
def _dask(jobs: int | None) -> Iterator[None]:
    """Join or start a Dask cluster, and be its client."""
    from dask import config
    from distributed import Client, LocalCluster, default_client
    from joblib import cpu_count

    with ExitStack() as stack:
        try:
            client = default_client()
        except ValueError:
            address = config.get("scheduler-address", None)
            try:
                with undisturbed():
                    client = Client(address or stack.enter_context(LocalCluster(
                        n_workers=jobs or cpu_count(), threads_per_worker=1, memory_limit=None,
                        dashboard_address=None,
                    )))  # fmt: skip
            except (OSError, TimeoutError, ValueError) as error:
                raise InputError(
                    f"no Dask scheduler at DASK_SCHEDULER_ADDRESS={address}"
                    f" ({in_brief(error, 120)}): start one with `dask scheduler`"
                ) from None
            stack.enter_context(client)
        many = [name for name, threads in client.nthreads().items() if threads > 1]
        if many:
            raise InputError(
                f"the Dask worker {many[0]} has several threads: start workers with"
                " `dask worker --nthreads 1 --nworkers N`"
            )
        yield
