"""Artifacts: whole or absent, and folders that other artifacts are published into."""

from __future__ import annotations

from pathlib import Path

import pytest

from behaviordist.errors import InputError
from behaviordist.store import is_finished, publish
from behaviordist.store.folders import exclusive


def _folder(place: Path) -> Path:
    with publish(place, {"made": 1}) as temporary:
        temporary.mkdir()
        (temporary / "weights").write_bytes(b"123")
    return place


def test_what_is_published_inside_a_folder_vouches_for_itself(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "checkpoint")
    with publish(folder / "answers.jsonl", {"drawn": 2}) as temporary:
        temporary.write_text("yes\n")
    assert is_finished(folder, {"made": 1})
    assert is_finished(folder / "answers.jsonl", {"drawn": 2})
    (folder / "answers.jsonl").write_text("no\n")
    assert is_finished(folder, {"made": 1})
    assert not is_finished(folder / "answers.jsonl", {"drawn": 2})


def test_a_file_that_nobody_published_spoils_a_folder(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "checkpoint")
    (folder / "stray").write_text("?")
    assert not is_finished(folder, {"made": 1})


def test_a_manifest_of_its_own_does_not_hide_changed_weights(tmp_path: Path) -> None:
    folder = _folder(tmp_path / "checkpoint")
    with publish(folder / "weights", {"made": 1}) as temporary:
        temporary.write_bytes(b"124")
    assert not is_finished(folder, {"made": 1})


def test_what_another_run_cleared_meanwhile_is_not_published(tmp_path):
    """A worker of a killed run, on another machine, goes on writing where the next run cleared."""
    place = tmp_path / "run"
    place.mkdir()
    (place / ".lock").touch()  # of the killed run
    with pytest.raises(InputError, match="another run cleared it"), publish(place / "a", {}) as at:
        at.mkdir()
        (at / "weights").write_text("first")
        with exclusive(place):
            pass
        at.mkdir()
        (at / "config").write_text("second")
    assert not (place / "a").exists() and not list(place.glob(".*.tmp*"))
