"""Artifacts: whole or absent, and folders that other artifacts are published into."""

from __future__ import annotations

from pathlib import Path

from behaviordist.store import is_finished, publish


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
