"""Many requests at once: how many, in which order, what is kept, and what goes over the wire."""

import asyncio
import gc
import gzip
import sys
import threading
import time

import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.servers.client import Budget, Client
from behaviordist.behaviors.servers.flight import _Run, each
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .test_http_backend import KEY, ask, completion, serving

TWENTY = ProbeSet("twenty", tuple(Probe(f"p{i}", f"ask {i}", " x") for i in range(20)))


def busy(seconds):
    """A server that takes so long, and how many requests it ever had at once."""
    lock, now, most = threading.Lock(), set(), []

    def answer(path, body, headers):
        with lock:
            now.add(threading.get_ident())
            most.append(len(now))
        time.sleep(seconds)
        with lock:
            now.discard(threading.get_ident())
        return completion({"text": f"{body['prompt']} {body['seed']}"})

    return answer, most


def test_as_many_are_on_their_way_as_is_allowed_and_answers_keep_their_place():
    """After the first, a server that answers sixteen together or none; never are there more."""
    sixteen, quick, most = threading.Barrier(16), *busy(0)
    first = threading.Event()

    def answer(path, body, headers):
        if first.is_set():
            sixteen.wait(10)
        first.set()
        return quick(path, body, headers)

    three = ProbeSet("eleven", TWENTY.probes[:11])
    with serving(answer) as url:
        found = load(f"{url}#m").samples(three, 3)
    with serving(quick) as url:
        behavior = load(f"{url}#m")
        object.__setattr__(behavior, "client", Client(url, in_flight=1))
        most.clear()
        assert behavior.samples(three, 3) == found
    assert max(most) == 1
    assert all(texts[0].startswith(f"ask {i} ") for i, texts in enumerate(found))
    assert all(len(set(texts)) == 3 for texts in found)


def test_a_slow_server_is_not_asked_more_than_it_can_answer_in_time():
    """A first answer of 0.2 s under a silence of 1 s at most: two at once end in time in turn."""
    answer, most = busy(0.2)
    opened, _ = ask(answer, timeout_s=1)
    with opened as behavior:
        behavior.samples(ProbeSet("six", TWENTY.probes[:6]), 1)
    assert max(most) <= 2  # one, where the machine is so busy that the first took longer


@pytest.mark.parametrize(("seconds", "room"), [(0.2, 2), (0.26, 1), (0.01, 16), (3.0, 1)])
def test_room_is_half_the_patience_over_what_the_first_answer_took(seconds, room):
    run = _Run(Client("http://127.0.0.1:1/v1", timeout_s=1, in_flight=16), print, (), print)
    assert run._room(seconds) == room


def test_in_flight_is_what_the_environment_says(monkeypatch):
    monkeypatch.setenv("BEHAVIORDIST_REQUESTS_IN_FLIGHT", "3")
    assert load("http://127.0.0.1:1/v1#m").client.in_flight == 3
    monkeypatch.setenv("BEHAVIORDIST_REQUESTS_IN_FLIGHT", "0")
    with pytest.raises(InputError, match="must be a whole number above 0"):
        load("http://127.0.0.1:1/v1#m")


def test_a_server_that_refuses_everything_is_asked_once():
    asked = []

    def answer(path, body, headers):
        asked.append(path)
        return 404, {}, "no such model"

    opened, _ = ask(answer)
    with opened as behavior, pytest.raises(InputError, match="status 404"):
        behavior.samples_rest(TWENTY, 4).__next__()
    assert asked == ["/v1/completions", "/v1/chat/completions"]


def test_what_came_before_a_failure_is_yielded_and_nothing_more_is_asked():
    asked = []

    def answer(path, body, headers):
        asked.append(body["prompt"])
        if body["prompt"] == "ask 7":
            return 400, {}, "not this one"
        time.sleep(0.2 if int(body["prompt"][4:]) > 7 else 0)
        return completion({"text": "x"})

    opened, _ = ask(answer, in_flight=2)
    kept = []
    with opened as behavior, pytest.raises(InputError, match="not this one"):
        kept.extend(index for index, _ in behavior.samples_rest(TWENTY, 1))
    assert set(range(7)) <= set(kept) and 7 not in kept
    assert len(asked) <= 10


def test_an_iterator_that_is_left_asks_no_more():
    answer, most = busy(0.05)
    with serving(answer) as url:
        rest = load(f"{url}#m").samples_rest(TWENTY, 4)
        next(rest)
        rest.close()
        time.sleep(0.2)  # what was on its way arrives
        begun = len(most)
        time.sleep(0.2)
        assert len(most) == begun < 80


