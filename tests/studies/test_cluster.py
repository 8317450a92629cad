"""A study on a cluster, a worker of which is killed in the middle: the same numbers as at home."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.commands import world
from tests.studies.test_killed import finished

pytestmark = [  # on one process of a parallel run: what loky makes is made once
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.xdist_group("cluster"),
]


@pytest.fixture(autouse=True)
def nothing_left_open():
    """Pipes of processes that were killed are closed here, not in the middle of another test."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return world(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def total(folder):
    """How many artifacts the study has, run by loky as ``at-home``."""
    process = start(folder, "at-home", "loky")
    assert process.wait(timeout=900) == 0, process.stderr.read()
    return finished(folder / "at-home")


def path():
    return os.pathsep.join(p for p in sys.path if p)


def start(folder, out, backend, **variables):
    words = f"run study.yaml --jobs 2 --backend {backend} --out {out}".split()
    return subprocess.Popen(
        [sys.executable, "-m", "behaviordist", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path(), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def tables(folder: Path):
    return {path.name: path.read_bytes() for path in folder.glob("*.csv")} | {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*.safetensors")
        if "work" not in path.parts
    }


def killed_in_the_middle(process, out, total, kill):
    while finished(out) < 0.3 * total and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None, f"the run ended too early: {process.stderr.read()}"
    kill()
    assert process.wait(timeout=900) == 0, process.stderr.read()


def test_ray_with_a_node_that_dies(folder, total, monkeypatch):
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", path())
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        node = cluster.add_node(num_cpus=1)
        process = start(folder, "by-ray", "ray", RAY_ADDRESS=cluster.address)
        killed_in_the_middle(
            process,
            folder / "by-ray",
            total,
            lambda: cluster.remove_node(node, allow_graceful=False),
        )
    finally:
        cluster.shutdown()
    assert tables(folder / "by-ray") == tables(folder / "at-home")


def test_dask_with_a_worker_that_is_killed(folder, total, monkeypatch):
    pytest.importorskip("distributed")
    from distributed import Client, LocalCluster

    monkeypatch.setenv("PYTHONPATH", path())
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=None, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        process = start(folder, "by-dask", "dask", DASK_SCHEDULER_ADDRESS=cluster.scheduler_address)
        pids = client.run(os.getpid)
        killed_in_the_middle(
            process,
            folder / "by-dask",
            total,
            lambda: os.kill(next(iter(pids.values())), signal.SIGKILL),
        )
    assert tables(folder / "by-dask") == tables(folder / "at-home")


PACKAGES = {"ray": "ray", "dask": "distributed"}


def ended(folder, line):
    """Run a command to its end; return the tables of the folder that it names last."""
    done = subprocess.run(
        [sys.executable, "-m", "behaviordist", *line.split()],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path()},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    return tables(folder / line.split()[-1])


FINGERPRINT = "fingerprint one two --probes p.jsonl --states float16"
TRANSFER = "transfer --base one --targets regime.yaml --seeds 2 --keep --jobs 2"


@pytest.fixture(scope="module")
def atlas(folder):
    return ended(folder, f"{FINGERPRINT} --out states-at-home")


@pytest.fixture(scope="module")
def costs(folder):
    return ended(folder, f"{TRANSFER} --backend loky --out costs")


@pytest.mark.parametrize("backend", PACKAGES)
def test_fingerprints_are_the_same_bytes_from_a_cluster(backend, folder, atlas):
    pytest.importorskip(PACKAGES[backend])
    made = ended(folder, f"{FINGERPRINT} --backend {backend} --jobs 2 --out states-{backend}")
    assert made == atlas and made


@pytest.mark.parametrize("backend", PACKAGES)
def test_transfers_are_the_same_numbers_from_a_cluster(backend, folder, costs):
    pytest.importorskip(PACKAGES[backend])
    made = ended(folder, f"{TRANSFER} --backend {backend} --out costs-{backend}")
    assert made == costs and "costs.csv" in made
