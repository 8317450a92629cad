"""Kills, full disks, read-only places, two at once, flipped bytes, for what writes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time

import pytest

from tests.distance.hub_stand_in import hub
from tests.faults.commands import COMMANDS, HUB, QUICK, finish, results, start, world

EVERY = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in COMMANDS]
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in COMMANDS]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with every input, and a hub that holds its atlas."""
    folder = world(tmp_path_factory.mktemp("good"))
    with hub() as server:
        known = {"HF_ENDPOINT": server.address, "HF_HUB_OFFLINE": "0", "NO_PROXY": "127.0.0.1"}
        HUB.update(known, HF_TOKEN="hf_none")
        code, errors = finish(start(folder, "push atlas org/atlas"))
        assert code == 0, errors
        yield folder


@pytest.fixture
def place(good, tmp_path):
    """A copy of it."""
    return shutil.copytree(good, tmp_path / "place")


def one_line(errors):
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, errors
    assert "Traceback" not in errors, errors


def whole(folder):
    """No file under a result's name is cut: JSON parses, tables end their last line."""
    for path in (folder / "o").rglob("*.json"):
        json.loads(path.read_text())
    for path in (folder / "o").rglob("*.csv"):
        assert path.read_bytes().endswith(b"\n"), path


@pytest.mark.parametrize("command", EVERY)
def test_a_full_disk_is_one_line(command, place):
    code, errors = finish(start(place, command, full=True))
    assert code == 2, errors
    one_line(errors)
    whole(place)


@pytest.mark.parametrize("command", EVERY)
def test_a_full_device_behind_stdout_is_one_line(command, place):
    with open("/dev/full", "w") as full:
        code, errors = finish(start(place, command, stdout=full))
    assert code == 2, errors
    one_line(errors)


@pytest.mark.parametrize("command", EVERY)
def test_a_place_where_nothing_can_be_written_is_one_line(command, place):
    shutil.rmtree(place / "o")
    os.symlink("/proc/self/fdinfo", place / "o")  # even root can make nothing there
    code, errors = finish(start(place, command))
    assert code == 2, errors
    one_line(errors)


@pytest.mark.parametrize("command", SLOW)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_killed_at_any_time_the_same_command_ends_the_same(command, how, good, tmp_path):
    whole_run = shutil.copytree(good, tmp_path / "whole")
    began = time.monotonic()
    code, errors = finish(start(whole_run, command))
    assert code in (0, 1), errors
    took = time.monotonic() - began
    stopped = shutil.copytree(good, tmp_path / "stopped")
    for share in (0.1, 0.5, 0.8, 0.95):
        process = start(stopped, command)
        time.sleep(share * took)
        if how == signal.SIGINT:  # as a terminal does it: its workers hear it too
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        code, errors = finish(process)
        assert "Traceback" not in errors, errors
        whole(stopped)
        if code in (0, 1) or results(stopped) == results(whole_run):  # killed after its last file
            break
    if results(stopped) != results(whole_run):
        code, errors = finish(start(stopped, command))
        assert code in (0, 1), errors
    assert results(stopped) == results(whole_run)


@pytest.mark.parametrize("command", SLOW)
def test_two_at_once_leave_one_whole_result(command, good, tmp_path):
    alone, both = (shutil.copytree(good, tmp_path / name) for name in ("alone", "both"))
    finish(start(alone, command))
    ends = [finish(process) for process in [start(both, command), start(both, command)]]
    assert {code for code, _ in ends} <= {0, 1, 2}, ends
    assert min(code for code, _ in ends) < 2, ends
    for code, errors in ends:
        assert "Traceback" not in errors, errors
        if code == 2:
            one_line(errors)
    whole(both)
    assert results(both) == results(alone)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["distance", "run"])
def test_a_flipped_byte_in_kept_work_is_noticed(command, place):
    code, errors = finish(start(place, command))
    assert code == 0, errors
    before = results(place)
    kept = [p for p in (place / "o").rglob("*.safetensors") if p.is_file()]
    assert kept
    for path in kept:
        data = bytearray(path.read_bytes())
        data[-3] ^= 0x40
        path.write_bytes(bytes(data))
    code, errors = finish(start(place, command))
    assert code == 0, errors
    assert results(place) == before
