"""Labels, prompts and errors that hold terminal commands are shown, not carried out."""

from __future__ import annotations

import pytest

from behaviordist.cli.app import main
from behaviordist.cli.terminal import cell, visible

CLEAR, BELL, RIGHT_TO_LEFT = "\x1b[2J", "\x07", "\u202e"


@pytest.fixture
def run(capsys, monkeypatch):
    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["behaviordist", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    return call


def test_control_characters_are_written_out():
    assert visible(f"a{CLEAR}b{BELL}{RIGHT_TO_LEFT}\r\x9b") == r"a\x1b[2Jb\x07\u202e\r\x9b"
    assert visible("Zürich\t× 名\n‖") == "Zürich\t× 名\n‖"
    assert cell(f"[red]{CLEAR}") == r"\[red]\x1b[2J"


def test_a_table_of_hostile_labels_is_printed_as_text(run, tmp_path):
    labels = [f"{name}{CLEAR}" for name in "abcdef"]
    lines = [",".join(["", *labels])]
    for i, label in enumerate(labels):
        lines.append(",".join([label, *(str(abs(i - j) * (2 + i)) for j in range(6))]))
    (tmp_path / "d.csv").write_text("\n".join(lines))
    code, stdout, stderr = run(
        "test", "--distances", tmp_path / "d.csv", "--costs", tmp_path / "d.csv",
        "--baseline", f"base{CLEAR}={tmp_path / 'd.csv'}", "--permutations", 50,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert code in (0, 1), stderr
    assert CLEAR not in stdout
    assert r"base\x1b[2J" in stdout


def test_an_error_names_a_hostile_file_as_text(run, tmp_path):
    code, _, stderr = run("report", tmp_path / f"none{CLEAR}")
    assert code == 2
    assert CLEAR not in stderr
    assert r"none\x1b[2J" in stderr
