"""Logs of three kinds, hand-made with known flips; items are matched by content, never by order."""

import json
import random
import sys
import zipfile
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import behaviordist as bd
from behaviordist.errors import InputError
from behaviordist.evals import inspect_logs, read_evals
from tests.evals.logs import (
    harness_row,
    inspect_log,
    write_harness,
    write_inspect,
    write_lines,
    write_packed,
    write_table,
)

OLD = [1, 1, 0, 0, 1, 0, 1, 1]
NEW = [1, 0, 1, 0, 1, 1, 1, 0]  # items 2 and 5 won, 1 and 7 lost


def changes(scores, old="org/old", new="org/new"):
    whole = bd.compare_evals(scores, old, new).overall
    return whole.n, whole.improved, whole.worsened


def test_logs_of_the_harness(tmp_path):
    write_harness(tmp_path, "org/old", "quiz", OLD)
    path = write_harness(tmp_path, "org/new", "quiz", NEW)
    lines = path.read_text().splitlines()
    random.Random(0).shuffle(lines)
    renumbered = [{**json.loads(line), "doc_id": k} for k, line in enumerate(lines)]
    write_lines(path, renumbered)
    (tmp_path / "org__new" / "results_2025.json").write_text("{}")
    scores = bd.read_evals([tmp_path])
    assert changes(scores) == (8, 2, 2)
    assert {task for task, _ in scores.items} == {"quiz"}


def test_a_log_without_hashes_is_matched_with_one_that_has_them(tmp_path):
    old = write_lines(tmp_path / "old.jsonl", [harness_row(i, s) for i, s in enumerate(OLD)])
    bare = [harness_row(i, s) for i, s in enumerate(NEW)]
    for row in bare:
        del row["doc_hash"], row["target_hash"], row["prompt_hash"], row["metrics"]
    new = write_lines(tmp_path / "new.jsonl", bare[::-1])
    assert changes(bd.read_evals([old, new]), "old", "new") == (8, 2, 2)


def test_what_has_no_match_counts_nowhere_and_is_said(tmp_path):
    old = write_lines(tmp_path / "old.jsonl", [harness_row(i, 1) for i in range(6)])
    new = write_lines(tmp_path / "new.jsonl", [harness_row(i, 1) for i in range(2, 9)])
    scores = bd.read_evals([old, new])
    result = bd.compare_evals(scores, "old", "new")
    assert (result.overall.n, result.only_reference, result.only_candidate) == (4, 2, 3)
    assert "2 items that only old has, 3 that only new has" in result.sentences()[-1]
    assert scores.notes[0] == "9 items, 4 scored for every model"


def test_other_prompts_are_counted(tmp_path):
    old = write_lines(tmp_path / "old.jsonl", [harness_row(i, 1) for i in range(5)])
    new = [harness_row(i, 1, prompt="shot " if i < 2 else "") for i in range(5)]
    new = write_lines(tmp_path / "new.jsonl", new)
    assert any(note.startswith("2 items were asked with another prompt")
               for note in bd.read_evals([old, new]).notes)  # fmt: skip


def test_filters_and_metrics(tmp_path):
    rows = [harness_row(i, 1, answers="strict", metric="exact_match") for i in range(3)]
    rows += [harness_row(i, 0, answers="flexible", metric="exact_match") for i in range(3)]
    path = write_lines(tmp_path / "m.jsonl", rows)
    assert bd.read_evals([path]).scores.tolist() == [[1.0]] * 3
    assert bd.read_evals([path], answer_filter="flexible").scores.tolist() == [[0.0]] * 3
    with pytest.raises(bd.InputError, match=r"m.jsonl: no filter 'strictly'; did you mean"):
        bd.read_evals([path], answer_filter="strictly")
    with pytest.raises(bd.InputError, match=r"m.jsonl, line 1: no metric 'acc'; known: exact"):
        bd.read_evals([path], metric="acc")
    other = write_lines(tmp_path / "n.jsonl", [harness_row(0, 1)])
    with pytest.raises(bd.InputError, match="name one for both"):
        bd.read_evals([path, other])


@pytest.mark.parametrize("suffix", [".eval", ".json"])
def test_logs_of_inspect(tmp_path, suffix):
    letters = {1: "C", 0: "I"}
    for model, scores in (("org/old", OLD), ("org/new", NEW)):
        write_inspect(tmp_path / f"{model[4:]}{suffix}", model, [[letters[s]] for s in scores])
    scores = bd.read_evals([tmp_path])
    assert changes(scores) == (8, 2, 2)


