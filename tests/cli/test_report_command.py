"""`behaviordist report DIR`."""

import json

import pytest

from behaviordist.cli.app import main
from behaviordist.record import CompareRecord, Findings, StudyRecord, write_record
from tests.record.test_files import COMPARED


@pytest.fixture
def report(monkeypatch, capsys):
    """Run the command; return its exit code, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["behaviordist", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return (stopped.value.code or 0, *capsys.readouterr())

    return run


@pytest.fixture
def folder(tmp_path):
    record = {"schema": 1, "kind": "distance", "geometry": "hellinger", "behaviors": []}
    (tmp_path / "run.json").write_text(json.dumps(record))
    (tmp_path / "distances.csv").write_text(",a,b\na,0,0.5\nb,0.5,0\n")
    return tmp_path


def test_it_writes_the_page_and_says_where(report, folder):
    code, out, err = report(folder)
    assert (code, err) == (0, "")
    assert str(folder / "index.html") in out
    assert "0.500" in (folder / "index.html").read_text()
    assert (folder / "heatmap.png").stat().st_size > 5000


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_that_is_no_run_is_one_line_and_exit_2(report, tmp_path, name):
    code, out, err = report(tmp_path / name)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert str(tmp_path / name) in err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_table_is_named_and_the_old_page_kept(report, folder):
    report(folder)
    page = (folder / "index.html").read_bytes()
    (folder / "distances.csv").write_text(",a,b\na,0,half\nb,0.5,0\n")
    code, _, err = report(folder)
    assert code == 2
    assert err.count("\n") == 1
    assert "distances.csv, row 'a', column 'b'" in err
    assert (folder / "index.html").read_bytes() == page


@pytest.mark.parametrize(
    ("record", "option", "says"),
    [
        (
            StudyRecord(study="s", question="?", findings=Findings(headline="h")),
            "--labels",
            "its own names",
        ),
        (
            StudyRecord(study="s", question="?", findings=Findings(headline="h")),
            "--groups",
            "holds none",
        ),
        (CompareRecord(comparison=COMPARED), "--labels", "has no map"),
    ],
)
def test_a_look_that_would_change_nothing_is_refused(report, tmp_path, record, option, says):
    table = tmp_path / "names.csv"
    table.write_text("label,name\na,b\n")
    write_record(tmp_path / "run.json", record)
    code, _, err = report(tmp_path, option, table)
    assert code == 2 and says in err and err.count("\n") == 1
    assert not (tmp_path / "look.json").exists()
