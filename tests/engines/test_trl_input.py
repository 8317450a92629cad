"""Bad input to engine `trl`: one line each, before or as soon as it can be known."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from behaviordist.cli.app import main
from behaviordist.engines import trl_engine, trl_extra
from behaviordist.errors import InputError
from behaviordist.store.declared import one_line

from .trl_worlds import answers, data, pairs, regime, tiny_model


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("start") / "random")


def refused(wanted, start, folder):
    with pytest.raises(InputError) as caught:
        trl_engine.train(wanted, start, folder / "work", 0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_chat_template_missing(tmp_path, start):
    wanted = regime("sft", data=data(tmp_path, answers(), chat=True))
    assert "no chat template" in refused(wanted, start, tmp_path)


def test_messages_need_a_chat_template_too(tmp_path, start):
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "a"}]
    wanted = regime("sft", data=data(tmp_path, [{"messages": turns}] * 20))
    assert "no chat template" in refused(wanted, start, tmp_path)


def test_dataset_column_missing(tmp_path, start):
    rows = [{"prompts": "?", "completion": "a"}] * 20
    said = refused(regime("sft", data=data(tmp_path, rows)), start, tmp_path)
    assert "no column 'prompt'" in said and "did you mean 'prompts'" in said
    named = data(tmp_path, rows, columns={"prompt": "prompts"})
    trl_engine.train(regime("sft", data=named, budget=5), start, tmp_path / "named", 0)


def test_preference_pair_with_equal_sides(tmp_path, start):
    rows = [*pairs()[:10], {"prompt": "? a", "chosen": "a b", "rejected": "a b "}, *pairs()[10:]]
    assert "row 3: chosen and rejected are the same" in refused(
        regime("dpo", data=data(tmp_path, rows)), start, tmp_path
    )


def test_budget_below_one_evaluation():
    from pydantic import ValidationError

    with pytest.raises(ValidationError) as caught:
        regime("sft", budget=4)
    assert "budget is below one evaluation" in str(one_line(caught.value, "x"))


def test_reward_that_is_nan(tmp_path, start):
    from safetensors.numpy import load_file, save_file

    rows = data(tmp_path, pairs("a", "b"), max_new_tokens=1)
    wanted = regime("reward", data=rows, budget=5)
    trl_engine.train_checkpoint(tmp_path / "reward", wanted, start, 0, tmp_path / "reward-work")
    path = tmp_path / "reward" / "model.safetensors"
    tensors = load_file(path)
    tensors["score.weight"] *= float("nan")
    save_file(tensors, path, metadata={"format": "pt"})
    given = {"checkpoint": str(tmp_path / "reward")}
    said = refused(regime("rlhf", data=rows, reward_model=given), start, tmp_path)
    assert "NaN" in said and "reward" in said


def test_lora_target_modules_that_match_nothing(tmp_path, start):
    wanted = regime("sft", data=data(tmp_path, answers()), adapter={"target_modules": ["query"]})
    said = refused(wanted, start, tmp_path)
    assert "match no layer" in said and "q_proj" in said


def test_the_lab_grammar_needs_the_lab_tokenizer(tmp_path, start):
    other = tmp_path / "other"
    import shutil

    shutil.copytree(start, other)
    path = other / "tokenizer.json"
    values = json.loads(path.read_text())
    values["model"]["vocab"]["one-more"] = len(values["model"]["vocab"])
    path.write_text(json.dumps(values))
    assert "does not speak" in refused(regime("sft", task="copy"), other, tmp_path)


def test_the_extra_missing_is_one_line(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "trl" else find(name)
    )
    with pytest.raises(InputError, match=r"pip install 'behaviordist\[trl\]'"):
        trl_extra.require_trl()


def test_no_heavy_import_until_a_run_needs_it():
    code = (
        "import sys; import behaviordist.engines.trl_engine, behaviordist.studies.real_models.runs,"
        "behaviordist.cli.app, behaviordist.studies.real_models.pairs;"
        "heavy = {'trl', 'peft', 'transformers', 'datasets', 'accelerate', 'torch'};"
        "print(sorted(heavy & set(sys.modules))); sys.exit(bool(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("algorithm: sft\ntask: x\nbudgets: 5\n", "unknown key 'budgets'"),
        ("algorithm: sft\ntask: x\nbudget: 4\nbatch_size: 2\nlearning_rate: 0.1\n"
         "convergence: {at_least: 0.5, every: 5}\n", "budget is below one evaluation"),
        ("- a list\n", "a mapping of keys"),
    ],
)  # fmt: skip
def test_the_command_says_what_is_wrong_and_exits_with_2(tmp_path, start, capsys, text, wanted):
    path = tmp_path / "regime.yaml"
    path.write_text(text)
    arguments = ["transfer", "--sources", str(start), "--targets", str(path)]
    sys.argv = ["behaviordist", *arguments, "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as caught:
        main()
    said = capsys.readouterr().err.strip()
    assert caught.value.code == 2 and said.startswith("error: ") and wanted in said
    assert len(said.splitlines()) == 1