def test_the_budget_holds_with_many_on_their_way():
    """They count as the dearest so far: beyond the limit by one request, as one at a time."""
    opened, _ = ask(lambda *_: completion({"text": "x"}, tokens=40), budget=Budget(1000))
    with opened as behavior:
        with pytest.raises(InputError, match="budget of 1,000 tokens is spent"):
            behavior.samples(TWENTY, 5)
        assert behavior.client.budget.spent == 1000


def test_inside_a_running_event_loop_as_in_a_notebook():
    async def cell():
        return load(f"{url}#m").samples(ProbeSet("one", TWENTY.probes[:1]), 2)

    with serving(lambda *_: completion({"text": "x"})) as url:
        assert asyncio.run(cell()) == [("x", "x")]


def test_headers_say_nothing_of_this_machine_or_another_account(monkeypatch):
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "secret-account")
    monkeypatch.setenv("BEHAVIORDIST_API_KEY", KEY)
    seen = []

    def answer(path, body, headers):
        seen.append(dict(headers))
        return completion({"text": "x"})

    with serving(answer) as url:
        load(f"{url}#m").samples(ProbeSet("one", TWENTY.probes[:1]), 1)
    assert set(map(str.lower, seen[0])) == {
        "host", "accept", "accept-encoding", "connection", "user-agent", "content-type",
        "content-length", "authorization",
    }  # fmt: skip
    assert seen[0]["User-Agent"] == "behaviordist" and "secret-account" not in str(seen)
    assert seen[0]["Authorization"] == f"Bearer {KEY}"


def test_the_key_is_not_in_what_the_package_logs(monkeypatch, caplog):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(0)
    with serving(lambda *_: (400, {}, "bad")) as url, pytest.raises(InputError):
        load(f"{url}#m").samples(TWENTY, 1)
    assert "/v1/completions" in caplog.text and KEY not in caplog.text


def test_an_answer_that_is_too_large_is_given_up(monkeypatch):
    from behaviordist.behaviors.servers import session

    monkeypatch.setattr(session, "LARGEST_ANSWER", 2**20)
    asked = []

    def large(*_):
        asked.append(1)
        return 200, {"Content-Type": "application/json"}, " " * 2**21

    opened, _ = ask(large)
    with opened as behavior, pytest.raises(InputError, match="more than 1 MiB"):
        behavior.samples(TWENTY, 1)
    assert len(asked) == 1


def test_an_answer_that_unpacks_to_more_is_given_up_too(monkeypatch):
    from behaviordist.behaviors.servers import session

    monkeypatch.setattr(session, "LARGEST_ANSWER", 2**20)
    bomb = gzip.compress(b" " * 2**24)

    def packed(*_):
        return 200, {"Content-Encoding": "gzip"}, bomb

    opened, _ = ask(packed)
    with opened as behavior, pytest.raises(InputError, match="more than 1 MiB"):
        behavior.samples(TWENTY, 1)


def test_without_the_package_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"need openai.*pip install 'behaviordist\[api\]'"):
        load("http://127.0.0.1:1/v1#m")


def test_a_server_that_only_chats_is_hinted_to_the_setting():
    def answer(path, body, headers):
        if path == "/v1/completions":
            return 404, {}, "Not Found"
        return completion({"message": {"content": "yes"}})

    opened, _ = ask(answer)
    with opened as behavior, pytest.raises(InputError, match=r"write http.*#m@chat=true") as caught:
        behavior.samples(TWENTY, 1)
    assert load(f"{behavior.client.url}#m@chat=true").settings.chat
    assert "\n" not in str(caught.value)
    opened, _ = ask(lambda *_: (404, {}, "no such model"))
    with opened as behavior, pytest.raises(InputError, match="no such model"):
        behavior.samples(TWENTY, 1)


def test_two_that_fail_at_once_are_one_error_and_no_traceback(caplog):
    """Asyncio logs, with its traceback, an exception that nobody has read."""

    async def fail(_, item):
        if item:
            await asyncio.sleep(0)
            raise InputError(f"{item} failed")
        return item

    with pytest.raises(InputError, match="failed"):
        list(each(Client("http://127.0.0.1:1/v1"), fail, range(9)))
    gc.collect()
    assert not caplog.records


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "no type, not JSON"),
        ({"Content-Type": "text/html"}, "text/html, not JSON"),
        ({"Content-Type": "application/json"}, "no whole JSON"),
    ],
)
def test_an_answer_that_is_no_json_is_told_by_what_it_is_called(headers, says):
    with serving(lambda *_: (200, headers, "<p>")) as url, pytest.raises(InputError, match=says):
        load(f"{url}#m").samples(TWENTY, 1)
