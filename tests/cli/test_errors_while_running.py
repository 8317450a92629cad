"""What goes wrong only when a model runs: still one line on stderr, exit code 2, no bar."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from behaviordist.cli.app import main
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import write_llama


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A tiny model, one whose tokenizer knows more tokens than its embedding, and probes."""
    root = tmp_path_factory.mktemp("world")
    write_llama(root / "tiny")
    write_llama(root / "short", vocab_size=100)
    probes = tuple(Probe(f"p{i}", f"Say {i}", " a b") for i in range(4))
    ProbeSet("four", probes).save(root / "four.jsonl")
    (root / "latin.jsonl").write_bytes(
        '{"id": "1", "prompt": "n\u00e9e", "continuation": " b"}'.encode("latin-1")
    )
    empty = {"id": "1", "prompt": "a", "continuation": ""}
    (root / "empty.jsonl").write_text(json.dumps(empty) + "\n")
    long = {"id": "far", "prompt": "a" * 90, "continuation": " b"}
    (root / "long.jsonl").write_text(json.dumps(long) + "\n")
    return root


@pytest.fixture(scope="module")
def page():
    """A server that answers everything with a web page."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<html><script>alert(1)</script></html>")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1#m"
    server.shutdown()
    server.server_close()


def adapter_for_another_base(root):
    """A LoRA adapter of a two-layer model that names a one-layer one as its base."""
    import peft

    config = peft.LoraConfig(r=2, target_modules=["q_proj"])
    folder = root / "adapter"
    peft.get_peft_model(write_llama(root / "whole"), config).save_pretrained(folder)
    write_llama(root / "other", num_hidden_layers=1)
    path = folder / "adapter_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "base_model_name_or_path": "../other"}))
    return folder


def failing(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, errors = capsys.readouterr()
    assert ended.value.code == 2, errors
    # A gate has said by then what its probes can show.
    assert out == "" or (arguments[0] == "gate" and "cannot show less than" in out)
    assert errors.startswith("error: ") and errors.count("\n") == 1, errors
    return errors


def test_a_tokenizer_that_knows_more_tokens_than_the_model(world, tmp_path, monkeypatch, capsys):
    model = world / "short"
    errors = failing(
        monkeypatch, capsys, "distance", model, f"{model}@temperature=2",
        "--probes", world / "four.jsonl", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "the tokenizer of 'short' writes token" in errors
    assert "its model has rows for" in errors
    assert not list((tmp_path / "out").rglob("*.safetensors"))


@pytest.mark.slow
def test_an_adapter_for_another_base(world, tmp_path, monkeypatch, capsys):
    pytest.importorskip("peft")
    adapter = adapter_for_another_base(tmp_path)
    capsys.readouterr()  # what `transformers` says while it writes
    for command in (("distance",), ("compare",), ("gate", "--margin", "1.2")):
        errors = failing(
            monkeypatch, capsys, command[0], world / "tiny", adapter, *command[1:],
            "--probes", world / "four.jsonl",
            "--out", tmp_path / f"out-{command[0]}",
        )  # fmt: skip
        assert "adapter" in errors


@pytest.mark.parametrize("geometry", ["loglik", "samples"])
def test_a_server_that_answers_with_a_page(world, page, geometry, tmp_path, monkeypatch, capsys):
    errors = failing(
        monkeypatch, capsys, "distance", world / "tiny", page, "--geometry", geometry,
        "--probes", world / "four.jsonl", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "answers text/html, not JSON" in errors


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("latin.jsonl", "UTF-8"),
        ("empty.jsonl", "continuation"),
        ("long.jsonl", "probe 'far' takes 92 tokens, the context window of 'tiny' holds 64"),
    ],
)
def test_probes_that_no_model_can_take(world, file, says, tmp_path, monkeypatch, capsys):
    model = world / "tiny"
    errors = failing(
        monkeypatch, capsys, "distance", model, f"{model}@temperature=2",
        "--probes", world / file, "--out", tmp_path / "out",
    )  # fmt: skip
    assert says in errors
    assert not (tmp_path / "out").exists()


def test_bytes_are_compared_from_the_command_line(world, tmp_path, monkeypatch, capsys):
    from tests.behaviors.test_token_bytes import byte_fallback_tokenizer

    tokenizer = byte_fallback_tokenizer()
    write_llama(tmp_path / "other", vocab_size=len(tokenizer))
    tokenizer.save_pretrained(tmp_path / "other")
    command = ["distance", world / "tiny", tmp_path / "other", "--geometry", "next-byte",
               "--probes", world / "four.jsonl", "--out", tmp_path / "out"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["behaviordist", *map(str, command)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["geometry"] == "next-byte"
    (note,) = (n for n in record["notes"] if "next byte" in n)
    assert "at the 16 places" in note and "16 of tiny" in note
    page = (tmp_path / "out" / "index.html").read_text()
    assert "next byte is compared" in page
