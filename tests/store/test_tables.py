"""Labelled square CSVs: round trips, and one line for everything that is wrong with one."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from pyarrow import parquet

from behaviordist.errors import InputError
from behaviordist.store.tables import read_costs, read_parquet, read_square, write_square

GOOD = "x,a,b\na,0,1.5\nb,2,0\n"


def written(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@settings(max_examples=40, deadline=None)
@given(some.lists(some.floats(allow_nan=True, allow_infinity=False), min_size=9, max_size=9))
def test_every_digit_survives_the_round_trip(tmp_path_factory, values):
    labels = ["plain", "with, comma", 'with "quote"']
    frame = pd.DataFrame(np.array(values).reshape(3, 3), labels, labels)
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    write_square(path, frame)
    pd.testing.assert_frame_equal(read_square(path), frame, check_exact=True)


def test_columns_come_in_the_order_of_rows_and_a_byte_order_mark_is_fine(tmp_path):
    frame = read_square(written(tmp_path, "\ufeff,b,a\na,1,0\nb,0,2\n"), "distances")
    assert list(frame.columns) == ["a", "b"]
    assert frame.loc["a", "b"] == 1 and frame.loc["b", "a"] == 2


def test_costs_may_be_missing_or_censored_and_ignore_the_diagonal(tmp_path):
    path = written(tmp_path, ",a,b,c\na,whatever,>80,\nb,>=80,,3\nc,7,NA,0\n")
    costs, censored = read_costs(path)
    assert costs.loc["a", "b"] == 80 and censored.loc["a", "b"] == 1
    assert costs.loc["b", "a"] == 80 and censored.loc["b", "a"] == 1
    assert costs.loc["b", "c"] == 3 and censored.loc["b", "c"] == 0
    assert np.isnan(costs.loc["a", "c"]) and np.isnan(costs.loc["c", "b"])
    assert np.isnan(np.diag(costs)).all()


def test_an_empty_diagonal_of_distances_is_zero(tmp_path):
    frame = read_square(written(tmp_path, ",a,b\na,,1\nb,1,\n"), "distances")
    assert frame.loc["a", "a"] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (" , \n\n", "empty"),
        (",a,b\na,0,1\n", "not square: 1 rows and 2 columns"),
        (",a,b\na,0\nb,1,0\n", "row 'a': 1 cells where the header has 2"),
        (",a,b\na,0,1\na,1,0\n", "label 'a' appears twice in the first column"),
        (",b,b\na,0,1\nb,1,0\n", "label 'b' appears twice in the header"),
        (",a,c\na,0,1\nb,1,0\n", "only in .*rows.*: b"),
        (",a,\na,0,1\nb,1,0\n", "an empty label in the header"),
        (",a,b\na,0,-1\nb,1,0\n", "row 'a', column 'b': -1 is negative"),
        (",a,b\na,0,far\nb,1,0\n", "row 'a', column 'b': 'far' is not a number"),
        (",a,b\na,0,inf\nb,1,0\n", "row 'a', column 'b': 'inf' is not finite"),
        (",a,b\na,0,1\nb,1,0.2\n", "row 'b', column 'b': 0.2 on the diagonal"),
        (",a,b\na,0,>3\nb,1,0\n", "only costs may be censored"),
        (b",a,b\na,0,\xff\nb,1,0\n", "not UTF-8"),
    ],
)
def test_bad_distances_are_named(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(InputError, match=message) as error:
        read_square(path, "distances")
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_square(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_square(tmp_path)


@pytest.mark.parametrize("cell", [">soon", ">", ">>80", ">inf"])
def test_a_bound_that_is_no_number_is_named(tmp_path, cell):
    with pytest.raises(InputError, match="row 'a', column 'b'"):
        read_costs(written(tmp_path, f",a,b\na,,{cell}\nb,1,\n"))


def test_labels_like_formulas_are_written_behind_an_apostrophe_and_read_without(tmp_path):
    labels = ["=1+1", "@cmd", "-x", "plain", "'quoted"]
    frame = pd.DataFrame(np.eye(5), index=labels, columns=labels)
    write_square(tmp_path / "t.csv", frame)
    lines = (tmp_path / "t.csv").read_text().splitlines()
    assert not any(cell.startswith(("=", "@", "-")) for line in lines for cell in line.split(","))
    pd.testing.assert_frame_equal(read_square(tmp_path / "t.csv"), frame)


def test_a_damaged_parquet_table_is_one_line(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"source": ["a", "b"], "cost": [1.0, 2.0]}, index=["x", "y"])
    frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_parquet(path), frame)
    assert list(read_parquet(path, ["cost"])) == ["cost"]
    table = pa.Table.from_pandas(frame)
    torn = {b"pandas": table.schema.metadata[b"pandas"].replace(b"numpy_type", b"numpy_tipe")}
    parquet.write_table(table.replace_schema_metadata(torn), tmp_path / "torn.parquet")
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-9])
    for name in ("torn", "cut"):
        with pytest.raises(InputError, match="not a Parquet table"):
            read_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(InputError, match="no such file"):
        read_parquet(tmp_path / "none.parquet")
