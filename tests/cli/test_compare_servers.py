"""`compare` and `gate` of models behind servers: answers, first tokens, exit codes."""

import json
import math
import sys
import threading
import zlib
from collections import Counter

import numpy as np
import pytest

from behaviordist.cli.app import main
from behaviordist.probes import Probe, ProbeSet
from behaviordist.record import read_record
from tests.behaviors.test_http_backend import completion, serving

WORDS = ("yes", "no", "perhaps")
MODELS = {"a": (0.6, 0.3, 0.1), "same": (0.6, 0.3, 0.1), "moved": (0.1, 0.3, 0.6)}


def voting(asked, logprobs=True, chat=False):
    """Models that answer one of three words, and say the log-probabilities of two of them.

    The k-th answer to a prompt is the same in every run: seeds depend on the server's port.
    """
    lock, came = threading.Lock(), Counter()

    def answer(path, body, headers):
        asked.append(body)
        if chat != path.endswith("chat/completions"):
            return 404, {}, "no such address"
        p = MODELS[body["model"]]
        if body.get("logprobs"):
            top = {f" {w}": math.log(x) for w, x in zip(WORDS, p, strict=True) if x != min(p)}
            found = {"top_logprobs": [top]} if logprobs else None
            if chat:
                rows = [{"token": t, "logprob": v} for t, v in top.items()]
                found = {"content": [{"top_logprobs": rows}]} if logprobs else None
            return completion({"text": " yes", "message": {"content": " yes"}, "logprobs": found})
        place = body["model"], str(body.get("prompt", body.get("messages")))
        with lock:
            came[place] += 1
            seed = zlib.crc32(repr((*place, came[place])).encode())
        word = np.random.default_rng(seed).choice(WORDS, p=p)
        return completion({"text": word} if not chat else {"message": {"content": word}})

    return answer


@pytest.fixture
def probes(tmp_path):
    path = tmp_path / "p.jsonl"
    made = [Probe(f"<i>{k}", f"vote {k}", "", (f"t{k % 2}",)) for k in range(12)]
    ProbeSet("votes", tuple(made)).save(path)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        return (caught.value.code or 0, *capsys.readouterr())

    return call


def test_compare_tells_models_apart_by_their_answers(probes, tmp_path, run):
    asked, out = [], tmp_path / "out"
    with serving(voting(asked)) as url:
        arguments = (
            "compare", f"{url}#a", f"{url}#moved", "--replicate", f"{url}#same",
            "--probes", probes, "--kernel", "exact-match", "--answers", 4, "--out", out,
        )  # fmt: skip
        code, stdout, stderr = run(*arguments)
        assert code == 0, stderr
        first = len(asked)
        assert first == 3 * 12 * (4 + 1)
        assert run(*arguments)[0] == 0 and len(asked) == first, "what is kept is not asked again"
    record = json.loads((out / "comparison.json").read_text())
    found, floor = record["comparison"], record["floor"]
    assert record["kind"] == "answers"
    # Which of a prompt's answers comes first may differ from run to run, and with it the draw.
    assert found["p"] <= 0.005 and floor["p"] > found["p"]
    assert f"moved and a do not answer alike (two-sample test, p = {found['p']:.2g})" in stdout
    p, q = (np.array(MODELS[m]) for m in ("a", "moved"))
    assert abs(found["squared"]["value"] - ((p - q) ** 2).sum()) < 0.2
    token = found["first_token"]
    squared = ((np.sqrt(p) - np.sqrt(q)) ** 2).sum()
    assert token["squared_low"]["value"] - 1e-4 <= squared <= token["squared_high"]["value"]
    assert 0 < token["kl_forward"]["value"] <= (p * np.log(p / q)).sum() + 1e-4
    page = (out / "index.html").read_text()
    assert "&lt;i&gt;" in page and page.count("<script>") == 1
    assert run("report", out)[0] == 0
    assert (out / "index.html").read_text() == page, "drawn from the record alone"


