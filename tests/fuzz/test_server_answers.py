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
from tests.fuzz.command_line import check
from tests.fuzz.mutations import damaged_json
from tests.fuzz.worlds import PROBES

# A damaged answer is drawn in the server's thread, which hypothesis may end in the middle of.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
SMALL = int(os.environ.get("BEHAVIORDIST_FUZZ", "6"))
LARGE = int(os.environ.get("BEHAVIORDIST_FUZZ_LARGE", "150"))
SAME = "BEHAVIORDIST_FUZZ_LARGE" not in os.environ  # CI sees the same inputs every time


def echo(text: str) -> dict:
    """An answer as the protocol has it: one token a character."""
    tokens = [*text, "x"]
    log_p = [None, *[-1.0] * (len(tokens) - 1)]
    return {
        "choices": [
            {
                "text": text + "x",
                "logprobs": {
                    "tokens": tokens,
                    "token_logprobs": log_p,
                    "text_offset": list(range(len(tokens))),
                    "top_logprobs": [None, *[{"x": -1.0}] * (len(tokens) - 1)],
                },
            }
        ],
        "usage": {"total_tokens": 10},
    }


def fuzz(geometry: str, examples: int, derandomize: bool) -> None:
    """Serve damaged answers to two behaviors behind one server."""
    state: dict[str, st.DataObject] = {}

    def answer(path, body, headers):
        good = json.dumps(echo(str(body.get("prompt", "")))).encode()
        damaged = state["data"].draw(damaged_json(good))
        return 200, {"Content-Type": "application/json"}, damaged.decode("utf-8", "replace")

    # A server is asked again after a wait: the wait is not what is tested here.
    with without_waiting(), serving(answer) as address:

        @settings(max_examples=examples, deadline=None, derandomize=derandomize, database=None,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(st.data())
        def one(data: st.DataObject) -> None:
            state["data"] = data
            with tempfile.TemporaryDirectory() as name:
                PROBES.save(Path(name) / "p.jsonl")
                command = f"--geometry {geometry} --probes p.jsonl --probes-limit 2 --out o"
                models = (f"{address}#a", f"{address}#b")
                ended = check(Path(name), "distance", *models, *command.split())
                assert ended.code != 0 or (Path(name) / "o" / "run.json").is_file()

        one()


@pytest.mark.parametrize("geometry", ["loglik", "samples"])
def test_damaged_answers_of_a_server(geometry):
    fuzz(geometry, max(SMALL // 4, 2), derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize("geometry", ["loglik", "samples"])
def test_thousands_of_damaged_answers_of_a_server(geometry):
    fuzz(geometry, max(LARGE // 2, 2), derandomize=SAME)
