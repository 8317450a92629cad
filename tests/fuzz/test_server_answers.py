"""A server that answers anything at all: one line, and nothing published."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.behaviors.test_http_backend import serving, without_waiting
from tests.fuzz.command_line import Ended, check
from tests.fuzz.mutations import damaged_json
from tests.fuzz.worlds import PROBES

SMALL = int(os.environ.get("BEHAVIORDIST_FUZZ", "6"))
LARGE = int(os.environ.get("BEHAVIORDIST_FUZZ_LARGE", "100"))
SAME = "BEHAVIORDIST_FUZZ_LARGE" not in os.environ  # CI sees the same inputs every time


def whole(body: dict) -> bytes:
    """An answer as the protocol has it: one token a character, `x` after every text."""
    prompt = str(body.get("prompt", ""))
    tokens, before = ([*prompt], 0) if body.get("echo") else (["x"], len(prompt))
    count = len(tokens)
    found = {
        "tokens": tokens,
        "token_logprobs": [-1.0] * count,
        "text_offset": [before + i for i in range(count)],
        "top_logprobs": [{"x": -1.0, "y": -2.0}] * count,
    }
    text = prompt + "x" if body.get("echo") else "x"
    choice = {"text": text, "logprobs": found if body.get("logprobs") else None}
    return json.dumps({"choices": [choice], "usage": {"total_tokens": 10}}).encode()


COMMANDS = {
    "loglik": "distance A B --geometry loglik --probes p.jsonl --probes-limit 2 --out o",
    "samples": "distance A B --geometry samples --probes p.jsonl --probes-limit 2 --out o",
    "compare": "compare A B --probes p.jsonl --answers 2 --out o",
    "gate": "gate A B --metric answers --margin 1.4 --probes p.jsonl --answers 2 --json o/run.json",
}
"""What asks a server; each leaves a record in ``o`` where it has an answer."""


def fuzz(command: str, examples: int, derandomize: bool) -> None:
    """Serve damaged answers to two behaviors behind one server.

    A strategy draws in the thread of its test alone, so damage is drawn before the command runs: of
    some of the answers that it got from the server when that was whole.
    """
    served: dict[str, bytes] = {}
    asked: dict[str, bytes] = {}

    def answer(path, body, headers):
        key = json.dumps([body.get(name) for name in ("prompt", "echo", "logprobs")])
        said = served.get(key, asked.setdefault(key, whole(body)))
        return 200, {"Content-Type": "application/json"}, said.decode("utf-8", "replace")

    # A server is asked again after a wait: the wait is not what is tested here.
    with without_waiting(), serving(answer) as address:
        models = {"A": f"{address}#a", "B": f"{address}#b"}
        words = [models.get(word, word) for word in COMMANDS[command].split()]

        def ask() -> Ended:
            with tempfile.TemporaryDirectory() as name:
                (Path(name) / "o").mkdir()
                PROBES.save(Path(name) / "p.jsonl")
                ended = check(Path(name), *words)
                answered = ended.code == 0 or (command == "gate" and ended.code == 1)
                record = "comparison.json" if command == "compare" else "run.json"
                assert (Path(name) / "o" / record).is_file() == answered
                return ended

        ended = ask()
        assert ended.code < 2 and asked, f"a whole server is not read: {ended.errors}"
        known = dict(asked)

        @settings(max_examples=examples, deadline=None, derandomize=derandomize, database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(st.data())
        def one(data: st.DataObject) -> None:
            served.clear()
            for key in data.draw(st.sets(st.sampled_from(sorted(known)), min_size=1, max_size=3)):
                served[key] = data.draw(damaged_json(known[key]))
            ask()

        one()


@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_answers_of_a_server(command):
    fuzz(command, max(SMALL // 4, 2), derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_thousands_of_damaged_answers_of_a_server(command):
    fuzz(command, max(LARGE // 2, 2), derandomize=SAME)
