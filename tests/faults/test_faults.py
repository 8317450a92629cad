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

SLOW = [
    pytest.param(name, marks=(pytest.mark.slow, pytest.mark.xdist_group(f"faults of {name}")))
    for name in COMMANDS
]
EVERY = [pytest.param(p.values[0], marks=() if p.values[0] in QUICK else p.marks) for p in SLOW]


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


@pytest.fixture(scope="module")
def undisturbed(good, tmp_path_factory):
    """Give the folder of a command's whole run, and its seconds; run once for all tests."""
    done = {}

    def run(command):
        if command not in done:
            folder = shutil.copytree(good, tmp_path_factory.mktemp("whole") / "place")
            began = time.monotonic()
            code, errors = finish(start(folder, command))
            assert code in (0, 1), errors
            done[command] = folder, time.monotonic() - began
        return done[command]

    return run


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
def test_a_full_device_behind_stdout_is_one_line(command, undisturbed, tmp_path):
    place = shutil.copytree(undisturbed(command)[0], tmp_path / "place")
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
@pytest.mark.parametrize(
    ("how", "shares"),
    [
        (signal.SIGKILL, (0.4, 0.8, 0.95)),
        (signal.SIGTERM, (0.7,)),
        (signal.SIGINT, (0.4,)),
    ],
)
def test_killed_at_any_time_the_same_command_ends_the_same(
    command, how, shares, good, undisturbed, tmp_path
):
    folder, took = undisturbed(command)
    wanted = results(folder)
    stopped = shutil.copytree(good, tmp_path / "stopped")
    for share in shares:
        process = start(stopped, command)
        time.sleep(share * took)
        if how == signal.SIGINT:  # as a terminal does it: its workers hear it too
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        code, errors = finish(process)
        assert "Traceback" not in errors, errors
        whole(stopped)
        if code in (0, 1) or results(stopped) == wanted:  # killed after its last file
            break
    if results(stopped) != wanted:
        code, errors = finish(start(stopped, command))
        assert code in (0, 1), errors
    assert results(stopped) == wanted


@pytest.mark.parametrize("command", SLOW)
def test_two_at_once_leave_one_whole_result(command, good, undisturbed, tmp_path):
    both = shutil.copytree(good, tmp_path / "both")
    ends = [finish(process) for process in [start(both, command), start(both, command)]]
    assert {code for code, _ in ends} <= {0, 1, 2}, ends
    assert min(code for code, _ in ends) < 2, ends
    for code, errors in ends:
        assert "Traceback" not in errors, errors
        if code == 2:
            one_line(errors)
    whole(both)
    assert results(both) == results(undisturbed(command)[0])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["distance", "run"])
def test_a_flipped_byte_in_kept_work_is_noticed(command, undisturbed, tmp_path):
    place = shutil.copytree(undisturbed(command)[0], tmp_path / "place")
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
