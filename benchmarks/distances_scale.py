"""All pairs at the size of a model zoo: time against one plain matrix product, and peak memory.

    python benchmarks/distances_scale.py            # 1018 behaviors x 10,000 probes, D = 64
    python benchmarks/distances_scale.py --table    # growth in probes and behaviors

Synthetic fingerprints are written to disk, one safetensors file each, and read back as memory maps.
The plain product is `F @ F.T` in float32 on the same data, in blocks of columns where F does not
fit the memory (`--product-bytes`); reading F is not counted to its time. Both sides use the number
of threads that OMP_NUM_THREADS gives. Peak memory is the resident set of a process of its own that
computes the distances alone, without the pages of the files it maps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from behaviordist.innerproduct import Fingerprint, Identity, pair_moments


def write(folder, n, n_probes, size):
    rng = np.random.default_rng(0)
    base = rng.standard_normal((n_probes, size), dtype=np.float32)
    for i in range(n):
        identity = Identity(f"b{i}", f"b{i}", "v", "ab" * 32, "hellinger", f"countsketch-{size}")
        features = base + 0.3 * rng.standard_normal((n_probes, size), dtype=np.float32)
        Fingerprint(identity, features, np.arange(n_probes)).save(folder / f"{i:05d}.safetensors")


def opened(folder):
    return [Fingerprint.load(path) for path in sorted(folder.glob("*.safetensors"))]


def plain_product(fingerprints, product_bytes):
    """Seconds of F @ F.T alone, F read block by block where it is too large."""
    n, (n_probes, size) = len(fingerprints), fingerprints[0].features.shape
    rows = max(1, min(n_probes, product_bytes // (4 * n * size)))
    gram, spent = np.zeros((n, n), dtype=np.float32), 0.0
    for start in range(0, n_probes, rows):
        stop = min(start + rows, n_probes)
        block = np.empty((n, (stop - start) * size), dtype=np.float32)
        for i, fingerprint in enumerate(fingerprints):
            block[i] = fingerprint.features[start:stop].reshape(-1)
        began = time.perf_counter()
        gram += block @ block.T
        spent += time.perf_counter() - began
    return spent


def anonymous_bytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


def measured(folder, queue):
    """Peak of the process's own memory while it computes, sampled every 20 ms, and the time."""
    peak, done = [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], anonymous_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    prints = opened(folder)
    read = time.perf_counter() - began
    pair_moments(prints)
    spent = time.perf_counter() - began - read
    done.set()
    watcher.join()
    queue.put((spent, read, peak[0]))


def compare(n, n_probes, size, product_bytes, repeats):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, n, n_probes, size)
        prints = opened(folder)
        ratios, times = [], []
        for _ in range(repeats):
            product = plain_product(prints, product_bytes)
            queue = multiprocessing.get_context("spawn").Queue()
            process = multiprocessing.get_context("spawn").Process(
                target=measured, args=(folder, queue)
            )
            process.start()
            spent, read, peak = queue.get()
            process.join()
            times.append((product, spent, read, peak))
            ratios.append(spent / product)
        k = int(np.argsort(ratios)[len(ratios) // 2])
        product, spent, read, peak = times[k]
        print(
            f"{n:>9} {n_probes:>7} {size:>4} {product:>12.2f} {spent:>12.2f} {ratios[k]:>6.2f}"
            f" {min(ratios):>5.2f}-{max(ratios):<5.2f} {read:>8.2f} {peak / 2**20:>9.0f}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--behaviors", type=int, default=1018)
    parser.add_argument("--probes", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--product-bytes", type=int, default=4 * 2**30)
    parser.add_argument("--table", action="store_true", help="a table over sizes")
    asked = parser.parse_args()
    sizes = [(asked.behaviors, asked.probes)]
    if asked.table:
        sizes = [(n, p) for n in (64, 256, 1018) for p in (1250, 2500, 5000)]
    print(
        f"{'behaviors':>9} {'probes':>7} {'D':>4} {'F @ F.T (s)':>12} {'ours+SE (s)':>12}", end=""
    )
    print(f" {'ratio':>6} {'range':>11} {'open (s)':>8} {'peak MiB':>9}")
    for n, n_probes in sizes:
        compare(n, n_probes, asked.size, asked.product_bytes, asked.repeats)


if __name__ == "__main__":
    main()