def test_epochs_are_averaged_and_partial_credit_counts(tmp_path):
    path = write_inspect(tmp_path / "a.json", "m", [["C", "I", "P", "N"], [1, 0.5, None, True]])
    scores = bd.read_evals([path])
    assert sorted(scores.scores[:, 0].tolist()) == pytest.approx([0.375, 2.5 / 3])
    assert scores.repeated and not scores.binary


def test_questions_that_their_choices_alone_tell_apart(tmp_path):
    log = inspect_log("m", [["C"], ["I"], ["C"]])
    for i, sample in enumerate(log["samples"]):
        sample |= {"input": "Which is true?", "target": "A", "choices": [f"x{i}", f"y{i}"]}
    (tmp_path / "a.json").write_text(json.dumps(log))
    scores = bd.read_evals([tmp_path / "a.json"])
    assert sorted(scores.scores[:, 0].tolist()) == [0.0, 1.0, 1.0] and not scores.repeated


def test_a_document_that_stands_twice_is_one_item_and_said(tmp_path):
    rows = [harness_row(i, s) for i, s in ((0, 1), (0, 0), (1, 1))]
    scores = bd.read_evals([write_lines(tmp_path / "m.jsonl", rows)])
    assert sorted(scores.scores[:, 0].tolist()) == [0.5, 1.0]
    assert "1 to 2 scores an item and model, averaged" in scores.notes


def test_names_and_truths_as_tables_write_them(tmp_path):
    gap = pd.DataFrame({"item": [1.0, 2.0], "model": "a", "score": [True, False]})
    gap.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("item,model,score\n1,b,False\n2,b,TRUE\n")
    scores = bd.read_evals([tmp_path / "a.parquet", tmp_path / "b.csv"])
    assert scores.scores.tolist() == [[1, 0], [0, 1]]


REAL = Path(__file__).with_name("parity.eval")
"""Written by inspect_ai 0.3.285: "Which is true?" of 0, 1, 2, 3; one model, three answers right."""


def test_a_log_that_inspect_wrote():
    scores = bd.read_evals([REAL])
    assert scores.models == ("mockllm/real",)
    assert len(scores.items) == 4, "one question, told apart by its choices"
    assert scores.scores.mean() == 0.75
    included = bd.read_evals([REAL], metric="includes")
    assert included.scores.mean() == 0.75 and included.notes != scores.notes


def test_inspects_reader_and_the_one_here_agree():
    pytest.importorskip("inspect_ai")
    (theirs, read), (ours, parsed) = inspect_logs._by_inspect(REAL), inspect_logs._zipped(REAL)
    keys = ("input", "choices", "target", "epoch", "metadata")
    for (_, one), (_, other) in zip(read, parsed, strict=True):
        assert {k: one.get(k) for k in keys} == {k: other.get(k) for k in keys}
        values = [{k: s["value"] for k, s in x["scores"].items()} for x in (one, other)]
        assert values[0] == values[1]
    assert theirs["eval"]["model"] == ours["eval"]["model"]


def test_messages_match_whatever_ids_inspect_drew(tmp_path):
    for model, number in (("a", 1), ("b", 2)):
        log = inspect_log(model, [["C"]])
        log["samples"][0]["input"] = [{"role": "user", "content": "Hi", "id": f"x{number}"}]
        (tmp_path / f"{model}.json").write_text(json.dumps(log))
    assert len(bd.read_evals([tmp_path]).items) == 1


def test_tables_of_every_kind_are_one(tmp_path):
    table = write_table(tmp_path / "t.csv", {"old": OLD, "new": NEW})
    frame = pd.read_csv(table)
    frame.sample(frac=1, random_state=0).to_parquet(tmp_path / "t.parquet")
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.csv", "t.parquet", "t.jsonl"):
        assert changes(bd.read_evals([tmp_path / name]), "old", "new") == (8, 2, 2)


def test_tags_and_clusters(tmp_path):
    (tmp_path / "t.csv").write_text(
        "item,model,score,tag,page\na,x,1,law,1\nb,x,0,law,1\nc,x,0,art,2\na,y,1,law,1\n"
    )
    scores = bd.read_evals([tmp_path / "t.csv"], cluster="page")
    assert scores.tags == ("law", "law", "art")
    assert scores.clustered and scores.cluster.tolist() == [0, 0, 1]
    write_harness(tmp_path, "m", "quiz", OLD)
    read = bd.read_evals([tmp_path / "m"], tag="subject", cluster="page")
    assert set(read.tags) == {"law"} and len(np.unique(read.cluster)) == 4


