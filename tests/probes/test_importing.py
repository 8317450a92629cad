"""Probe sets from text, chats and tables."""

import json

import pandas as pd
import pytest

from behaviordist.errors import InputError
from behaviordist.probes.importing import from_chats, from_text, read_source

COLUMNS = {"prompt": "question", "continuation": "answer"}


def test_paragraphs_break_at_words_and_lose_nothing():
    made = from_text("t", "One two three four.\r\n\r\nshort\n\n a  b\nc ")
    assert [(p.prompt, p.continuation) for p in made] == [
        ("One two", " three four."),
        ("a b", " c"),
    ]
    assert [p.id for p in made] == ["t-0001", "t-0002"]
    assert from_text("t", "a b c d", share=0.99).probes[0].continuation == " d"
    with pytest.raises(InputError, match="share must lie"):
        from_text("t", "a b", share=1)
    with pytest.raises(InputError, match="empty"):
        from_text("t", "one\n\ntwo")


def test_a_chat_ends_in_its_last_answer():
    def turn(role, content):
        return {"role": role, "content": content}

    short = {"messages": [turn("user", "2+2?"), turn("assistant", "4"), turn("user", "thanks")]}
    long = {"messages": [turn("system", "Be brief."), *short["messages"][:2], turn("user", "3+3?"),
                         turn("assistant", "6")]}  # fmt: skip
    made = from_chats("c", [short, long])
    assert made.probes[0].continuation == "4"
    assert made.probes[0].messages == (("user", "2+2?"),)
    assert made.probes[1].continuation == "6"
    assert made.probes[1].turns == long["messages"][:4]
    assert from_chats("c", [{"messages": [turn("user", "?")]}]).probes[0].continuation == ""
    for bad in ({}, {"messages": [turn("assistant", "!")]}, {"messages": [{"role": "user"}]}):
        with pytest.raises(InputError, match="row 1"):
            from_chats("c", [bad])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl"])
def test_tables_map_their_columns(tmp_path, suffix):
    rows = [{"question": "2+2=", "answer": " 4", "kind": "sum, easy"},
            {"question": "NA", "answer": " nothing", "kind": ""}]  # fmt: skip
    path = tmp_path / f"rows{suffix}"
    if suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif suffix == ".parquet":
        pd.DataFrame(rows).to_parquet(path)
    else:
        pd.DataFrame(rows).to_csv(path, sep="\t" if suffix == ".tsv" else ",", index=False)
    made = read_source("r", str(path), {**COLUMNS, "tags": "kind"})
    assert [(p.prompt, p.continuation, p.tags) for p in made] == [
        ("2+2=", " 4", ("sum", "easy")),
        ("NA", " nothing", ()),
    ]
    assert len(read_source("r", str(path), COLUMNS, most=1)) == 1
    with pytest.raises(InputError, match="did you mean 'question'"):
        read_source("r", str(path), {**COLUMNS, "prompt": "questoin"})


def test_a_hugging_face_dataset_maps_its_columns_and_its_split(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    for split in ("train", "test"):
        rows = [{"question": f"{split} {i}", "answer": f" {i}"} for i in range(3)]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    made = read_source("r", str(folder), COLUMNS, split="test", most=2)
    assert [(p.prompt, p.continuation) for p in made] == [("test 0", " 0"), ("test 1", " 1")]
    with pytest.raises(InputError, match="did you mean 'question'"):
        read_source("r", str(folder), {**COLUMNS, "prompt": "questoin"})
    with pytest.raises(InputError, match="no such dataset"):
        read_source("r", str(folder), COLUMNS, split="validatoin")


def test_sources_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no file absent.csv"):
        read_source("r", "absent.csv", COLUMNS)
    (tmp_path / "latin.txt").write_bytes("é é".encode("latin-1"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_source("r", str(tmp_path / "latin.txt"), COLUMNS)
    (tmp_path / "list.jsonl").write_text("[1]\n")
    with pytest.raises(InputError, match="one JSON object a line"):
        read_source("r", str(tmp_path / "list.jsonl"), COLUMNS)
    (tmp_path / "numbers.jsonl").write_text('{"question": 1, "answer": "x"}\n')
    with pytest.raises(InputError, match="'question' is no text: 1"):
        read_source("r", str(tmp_path / "numbers.jsonl"), COLUMNS)
    (tmp_path / "cut.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="cannot be read as parquet"):
        read_source("r", str(tmp_path / "cut.parquet"), COLUMNS)
