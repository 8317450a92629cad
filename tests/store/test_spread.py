"""Work spread over processes: lost ones cost nothing but time, and what cannot work is one line."""

import os

import joblib
import pytest

from behaviordist.errors import InputError
from behaviordist.store import spread as module
from behaviordist.store.cluster import workers
from behaviordist.store.folders import check_folder
from behaviordist.store.jobs import Job, run_jobs
from behaviordist.store.spread import spread
from tests.store import cluster_work as work


def test_a_killed_process_is_replaced_and_every_task_is_done_once(tmp_path):
    done = []
    tasks = [(i, str(tmp_path / "marker")) for i in range(8)]
    assert spread(work.die_once, tasks, 2, done.append, tmp_path) == [i * i for i in range(8)]
    assert sorted(done) == list(range(8))


def test_a_task_that_ends_every_process_is_one_line(tmp_path):
    with pytest.raises(InputError, match="ended from outside 3 times.*the same command"):
        spread(work.die, [0], 1, lambda _: None, tmp_path)


def test_what_a_task_refuses_is_said_as_it_was(tmp_path):
    with pytest.raises(InputError, match="^row 3: no good$"):
        spread(work.refuse, [0, 1], 2, lambda _: None, tmp_path)


def test_a_worker_that_does_not_see_the_folder_refuses(tmp_path, monkeypatch):
    """Threads stand for another machine: they have no parent watch, and enter the place."""
    monkeypatch.setattr(module, "write_text", lambda *_: None)  # the token is not seen
    monkeypatch.setattr(module, "seen", lambda path, within: path.exists())
    with (
        joblib.parallel_config("threading"),
        pytest.raises(InputError, match="does not see the files of .*shared file system"),
    ):
        spread(work.square, [1, 2], 2, lambda _: None, tmp_path)


def test_a_worker_elsewhere_computes_with_the_same_threads_and_outlives_no_parent(tmp_path):
    """The watch of loky's processes would end one whose parent is not this process."""
    with joblib.parallel_config("threading"):
        found = spread(work.threads, range(2), 2, lambda _: None, tmp_path)
    assert {threads for threads, _, _ in found} == {os.environ["OMP_NUM_THREADS"]}
    assert not list(tmp_path.iterdir()), "the token is gone"


def test_what_was_made_elsewhere_and_is_not_seen_here_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("behaviordist.store.jobs.seen", lambda path: False)
    job = Job(tmp_path / "a.txt", {}, work.write, {"text": "a"})
    with joblib.parallel_config("threading"), pytest.raises(InputError, match="not seen here"):
        run_jobs([job], 2, lambda _: None)


@pytest.mark.parametrize(
    ("backend", "jobs", "said"),
    [("rya", None, "did you mean 'ray'"), ("loky", 0, "at least one process")],
)
def test_what_no_backend_can_be_is_refused(backend, jobs, said):
    with pytest.raises(InputError, match=said), workers(backend, jobs):
        pass


def test_a_backend_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setattr("behaviordist.store.cluster.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'behaviordist\[ray\]'"), workers("ray"):
        pass


def test_an_address_is_no_folder(tmp_path):
    from pathlib import Path

    with pytest.raises(InputError, match="--out s3:/bucket/atlas: no folder"):
        check_folder(Path("s3://bucket/atlas"))
