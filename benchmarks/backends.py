"""Ray and Dask with two workers against loky with two: the same jobs, artifacts and all.

    python benchmarks/backends.py [--jobs 40] [--backends ray dask]

A job is a second or so of linear algebra on one thread and one published artifact. Rounds take
turns, so that a busy machine slows all; a first round, not counted, starts the processes. What it
takes to start a cluster is printed apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from behaviordist.engines.threads import one_thread_per_process
from behaviordist.store.cluster import workers
from behaviordist.store.jobs import Job, run_jobs


def work(path: Path, seed: int, size: int):
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    path.write_text(f"{np.linalg.eigvals(matrix).real.max():.6f}")


def seconds(folder, n, size):
    jobs = [
        Job(folder / f"{i}.txt", {"seed": i}, work, {"seed": i, "size": size}) for i in range(n)
    ]
    began = time.perf_counter()
    run_jobs(jobs, 2, lambda _: None)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=40)
    parser.add_argument("--size", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backends", nargs="*", default=["ray", "dask"])
    asked = parser.parse_args()
    one_thread_per_process()
    names = ["loky", *asked.backends]
    times, starts = {name: [] for name in names}, {}
    with tempfile.TemporaryDirectory() as place:
        for turn in range(asked.rounds + 1):
            for name in names:
                with ExitStack() as stack:
                    began = time.perf_counter()
                    stack.enter_context(workers(name, 2))
                    starts.setdefault(name, time.perf_counter() - began)
                    seconds(Path(place) / f"warm-{name}-{turn}", 4, 50)
                    times[name].append(
                        seconds(Path(place) / f"{name}-{turn}", asked.jobs, asked.size)
                    )
    print(f"{'backend':<8} {'start (s)':>10} {'jobs (s)':>10} {'of loky':>8}  range")
    for name in names:
        ratios = [a / b for a, b in zip(times[name][1:], times["loky"][1:], strict=True)]
        middle = float(np.median(times[name][1:]))
        print(
            f"{name:<8} {starts[name]:>10.1f} {middle:>10.1f} {np.median(ratios):>8.2f}"
            f"  {min(ratios):.2f}-{max(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