def test_a_range_makes_shares(tmp_path):
    path = write_table(tmp_path / "t.csv", {"a": [1, 10], "b": [5.5, ""]})
    with pytest.raises(bd.InputError, match=r"t.csv, row 3: the score 10 lies outside 0 to 1"):
        bd.read_evals([path])
    scores = bd.read_evals([path], score_range=(1, 10)).scores
    np.testing.assert_allclose(scores, [[0, 0.5], [1, np.nan]])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "item,model,score\nq,m,x\n", "a.csv, row 2: the score is 'x', not a number"),
        ("a.csv", "item,model,score\nq,m,1\nq,m,0\n", "row 3: item 'q' of model 'm' a second time"),
        ("a.csv", "item,model\nq,m\n", "a.csv: no column 'score'"),
        ("a.csv", "item,model,score\n,m,1\n", "a.csv, row 2: the item is text or a number"),
        ("a.csv", "", "a.csv: the file is empty"),
        ("a.jsonl", "", "a.jsonl: the file is empty"),
        ("a.jsonl", '{"x": 1}\n', "line 1: neither doc_hash nor doc"),
        ("a.jsonl", '{"x": "y"}\n', "line 1: no metric with a number"),
        ("a.jsonl", "[1]\n", "a.jsonl, line 1: not an object"),
        ("a.jsonl", '{"acc": 1', "a.jsonl, line 1: not JSON"),
        ("a.json", "{}", "a.json: no list of samples"),
        ("a.json", '{"samples": [{}]}', "a.json: no 'eval' with a task"),
        ("a.json", '{"eval": {"task": "t", "model": "m"}, "samples": [{}]}', "sample 1: not a"),
        ("a.eval", "PK", "a.eval: not a whole zip"),
        ("a.txt", "x", "a.txt: not a log by its name"),
        ("a.parquet", "x", "a.parquet: not a Parquet table"),
        ("a.parquet", "PAR1" + "x" * 40 + "PAR1", "a.parquet: not a Parquet table"),
    ],
)  # fmt: skip
def test_bad_logs_are_one_line_with_file_and_row(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(bd.InputError) as error:
        bd.read_evals([tmp_path / name])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_logs_packed_with_zstandard_are_read(tmp_path):
    """Inspect packs so today; the zip here is put together by hand, member by member."""
    for model, scores in (("old", OLD), ("new", NEW)):
        plain = write_inspect(
            tmp_path / f"{model}.eval", model, [["C" if s else "I"] for s in scores]
        )
        write_packed(plain)
        with zipfile.ZipFile(plain) as file:
            assert {info.compress_type for info in file.infolist()} == {93}
    logs = [tmp_path / "old.eval", tmp_path / "new.eval"]
    assert changes(bd.read_evals(logs), "old", "new") == (8, 2, 2)
    data = bytearray(logs[0].read_bytes())
    data[60] ^= 255
    logs[0].write_bytes(data)
    with pytest.raises(bd.InputError, match="not a whole zip"):
        bd.read_evals(logs)


def test_names_of_logs(tmp_path):
    rows = [harness_row(0, 1)]
    path = write_lines(tmp_path / "x=y.jsonl", rows)
    assert bd.read_evals([path]).models == ("x=y",)
    assert bd.read_evals([f"mine={path}"]).models == ("mine",)
    table = write_table(tmp_path / "t.csv", {"a": [1]})
    with pytest.raises(bd.InputError, match="a table names its models"):
        bd.read_evals([f"mine={table}"])


def test_a_log_without_any_score_is_one_line(tmp_path):
    log = inspect_log("m", [["C", "I"]])
    for sample in log["samples"]:
        sample["scores"] = {}
    (tmp_path / "a.json").write_text(json.dumps(log))
    with pytest.raises(InputError, match="hold no score"):
        read_evals([tmp_path / "a.json"])


@pytest.mark.parametrize("raises", [ValueError, None])
def test_what_inspects_reader_cannot_open_is_read_here(tmp_path, monkeypatch, raises):
    log = SimpleNamespace(model_dump=lambda **how: {"eval": {}, "samples": None})
    fake = ModuleType("inspect_ai.log")
    fake.read_eval_log = lambda path: log if raises is None else (_ for _ in ()).throw(raises())
    monkeypatch.setitem(sys.modules, "inspect_ai", ModuleType("inspect_ai"))
    monkeypatch.setitem(sys.modules, "inspect_ai.log", fake)
    monkeypatch.setattr(inspect_logs.importlib.util, "find_spec", lambda name: object())
    path = write_inspect(tmp_path / "a.json", "m", [["C"], ["I"]])
    assert read_evals([path]).scores[:, 0].tolist() in ([1.0, 0.0], [0.0, 1.0])
    with pytest.raises(InputError, match="no such file"):
        read_evals([tmp_path / "none.json"])
