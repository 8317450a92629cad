"""Models behind servers on loopback: real weights answering, and every way a server can fail."""

import json
import math
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load
from behaviordist.behaviors.servers.backend import load_http
from behaviordist.behaviors.servers.client import Budget, Client, is_loopback
from behaviordist.behaviors.settings import InferenceSettings
from behaviordist.distance.fingerprints.samples import steady_note
from behaviordist.distance.fingerprints.texts import answer_distances
from behaviordist.errors import InputError
from behaviordist.measurements.answers import Draws, compare_by_answers
from behaviordist.measurements.distance import write_distances
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer

PROBES = ProbeSet("two", (Probe("a", "Once upon", " a time"), Probe("b", "née", " Zürich")))
KEY = "sk-very-secret-0123456789"


class Server(ThreadingHTTPServer):
    """As many may wait to be let in as ask at once; five, the default, costs a second each."""

    request_queue_size = 128


@contextmanager
def serving(answer):
    """Serve `answer(path, body, headers) -> (status, headers, text)`; yield the base address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, text = answer(self.path, body, self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text if isinstance(text, bytes) else text.encode())

        def log_message(self, *_):
            pass

    server = Server(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # clients that gave up are the point of some tests
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def completion(choice, tokens=10):
    body = {"choices": [choice], "usage": {"total_tokens": tokens}}
    return 200, {"Content-Type": "application/json"}, json.dumps(body)


def scoring(folder, shift=0):
    """The protocol's completions with echo and log-probabilities, computed by the tiny model.

    With `shift` 1, echoed tokens get the rows after those that foretell them. As with
    llama-cpp-python, what is generated after an echoed text has no entry of its own.
    """
    from transformers import AutoModelForCausalLM

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), byte_tokenizer()

    def answer(path, body, headers):
        assert path == "/v1/completions"
        text = body["prompt"]
        ids = tokenizer.encode(text)
        with torch.no_grad():
            log_p = model(torch.tensor([ids])).logits[0].log_softmax(-1)
        # Of the letters only: half a character has no text.
        letters = [tokenizer.encode(letter)[-1] for letter in "abcdefghijklmnopqrstuvwxyz"]
        generated = max(letters, key=lambda token: float(log_p[-1, token]))
        if not body["echo"]:
            found = {
                "tokens": [tokenizer.decode([generated])],
                "token_logprobs": [float(log_p[-1, generated])],
                "text_offset": [len(text)],
            }
            return completion({"text": tokenizer.decode([generated]), "logprobs": found})
        rows = torch.cat([log_p[shift:], torch.zeros(shift, log_p.shape[1]).log_softmax(-1)])
        values = [float(rows[i, t]) for i, t in enumerate(ids[1:])]
        # One token a byte; offsets count characters, as servers do.
        offsets = [len(text.encode()[:i].decode(errors="ignore")) for i in range(len(ids) - 1)]
        tokens = [tokenizer.decode([t]) for t in ids[1:]]
        found = {"tokens": tokens, "token_logprobs": values, "text_offset": offsets}
        return completion({"text": text + "?", "logprobs": found})

    return answer


@contextmanager
def without_waiting():
    """Between attempts nothing waits; yield the seconds that would have been."""
    waits = []

    async def note(seconds):
        waits.append(seconds)

    with mock.patch("anyio.sleep", note):
        yield waits


def ask(answer, **options):
    """A behavior on a server that answers so; the waits are recorded, not waited."""
    waits = []

    @contextmanager
    def opened():
        with serving(answer) as url, without_waiting() as found:
            behavior = load_http(f"{url}#m", None, InferenceSettings())
            settings = {"timeout_s": 5, **options}
            object.__setattr__(behavior, "client", Client(url, **settings))
            yield behavior
            waits.extend(found)

    return opened(), waits


def test_scores_of_texts_are_those_of_the_model_behind_the_server(llama):
    local = load(llama)
    expected = np.zeros(len(PROBES))
    for block in local.log_probs(PROBES):
        rows = np.arange(len(block.probe))
        np.add.at(expected, block.probe, block.log_p[rows, block.token].astype(np.float64))
    with serving(scoring(llama)) as url:
        behavior = load(f"{url}#tiny")
        assert behavior.label == "tiny"
        np.testing.assert_allclose(behavior.text_log_probs(PROBES), expected, atol=1e-3)


def test_a_server_whose_log_probabilities_are_those_of_other_tokens_is_refused(llama):
    with serving(scoring(llama, shift=1)) as url:
        behavior = load(f"{url}#tiny")
        with pytest.raises(InputError, match="pairs log-probabilities with the wrong tokens"):
            behavior.text_log_probs(PROBES)


def parrot(log_p, shift=0.0, start="<s>", halves=False):
    """A server of one token a letter; whatever comes, the next letter is "!" with `log_p`."""

    def answer(path, body, headers):
        text = body["prompt"]
        if not body["echo"]:
            found = {"tokens": ["!"], "token_logprobs": [log_p]}
            return completion({"text": "\ufffd" if halves else "!", "logprobs": found})
        tokens = [start, *text, "!"]
        values = [None, *(-0.5 if t != "!" else log_p + shift for t in tokens[1:])]
        # Offsets that count the start token's own text, as vLLM's do.
        offsets = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
        found = {"tokens": tokens, "token_logprobs": values, "text_offset": offsets}
        return completion({"text": text + "!", "logprobs": found})

    return answer


def test_offsets_that_count_the_start_token_move_nothing():
    opened, _ = ask(parrot(-0.25))
    with opened as behavior:
        assert behavior.text_log_probs(PROBES).tolist() == [-0.5 * 7, -0.5 * 7]


def test_what_cannot_be_checked_is_not_believed():
    opened, _ = ask(parrot(-0.25, halves=True))
    with opened as behavior, pytest.raises(InputError, match="cannot be checked"):
        behavior.text_log_probs(PROBES)
    opened, _ = ask(parrot(-0.25, shift=-1.0))
    with opened as behavior, pytest.raises(InputError, match="with the wrong tokens"):
        behavior.text_log_probs(PROBES)


def test_a_server_that_ignores_echo_gives_no_score_and_leaves_no_file(tmp_path):
    from behaviordist.distance.fingerprints.texts import text_distances

    found = {"tokens": ["x"], "token_logprobs": [-1.0], "text_offset": [9]}
    opened, _ = ask(lambda *_: completion({"text": "x", "logprobs": found}))
    with opened as behavior, pytest.raises(InputError, match="it ignores `echo`") as caught:
        text_distances([behavior], PROBES, folder=tmp_path)
    assert "'m'" in str(caught.value)
    assert not list(tmp_path.glob("*.safetensors"))


def test_answers_are_asked_for_with_the_settings_and_different_seeds():
    asked = []

    def answer(path, body, headers):
        asked.append((path, body))
        return completion({"text": f"answer {len(asked)}"})

    with serving(answer) as url:
        behavior = load(f"{url}#m@temperature=0.7,top_p=0.9,system=Be kind")
        object.__setattr__(behavior, "client", Client(url, in_flight=1))
        found = behavior.samples(PROBES, 2, max_tokens=5, seed=1)
    assert found == [("answer 1", "answer 2"), ("answer 3", "answer 4")]
    assert len({body["seed"] for _, body in asked}) == 4
    path, body = asked[0]
    assert path == "/v1/completions"
    assert (body["temperature"], body["top_p"], body["max_tokens"]) == (0.7, 0.9, 5)
    assert body["prompt"] == "Be kind\n\nOnce upon"


def test_what_a_server_would_cut_off_of_itself_is_said_away():
    asked = []

    def answer(path, body, headers):
        asked.append(body)
        return completion({"text": "a"})

    with serving(answer) as url:
        load(f"{url}#m").samples(PROBES, 1)
        load(f"{url}#m@top_k=5,repetition_penalty=1.3").samples(PROBES, 1)
    own = {"top_k": -1, "top_p": 1.0, "min_p": 0.0}
    assert asked[0].items() >= {**own, "repetition_penalty": 1.0, "repeat_penalty": 1.0}.items()
    own["top_k"] = 5  # llama.cpp calls the penalty by the second name, and reads no other
    assert asked[-1].items() >= {**own, "repetition_penalty": 1.3, "repeat_penalty": 1.3}.items()


@pytest.mark.parametrize("status", [400, 422])
def test_a_host_that_refuses_options_of_others_is_asked_without_them(status):
    asked = []

    def answer(path, body, headers):
        asked.append(body)
        if {"min_p", "repeat_penalty"} & set(body):
            return status, {}, "unrecognized argument: min_p"
        return completion({"text": "a"})

    with serving(answer) as url:
        load(f"{url}#m@temperature=0.5").samples(PROBES, 2)
        assert sum("min_p" in body for body in asked) == 1  # it is told once
        assert all((body["temperature"], body["top_p"]) == (0.5, 1) for body in asked)
        load(f"{url}#m@repetition_penalty=1.3").samples(PROBES, 1)
        assert asked[-1]["repetition_penalty"] == 1.3
        # What is asked for by name is never left out.
        with pytest.raises(InputError, match="min_p"):
            load(f"{url}#m@min_p=0.1").samples(PROBES, 2)


def test_a_server_that_samples_nothing_is_named(tmp_path):
    def answer(path, body, headers):
        return completion({"text": "a"})

    other = {"text": "b"}

    def by_seed(path, body, headers):
        return completion({"text": "a"} if body["seed"] % 2 else other)

    with serving(answer) as cold, serving(by_seed) as warm:
        specs = [f"{warm}#m", f"{cold}#n"]
        record = compare_by_answers(specs, PROBES, draws=Draws(12), first_tokens=False)[1]
        assert [n for n in record.notes if "decode greedily" in n] == [steady_note("n")]
        write_distances(specs, tmp_path, PROBES, "samples", answers=12)
        assert "decode greedily" in (tmp_path / "run.json").read_text()
        greedy = [load(f"{cold}#n@temperature=0"), load(f"{warm}#m")]
        assert "steady" not in answer_distances(greedy, PROBES, count=12).metadata


def test_chats_are_sent_as_messages():
    asked = []

    def answer(path, body, headers):
        asked.append((path, body["messages"]))
        return completion({"message": {"content": "yes"}})

    with serving(answer) as url:
        assert load(f"{url}#m@chat=on,system=Hi").samples(PROBES, 1)[1] == ("yes",)
    path, messages = asked[0]
    assert path == "/v1/chat/completions"
    assert messages == [
        {"role": "system", "content": "Hi"},
        {"role": "user", "content": "Once upon"},
    ]


def test_a_busy_server_is_asked_again_as_it_wishes():
    statuses = iter([(429, {"Retry-After": "7"}), (503, {}), (429, {"Retry-After": "9999"})])

    def answer(*_):
        status = next(statuses, None)
        return (*status, "busy") if status else completion({"text": "done"})

    opened, waits = ask(answer)
    with opened as behavior:
        assert behavior.samples(ProbeSet("p", PROBES.probes[:1]), 1) == [("done",)]
    assert waits[0] == 7 and 0.75 <= waits[1] <= 1 and waits[2] == 60


def test_the_rate_that_the_environment_names_is_kept(monkeypatch):
    monkeypatch.setenv("BEHAVIORDIST_REQUESTS_PER_MINUTE", "1200")
    came = []

    def answer(*_):
        came.append(time.monotonic())
        return completion({"text": "x"})

    opened, _ = ask(answer)
    with opened as behavior:
        behavior.samples(PROBES, 4)
    assert came[-1] - came[0] >= 7 * 0.05 - 0.02
    for wrong in ("0", "many", "-3"):
        monkeypatch.setenv("BEHAVIORDIST_REQUESTS_PER_MINUTE", wrong)
        with pytest.raises(InputError, match="must be a whole number above 0"):
            load("http://127.0.0.1:1/v1#m")


def failure(answer, **options):
    opened, _ = ask(answer, **options)
    with opened as behavior, pytest.raises(InputError) as caught:
        behavior.samples(PROBES, 1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def html(*_):
    return 200, {"Content-Type": "text/html"}, "<html><script>alert(1)</script></html>"


def test_servers_that_fail_say_why_in_one_line():
    assert "limits the rate (status 429: slow down" in failure(lambda *_: (429, {}, "slow\ndown"))
    assert "answers text/html, not JSON" in failure(html)
    assert "status 404: no such model" in failure(lambda *_: (404, {}, "no such model"))
    assert "answers JSON that is no object" in failure(lambda *_: (200, {}, "[]"))
    assert "has no choices" in failure(lambda *_: (200, {}, "{}"))
    assert "answer to 'a' has no text" in failure(lambda *_: completion({}))
    moved = failure(lambda *_: (302, {"Location": "http://example.org/"}, ""))
    assert "refuses the request (status 302" in moved


def test_a_server_that_hangs_is_given_up():
    release = threading.Event()

    def answer(*_):
        release.wait(5)
        return completion({"text": "late"})

    message = failure(answer, timeout_s=0.2, attempts=2)
    release.set()
    assert "no answer within 0.2 s (2 attempts)" in message


def test_a_server_that_drips_is_given_up_at_the_deadline():
    """Every byte comes within the socket's timeout; the whole never does."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip():
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not stop.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    threading.Thread(target=drip, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    behavior = load_http(f"{url}#m", None, InferenceSettings())
    object.__setattr__(behavior, "client", Client(url, timeout_s=5, deadline_s=0.4))
    with pytest.raises(InputError, match="no whole answer within 0.4 s"):
        behavior.samples(PROBES, 1)
    stop.set()
    listener.close()


def test_answers_that_are_no_proper_text_or_json():
    deep = "[" * 100_000
    assert "nested too deeply" in failure(lambda *_: (200, {}, deep))
    assert "not JSON" in failure(lambda *_: (200, {}, '{"choices": [' + "9" * 5000 + "]}"))
    half = '{"choices": [{"text": "a\\ud83d"}], "usage": {"total_tokens": true}}'
    opened, _ = ask(lambda *_: (200, {}, half))
    with opened as behavior:
        (text,) = behavior.samples(PROBES, 1)[0]
    assert text == "a\ufffd"
    wait = failure(lambda *_: (429, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, "busy"))
    assert "limits the rate" in wait


def test_a_server_that_is_not_there():
    behavior = load_http("http://127.0.0.1:9/v1#m", None, InferenceSettings())
    object.__setattr__(behavior, "client", Client("http://127.0.0.1:9/v1"))
    with without_waiting(), pytest.raises(InputError, match="cannot be reached"):
        behavior.samples(PROBES, 1)


def test_dropped_log_probabilities_are_not_made_up():
    opened, _ = ask(lambda *_: completion({"text": "x", "logprobs": None}))
    with opened as behavior, pytest.raises(InputError, match="use sampled answers"):
        behavior.text_log_probs(PROBES)


def test_the_budget_of_tokens_holds():
    opened, _ = ask(lambda *_: completion({"text": "x"}, tokens=40), budget=Budget(100))
    with opened as behavior:
        with pytest.raises(InputError, match="budget of 100 tokens is spent"):
            behavior.samples(PROBES, 5)
        assert behavior.client.budget.spent == 120


def test_keys_reach_the_server_and_nothing_else(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    seen = []

    def echo(path, body, headers):
        seen.append(headers["Authorization"])
        return 400, {}, f"bad request with {headers['Authorization']}"

    message = failure(echo)
    assert seen == [f"Bearer {KEY}"] * 2  # a refused one is asked without options
    assert KEY not in message
    assert "[key]" in message
    refused = failure(lambda path, body, headers: (401, {}, headers["Authorization"]))
    assert KEY not in refused
    assert "set BEHAVIORDIST_API_KEY or OPENAI_API_KEY" in refused
    remote = Client("http://example.org/v1")
    assert remote.authorization() == {}
    assert Client("https://example.org/v1").authorization() == {"Authorization": f"Bearer {KEY}"}
    assert KEY not in repr(load("http://127.0.0.1:1/v1#m"))


@pytest.mark.parametrize("end", ["\r", "\n", " \r\n"])
def test_blanks_around_a_key_are_cut_off(monkeypatch, end):
    monkeypatch.setenv("OPENAI_API_KEY", KEY + end)
    seen = []

    def answer(path, body, headers):
        seen.append(headers["Authorization"])
        return completion({"text": "x"})

    opened, _ = ask(answer)
    with opened as behavior:
        behavior.samples(ProbeSet("p", PROBES.probes[:1]), 1)
    assert seen == [f"Bearer {KEY}"]


@pytest.mark.parametrize("inner", ["\n", "\r\n", " ", "\t", "é", "\x7f"])
def test_a_key_that_no_header_can_carry_is_refused_and_never_printed(monkeypatch, inner):
    monkeypatch.setenv("OPENAI_API_KEY", KEY[:9] + inner + KEY[9:])
    message = failure(lambda *_: completion({"text": "x"}))
    assert "OPENAI_API_KEY holds" in message
    assert KEY[:9] not in message
    assert KEY[9:] not in message


def test_what_is_for_this_machine_goes_through_no_proxy(monkeypatch):
    asked = []

    def proxy(path, body, headers):
        asked.append(path)
        return completion({"text": "from the proxy"})

    with serving(proxy) as address, serving(lambda *_: completion({"text": "direct"})) as url:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, address.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        for host in ("127.0.0.1", "localhost"):
            behavior = load(f"{url.replace('127.0.0.1', host)}#m")
            assert behavior.samples(PROBES, 1) == [("direct",), ("direct",)]
    assert asked == []


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("127.0.0.1.example.org", False), ("10.0.0.1", False), (None, False)],
)  # fmt: skip
def test_which_hosts_are_this_machine(host, here):
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("http://127.0.0.1:1/v1", "names no model"),
        ("http://user:secret@127.0.0.1:1/v1#m", "keys belong into the environment"),
        ("http://127.0.0.1:1/v1?key=secret#m", "keys belong into the environment"),
        ("http://127.0.0.1:1/v1#m@quant=int4", "a request cannot ask for quant=int4"),
        ("http://[::1/v1#m", "the address of 'm' is none"),
        ("http://127.0.0.1:99999999/v1#m", "the address of 'm' is none"),
        ("http://127.0.0.1:x/v1#m", "the address of 'm' is none"),
        ("http://127.0.0.1:1/v 1#m", "the address of 'm' is none"),
        ("~nosuch-user-here/x", "is no path of a model"),
        ("x" * 5000, "is no path of a model"),
        ('http://127.0.0.1:1/v1#m@temperature="0.7"', "temperature must be float"),
    ],
)
def test_addresses_that_are_refused(spec, words):
    with pytest.raises(InputError, match=words) as caught:
        load(spec)
    assert "secret" not in str(caught.value).replace(spec, "")


def test_what_a_server_cannot_give_is_refused_with_what_works():
    behavior = load("http://127.0.0.1:1/v1#m")
    with pytest.raises(InputError, match="--geometry loglik or --geometry samples"):
        behavior.log_probs(PROBES)
    with pytest.raises(InputError, match="drop temperature=0.5"):
        load("http://127.0.0.1:1/v1#m@temperature=0.5").text_log_probs(PROBES)
    assert math.isfinite(behavior.client.budget.limit)
