"""One writer at a time, no answer over another one's, and no trace of what came to nothing."""

import subprocess
import sys

import pytest

from behaviordist.errors import InputError
from behaviordist.store.folders import QUESTION, answering, exclusive

HOLDER = """
import sys, pathlib
from behaviordist.store.folders import exclusive
with exclusive(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def answer(folder, **question):
    with answering(folder, "test", question):
        (folder / "answer").write_text("42")


def test_another_process_is_refused_while_one_writes(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "out")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="another run is writing"):
        answer(tmp_path / "out", a=1)
    holder.communicate("")
    answer(tmp_path / "out", a=1)


def test_the_same_question_again_and_no_other(tmp_path):
    for _ in range(2):
        answer(tmp_path, geometry="hellinger", models=["a", "b"])
    with pytest.raises(InputError, match="of other models") as caught:
        answer(tmp_path, geometry="hellinger", models=["a", "c"])
    assert "--out" in str(caught.value)
    with pytest.raises(InputError, match="of `test`"), answering(tmp_path, "plan", {}):
        pass


def test_what_was_not_finished_is_in_nobodys_way(tmp_path):
    with pytest.raises(ZeroDivisionError), answering(tmp_path, "test", {"a": 1}):
        (tmp_path / "half").write_text("")
        1 / 0  # noqa: B018
    assert not (tmp_path / QUESTION).exists()
    answer(tmp_path, a=2)


def test_an_option_that_came_later_and_is_not_given_asks_nothing_else(tmp_path):
    with answering(tmp_path, "distance", {"probes": "general"}):
        (tmp_path / "answer").write_text("42")
    with answering(tmp_path, "distance", {"probes": "general", "also_score": None}):
        pass
    with (
        pytest.raises(InputError, match="another question"),
        answering(tmp_path, "distance", {"probes": "general", "also_score": ["a"]}),
    ):
        pass


def test_a_damaged_note_of_the_question_is_no_obstacle(tmp_path):
    answer(tmp_path, a=1)
    (tmp_path / QUESTION).write_text("[")
    answer(tmp_path, a=2)


def test_nothing_written_leaves_nothing(tmp_path):
    with pytest.raises(InputError), exclusive(tmp_path / "new" / "out"):
        raise InputError("no")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old").mkdir()
    with exclusive(tmp_path / "old"):
        pass
    assert list((tmp_path / "old").iterdir()) == []


def test_a_folder_that_no_run_held_is_not_cleared(tmp_path):
    (tmp_path / "theirs" / ".work.tmp").mkdir(parents=True)
    with exclusive(tmp_path):
        assert (tmp_path / "theirs" / ".work.tmp").is_dir()


def test_the_work_of_a_run_in_a_folder_below_is_left_alone(tmp_path):
    """Somebody writes to ``reports`` while a study is at work in ``reports/transfer``."""
    below = tmp_path / "reports" / "transfer"
    with exclusive(below):
        unfinished = below / "transfers" / ".a.0123abcd.tmp"
        unfinished.mkdir(parents=True)
        with exclusive(tmp_path / "reports"):
            assert unfinished.is_dir()
    with exclusive(below):
        assert not unfinished.exists(), "it is cleared by the next run of its own folder"


def test_temporary_files_of_a_killed_run_are_cleared(tmp_path):
    (tmp_path / ".lock").touch()  # a killed run leaves it
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".x.123.tmp").write_text("")
    (tmp_path / ".y.456.tmp").mkdir()
    with exclusive(tmp_path):
        assert not list(tmp_path.rglob("*.tmp"))
