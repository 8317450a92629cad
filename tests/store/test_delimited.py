"""Tables as other programs write them hold the numbers that were written."""

import csv

import numpy as np
import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.hypothesis.tables.long_tables import read_cost_data, read_predictor
from behaviordist.store.delimited import read_rows
from behaviordist.store.tables import read_square

LABELS = ["m0", "None", "NA", "null"]
NUMBERS = np.random.default_rng(0).uniform(1, 2000, size=(4, 4))
SQUARE = pd.DataFrame(np.where(np.eye(4), 0, NUMBERS), LABELS, LABELS)
LONG = SQUARE.stack().rename_axis(["source", "target"]).rename("steps").reset_index()
LONG = LONG[LONG["source"] != LONG["target"]]


def as_r_writes(frame):
    rows = zip(frame.itertuples(index=False), range(1, len(frame) + 1), strict=True)
    lines = [f'"{n}","{row[0]}","{row[1]}",{row[2]!r}' for row, n in rows]
    return "\n".join(['"","source","target","steps"', *lines]) + "\n"


def as_arrow_writes(frame):
    arrow = pytest.importorskip("pyarrow.csv")
    from pyarrow import BufferOutputStream, Table

    stream = BufferOutputStream()
    arrow.write_csv(Table.from_pandas(frame, preserve_index=False), stream)
    return stream.getvalue().to_pybytes().decode()


PLAIN = LONG.to_csv(index=False)
LONG_TEXTS = {
    "plain": PLAIN,
    "quoted": LONG.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC),
    "R": as_r_writes(LONG),
    "arrow": as_arrow_writes(LONG),
    "semicolons": LONG.to_csv(index=False, sep=";"),
    "decimal commas": LONG.to_csv(index=False, sep=";", decimal=","),
    "tabs": LONG.to_csv(index=False, sep="\t"),
    "capitals": PLAIN.replace("source,target,steps", "Source,Target,Steps"),
    "comment": "# exported\n" + PLAIN,
    "row numbers": LONG.to_csv(),
    "byte order mark": "\ufeff" + PLAIN,
    "old Mac": PLAIN.replace("\n", "\r"),
    "Windows": PLAIN.replace("\n", "\r\n"),
    "blank lines": PLAIN.replace("\n", "\n\n"),
}


@pytest.mark.parametrize("kind", LONG_TEXTS)
def test_a_long_table_of_any_program_is_the_same_table(tmp_path, kind):
    path = tmp_path / "t.csv"
    path.write_bytes(LONG_TEXTS[kind].encode())
    costs = read_cost_data(path).costs.loc[LABELS, LABELS]
    np.testing.assert_array_equal(costs.fillna(0), SQUARE)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("decimal", [".", ","])
def test_a_square_table_of_any_program_is_the_same_table(tmp_path, separator, decimal):
    if separator == decimal:
        return
    path = tmp_path / "t.csv"
    SQUARE.to_csv(path, sep=separator, decimal=decimal if separator == ";" else ".")
    for frame in (read_square(path, "distances"), read_predictor(path)):
        np.testing.assert_array_equal(frame.loc[LABELS, LABELS], SQUARE)


def test_a_label_with_the_other_separator_in_it_stays_whole(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(",a;b;c,d\na;b;c,0,1\nd,1,0\n")
    assert list(read_square(path).index) == ["a;b;c", "d"]


@pytest.mark.parametrize("left", [1.2e-7, -2.2e-16, 1.5e-8])
def test_rounding_on_the_diagonal_is_zero_and_more_is_refused(tmp_path, left):
    frame = SQUARE / 1000
    frame.iloc[1, 1] = left
    frame.to_csv(tmp_path / "t.csv")
    assert read_square(tmp_path / "t.csv", "distances").iloc[1, 1] == 0
    frame.iloc[1, 1] = 1e-3
    frame.to_csv(tmp_path / "t.csv")
    with pytest.raises(InputError, match="row 'None', column 'None': 0.001 on the diagonal"):
        read_square(tmp_path / "t.csv", "distances")


def test_rounding_below_zero_is_zero(tmp_path):
    frame = SQUARE.copy()
    frame.iloc[0, 1] = -2.2e-16
    frame.to_csv(tmp_path / "t.csv")
    assert read_square(tmp_path / "t.csv", "distances").iloc[0, 1] == 0


def test_huge_cells_ragged_rows_and_nameless_behaviors_are_refused_in_a_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('source,target,cost\na,"' + "x" * 140_000)
    with pytest.raises(InputError, match=r"131,072 characters: look for a quote"):
        read_rows(path)
    path.write_text("source,target,cost\na,b\n")
    with pytest.raises(InputError, match="row 2: 2 cells where the header has 3"):
        read_cost_data(path)
    path.write_text("source,target,cost\na,b,1\n,b,2\n")
    with pytest.raises(InputError, match="line 3: no source"):
        read_cost_data(path)
    path.write_text("source,target,cost,cost\na,b,1,2\n")
    with pytest.raises(InputError, match="two columns are called 'cost'"):
        read_cost_data(path)
