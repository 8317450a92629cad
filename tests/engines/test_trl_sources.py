"""Where engine `trl` gets its examples and its start from: chat, tables, data sets, growth."""

from __future__ import annotations

import json

import pandas as pd
import pytest

pytest.importorskip("trl")

from behaviordist.engines import trl_engine
from behaviordist.engines.trl_data import Tokens, training_rows
from behaviordist.engines.trl_models import load_tokenizer, load_whole
from behaviordist.regimes.declaration import Growth

from .trl_worlds import answers, data, prompts, regime, tiny_model

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}={% endif %}"
)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("start") / "random")


@pytest.mark.training_outcome
def test_chat_messages_train_the_last_answer_under_the_template(tmp_path):
    start = tiny_model(tmp_path / "chat")
    (start / "chat_template.jinja").write_text(TEMPLATE)
    rows = [
        {
            "messages": [
                {"role": "user", "content": p.removesuffix(" =")},
                {"role": "assistant", "content": "a b"},
            ]
        }
        for p in prompts()
    ]
    wanted = regime("sft", data=data(tmp_path, rows), budget=40)
    tokenizer = load_tokenizer(start)
    first = training_rows(wanted, Tokens(tokenizer, wanted), 0)[0]
    assert tokenizer.decode(first["input_ids"]).split()[1] == "?"
    trained = [i for i in first["labels"] if i != -100]
    assert trained == [*tokenizer("a b", add_special_tokens=False)["input_ids"],
                       tokenizer.eos_token_id]  # fmt: skip
    # The template ends the prompt as the plain examples do: the same ids, whichever way.
    plain = {tuple(tokenizer(p)["input_ids"]) for p in prompts()}
    assert tuple(first["input_ids"][: -len(trained)]) in plain
    scores = [r.score for r in trl_engine.train(wanted, start, tmp_path / "work", 0).curve]
    assert scores[-1] > 10 * scores[0]


def saved(folder, kind, rows):
    """Write rows as a table or a saved data set; return its place."""
    import datasets

    path = folder if kind == "folder" else folder.with_suffix(f".{kind}")
    frame = pd.DataFrame(rows)
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path, index=False)
    else:
        datasets.Dataset.from_pandas(frame).save_to_disk(str(path))
    return str(path)


@pytest.mark.training_outcome
@pytest.mark.parametrize("kind", ["csv", "parquet", "folder"])
def test_other_formats_with_renamed_columns_are_the_same_rows(tmp_path, start, kind, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    renamed = [{"question": r["prompt"], "reply": r["completion"]} for r in answers()]
    files = {
        "train": saved(tmp_path / "train", kind, renamed[8:]),
        "held_out": saved(tmp_path / "held", kind, renamed[:8]),
        "columns": {"prompt": "question", "completion": "reply"},
    }
    found = regime("sft", data=files, budget=5)
    plain = regime("sft", data=data(tmp_path, answers()), budget=5)
    tokenizer = load_tokenizer(start)
    one, other = (training_rows(r, Tokens(tokenizer, r), 3) for r in (found, plain))
    assert one == other and len(one) == 5 * 16
    run = trl_engine.train(found, start, tmp_path / "work", 0)
    assert run.curve[-1].score > run.curve[0].score


@pytest.mark.training_outcome
def test_growth_starts_at_the_same_function_and_trains_the_larger_model(tmp_path, start):
    texts = data(tmp_path, [{"text": f"{p} a b"} for p in prompts()])
    growth = Growth(operator="depth", layers=4)
    wanted = regime("grow", growth=growth, data=texts)
    trl_engine.train_checkpoint(tmp_path / "out", wanted, start, 0, tmp_path / "work")
    before = trl_engine.train(regime("continue", data=texts, budget=5), start, tmp_path / "c", 0)
    record = json.loads((tmp_path / "out" / "provenance.json").read_text())
    scores = record["evidence"]["scores"]
    assert scores[0] == pytest.approx(before.curve[0].score, rel=1e-5), "the same function"
    assert scores[-1] > 2 * scores[0]
    small, large = load_whole(start), load_whole(tmp_path / "out")
    assert (small.config.num_hidden_layers, large.config.num_hidden_layers) == (2, 4)
    assert large.num_parameters() > 1.4 * small.num_parameters()
