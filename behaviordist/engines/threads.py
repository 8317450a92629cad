"""One thread a process: on a CPU a population is one process per core with one thread each."""

from __future__ import annotations

import os


def one_thread_per_process() -> None:
    """Make this process, if it has not loaded JAX yet, and all its children run on one thread.

    Two processes of two threads on two cores are several times slower than two of one, and a
    fixed number of threads makes a run's sums, so its results, the same on every machine load.
    """
    os.environ["NPROC"] = "1"  # XLA's CPU client sizes its thread pool by this
    flag = "--xla_cpu_multi_thread_eigen=false"
    if flag not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flag}".strip()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
