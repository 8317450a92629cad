"""Chat templates: what transformers renders, or one line; whatever the program in them does."""

import time

import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.text.chat_templates import ChatTemplate
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

CHATS = [
    [{"role": "user", "content": "Say <b>hello</b>"}],
    [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "né 'x'"},
        {"role": "assistant", "content": " 東京 "},
        {"role": "user", "content": "and?"},
    ],
]
FINE = {
    "plain": "{% for m in messages %}[{{ m.role }}:{{ m['content'] }}]{% endfor %}",
    "prompt": "{{ bos_token }}{% if add_generation_prompt %}\n  <a>\n{% endif %}",
    "json": "{{ messages | tojson }}{{ messages[0].content | trim | upper }}",
    "generation": "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}"
    "{% if loop.index == 2 %}{% break %}{% endif %}{% endfor %}",
    "namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
    "{% endfor %}{{ ns.n }}{% if tools is none %} no tools{% endif %}{{ nothing }}",
}


@pytest.mark.parametrize("name", FINE)
def test_texts_are_those_of_transformers(name):
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = FINE[name]
    options = {"tokenize": False, "add_generation_prompt": True}
    expected = [tokenizer.apply_chat_template(chat, **options) for chat in CHATS]
    special = tuple(tokenizer.special_tokens_map.items())
    assert ChatTemplate(FINE[name], special).render(CHATS) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ raise_exception('System role not\nsupported') }}", "System role not supported"),
        ("{% for m in messages %}{% endfr %}", "unknown tag 'endfr'"),
        ("{{ messages[0].content.strip(1, 2, 3) }}", "strip expected at most 1"),
        ("{{ messages[9].content }}", "refuses these messages"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ ''.__class__.__mro__ }}", "refuses these messages"),
        ("{{ 'x' * 10 ** 11 }}", "too much memory"),
        ("{{ '%09999999999d' % 1 }}", "chat template"),
        ("{{ 'x' * 10 ** 8 }}", "it writes 100,000,000 characters"),
        ("{{ '\\ud83d' }}", "half of a character"),
        ("{% include '/etc/passwd' %}", "refuses these messages"),
    ],
)
def test_a_template_that_fails_is_one_line(text, words):
    with pytest.raises(InputError, match=words) as caught:
        ChatTemplate(text).render(CHATS)
    assert "\n" not in str(caught.value)
    assert "root:" not in str(caught.value)


TWICE = "{% for a in range(99999) %}{% for b in range(99999) %}BODY{% endfor %}{% endfor %}"
LOOP, FLOOD = TWICE.replace("BODY", "{% set c = b %}"), TWICE.replace("BODY", "{{ 'x' * 99 }}")


@pytest.mark.parametrize("text", [LOOP, FLOOD])
def test_a_template_without_end_is_ended(text, monkeypatch):
    from behaviordist.behaviors.text import chat_templates

    monkeypatch.setattr(chat_templates, "SECONDS", 1)
    started = time.process_time()
    with pytest.raises(InputError, match="does not end within 1 s|too much memory|characters"):
        ChatTemplate(text).render(CHATS)
    assert time.process_time() - started < 1  # of this process, which only waits


def test_many_chats_are_one_program_run():
    chats = [[{"role": "user", "content": str(i)}] for i in range(500)]
    found = ChatTemplate("{{ messages[0].content }}!").render(chats)
    assert found == [f"{i}!" for i in range(500)]


def test_an_error_names_the_behavior_and_the_setting(tmp_path):
    write_llama(tmp_path / "gemma")
    text = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}hello"
    (tmp_path / "gemma/chat_template.jinja").write_text(text)
    probes = ProbeSet("p", (Probe("a", "x", "y"),))
    load(f"{tmp_path}/gemma@chat=on").check(probes)
    with pytest.raises(InputError, match=r"'gemma@.*chat=on, system='Be brief'.*\(no system\)"):
        load(f"{tmp_path}/gemma@chat=on,system=Be brief").check(probes)


def test_of_two_templates_the_one_that_is_used_is_named(tmp_path):
    tokenizer = byte_tokenizer()
    write_llama(tmp_path)
    tokenizer.chat_template = "second"
    tokenizer.save_pretrained(tmp_path, save_jinja_files=False)
    assert load(tmp_path).notes == ()
    (tmp_path / "chat_template.jinja").write_text("first")
    assert "two chat templates; chat_template.jinja is used" in load(tmp_path).notes[0]
    item = load(f"{tmp_path}@chat=on").encoder()(ProbeSet("p", (Probe("a", "x", "y"),)))[0]
    assert tokenizer.decode(list(item.ids)) == "firsty"


def test_a_template_that_writes_the_date_is_another_behavior_tomorrow(tmp_path, monkeypatch):
    import datetime

    from behaviordist.behaviors.huggingface import describe

    class Tomorrow(datetime.date):
        @classmethod
        def today(cls):
            return datetime.date(2099, 1, 1)

    write_llama(tmp_path)
    (tmp_path / "chat_template.jinja").write_text("{{ strftime_now('%d') }}")
    today = load(f"{tmp_path}@chat=on"), load(tmp_path)
    assert "may write the date" in today[0].notes[0]
    monkeypatch.setattr(describe, "date", Tomorrow)
    assert load(f"{tmp_path}@chat=on").identity != today[0].identity
    assert load(tmp_path).identity == today[1].identity
