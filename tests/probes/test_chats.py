"""Chats stay chats, prompts stay prompts, and TRL's rows are read as its trainers read them."""

import json

import pytest

from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from behaviordist.probes.importing import read_source

COLUMNS = {"prompt": "prompt", "continuation": "continuation"}
ASK = {"role": "user", "content": "2+2?"}
SAY = {"role": "assistant", "content": "4"}
BRIEF = {"role": "system", "content": "Be brief."}


def source(tmp_path, rows, name="rows.jsonl"):
    path = tmp_path / name
    if name.endswith(".json"):
        path.write_text(json.dumps(rows))
    elif name.endswith(".txt"):
        path.write_text("\n".join(rows))
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_source("s", str(path), COLUMNS)


def test_a_chat_survives_its_file_and_has_a_digest_of_its_own(tmp_path):
    probes = ProbeSet("c", (Probe.chat("a", (("user", "2+2?"),), "4"), Probe("b", "x", "")))
    probes.save(tmp_path / "c.jsonl")
    again = ProbeSet.load(tmp_path / "c.jsonl")
    assert again.probes == probes.probes and again.digest == probes.digest
    text = ProbeSet("c", (Probe("a", probes.probes[0].prompt, "4"), probes.probes[1]))
    assert text.digest != probes.digest
    assert again.probes[0].turns == [ASK] and again.probes[1].continuation == ""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "x", "messages": [ASK]}, "not both"),
        ({"messages": []}, "must be a list of role and content"),
        ({"messages": [{"role": "user"}]}, "needs 'role' and 'content'"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "half a surrogate"),
    ],
)
def test_bad_chats_name_the_line(tmp_path, row, message):
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"id": "a", **row, "continuation": "4"}))
    with pytest.raises(InputError, match=f"p.jsonl:1.*{message}"):
        ProbeSet.load(path)


@pytest.mark.parametrize(
    ("row", "turns", "answer"),
    [
        ({"messages": [BRIEF, ASK, SAY]}, [BRIEF, ASK], "4"),
        ({"prompt": [ASK], "completion": [SAY]}, [ASK], "4"),
        ({"prompt": [ASK], "chosen": [SAY], "rejected": [BRIEF]}, [ASK], "4"),
        ({"chosen": [ASK, SAY], "rejected": [ASK, BRIEF]}, [ASK], "4"),
        ({"prompt": [BRIEF, ASK]}, [BRIEF, ASK], ""),
        ({"prompt": "2+2?", "completion": [SAY]}, [ASK], "4"),
    ],
)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
def test_trls_conversations(tmp_path, row, turns, answer, name):
    (probe,) = source(tmp_path, [row], name)
    assert probe.turns == turns and probe.messages and probe.continuation == answer


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"prompt": "2+2=", "completion": " 4"}, " 4"),
        ({"prompt": "2+2=", "chosen": " 4", "rejected": " 5"}, " 4"),
        ({"prompt": "2+2="}, ""),
    ],
)
def test_trls_texts(tmp_path, row, answer):
    (probe,) = source(tmp_path, [row])
    assert (probe.prompt, probe.continuation, probe.messages) == ("2+2=", answer, ())


def test_lines_without_a_blank_one_are_prompts_and_paragraphs_are_texts(tmp_path):
    made = source(tmp_path, ["What is two and two?", "Name a town."], "p.txt")
    assert [p.prompt for p in made] == ["What is two and two?", "Name a town."]
    assert {p.continuation for p in made} == {""}
    made = source(tmp_path, ["One two three four.", "", "five six"], "p.txt")
    assert [p.continuation for p in made] == [" three four.", " six"]
    with pytest.raises(InputError, match="probe 's-0001'.*--on-policy N"):
        source(tmp_path, ["a b", "c d"], "p.txt").require_continuations()


def test_a_saved_data_set(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_list([{"prompt": [ASK], "completion": [SAY]}])
    rows.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "several")
    (probe,) = read_source("s", str(tmp_path / "one"), COLUMNS)
    assert probe.turns == [ASK] and probe.continuation == "4"
    assert len(read_source("s", str(tmp_path / "several"), COLUMNS, split="train")) == 1
    with pytest.raises(InputError, match="no split 'test'"):
        read_source("s", str(tmp_path / "several"), COLUMNS)
    with pytest.raises(InputError, match="no data set that save_to_disk wrote"):
        (tmp_path / "state.json").write_text("{}")
        read_source("s", str(tmp_path), COLUMNS)