def test_chats_say_first_tokens_too_and_servers_that_say_none_are_compared_without(
    probes, tmp_path, run
):
    for logprobs in (True, False):
        with serving(voting([], logprobs, chat=True)) as url:
            out, few = tmp_path / f"{logprobs}", ("--answers", 2, "--probes-limit", 6)
            models = (f"{url}#a@chat=true", f"{url}#same@chat=true")
            code, stdout, stderr = run("compare", *models, "--probes", probes, *few, "--out", out)
        assert code == 0, stderr
        record = json.loads((out / "comparison.json").read_text())
        assert (record["comparison"]["first_token"] is not None) == logprobs
        assert any("first tokens are not compared" in n for n in record["notes"]) != logprobs
        assert "are not shown to answer differently" in stdout


def test_a_server_that_only_chats_is_hinted_to_the_setting(probes, tmp_path, run):
    with serving(voting([], chat=True)) as url:
        models = (f"{url}#a", f"{url}#same")
        code, _, stderr = run("compare", *models, "--probes", probes, "--out", tmp_path / "o")
    assert code == 2 and "#a@chat=true" in stderr and stderr.count("\n") == 1


@pytest.mark.slow
def test_the_gate_answers_by_exit_code_and_names_options_it_has(probes, tmp_path, run):
    many = tmp_path / "many.jsonl"
    ProbeSet("m", tuple(Probe(f"p{k}", f"vote {k}", "") for k in range(120))).save(many)
    draws = ("--metric", "answers", "--kernel", "exact-match", "--answers", 2)
    asked = []
    with serving(voting(asked)) as url:
        two = ("gate", f"{url}#a", f"{url}#same")
        code, _, stderr = run(*two, "--margin", 0.3, "--probes", probes)
        assert code == 2 and "use --metric answers" in stderr
        code, _, stderr = run(*two, "--margin", 0.3, "--probes", probes, *draws)
        assert code == 2 and "12 independent probes cannot show" in stderr
        assert not asked, "refused before a server is asked"
        file = tmp_path / "gate.json"
        options = ("--margin", 0.9, "--probes", many, *draws)
        code, stdout, stderr = run(*two, *options, "--json", file)
        assert code == 0, stderr
        assert stdout.splitlines()[-1].startswith("shown to be within the margin: distance of answ")
        assert json.loads(file.read_text())["gate"]["verdict"] == "within"
        far = ("gate", f"{url}#a", f"{url}#moved", "--margin", 0.6, "--probes", many, *draws)
        code, stdout, _ = run(*far)
        assert code == 1 and stdout.splitlines()[-1].startswith("shown to be beyond the margin")


@pytest.mark.slow
def test_a_policy_takes_answers_of_servers_and_refuses_what_they_do_not_give(tmp_path, run):
    many, file = tmp_path / "many.jsonl", tmp_path / "gate.yaml"
    made = (Probe(f"p{k}", f"vote {k}", "", ("odd",) * (k % 2)) for k in range(150))
    ProbeSet("m", tuple(made)).save(many)
    checks = "- {metric: answers, margin: 0.9}\n- {metric: answers, margin: 0.95, tag: odd}\n"
    file.write_text(f"policy: 1\nchecks:\n{checks}")
    draws = ("--kernel", "exact-match", "--answers", 2, "--probes", many, "--policy", file)
    asked = []
    with serving(voting(asked)) as url:
        ends = {}
        for name in ("same", "moved"):
            ends[name] = run("gate", f"{url}#a", f"{url}#{name}", *draws, "--json", tmp_path / "j")
            record = read_record(tmp_path / "j")
            assert record.kind == "policy" and record.answers is not None
        assert [ends[name][0] for name in ("same", "moved")] == [0, 1]
        assert ends["same"][1].splitlines()[-1].startswith("2 of 2 metrics")
        asked.clear()
        file.write_text(f"policy: 1\nchecks:\n- {{metric: bits, margin: 0.1, bound: 1}}\n{checks}")
        code, _, stderr = run("gate", f"{url}#a", f"{url}#same", *draws)
        assert code == 2 and "'bits' needs next-token distributions" in stderr and not asked


def test_on_policy_is_refused_with_what_works(probes, tmp_path, run):
    models = ("http://127.0.0.1:1/v1#a", "http://127.0.0.1:1/v1#b")
    code, _, stderr = run(
        "compare", *models, "--probes", probes, "--on-policy", 4, "--out", tmp_path / "o"
    )
    assert code == 2 and "leave --on-policy out" in stderr
