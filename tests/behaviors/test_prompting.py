"""Settings that change what the model sees or computes, against `transformers` used by hand."""

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load, parse_spec
from behaviordist.behaviors.text.encoding import draw_shots
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}:{{ m.content }}]{% endfor %}"
    "{% if add_generation_prompt %}[assistant:{% endif %}"
)
ONE = ProbeSet("one", (Probe("a", "Say hello hello", " hello there"),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompting") / "tiny"
    write_llama(folder, max_position_embeddings=256)
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


def rows(spec, probes=ONE):
    return np.concatenate([block.log_p for block in load(spec).log_probs(probes)])


def contexts(spec, probes=ONE):
    """The text that stands before each continuation."""
    tokenizer = byte_tokenizer()
    encoded = load(spec).encoder()(probes)
    return [tokenizer.decode(list(e.ids[: len(e.ids) - e.scored])) for e in encoded]


def test_the_cache_changes_nothing_but_rounding(folder):
    plain, cached = rows(folder), rows(f"{folder}@kv_cache=on")
    np.testing.assert_allclose(cached, plain, atol=1e-4)
    assert load(folder).identity != load(f"{folder}@kv_cache=on").identity


def test_the_repetition_penalty_is_that_of_transformers(folder):
    from transformers import AutoModelForCausalLM, RepetitionPenaltyLogitsProcessor

    encoded = load(folder).encoder()(ONE)[0]
    ids = torch.tensor([encoded.ids[:-1]])
    with torch.no_grad():
        logits = AutoModelForCausalLM.from_pretrained(folder)(ids).logits[0]
    penalty = RepetitionPenaltyLogitsProcessor(1.7)
    places = range(encoded.length - encoded.scored, encoded.length)
    expected = [penalty(ids[:, : i + 1], logits[i][None])[0].log_softmax(-1) for i in places]
    mine = rows(f"{folder}@repetition_penalty=1.7")
    np.testing.assert_allclose(mine, torch.stack(expected).numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "context"),
    [
        ("bos=on", "<s>Say hello hello"),
        ("bos=off", "Say hello hello"),
        ('system="Be kind, please."', "<s>Be kind, please.\n\nSay hello hello"),
        ("chat=on", "[user:Say hello hello][assistant:"),
        ("chat=on,system=Short", "[system:Short][user:Say hello hello][assistant:"),
        ("context=17,truncate=left", "<s>hello"),
        ("context=17,truncate=right", "<s>Say h"),
    ],
)
def test_what_stands_before_the_continuation(folder, setting, context):
    assert contexts(f"{folder}@{setting}") == [context]


def test_truncation_drops_only_what_does_not_fit(folder):
    # BOS + 15 + 12 characters: the model sees all but the last.
    whole, room = rows(folder), rows(f"{folder}@context=27,truncate=left")
    np.testing.assert_array_equal(whole, room)
    with pytest.raises(InputError, match="takes 27 tokens.*holds 26.*truncate=left"):
        rows(f"{folder}@context=26")
    with pytest.raises(InputError, match="'a' takes 27 tokens"):
        rows(f"{folder}@context=8,truncate=left")


def test_shots_are_other_probes_the_same_for_every_behavior(folder):
    probes = ProbeSet(
        "many",
        tuple(
            Probe(f"p{i}", f"q{i}?", f" a{i}", group="twins" if i < 2 else None) for i in range(5)
        ),
    )
    found = contexts(f"{folder}@shots=2", probes)
    for context, probe, shots in zip(found, probes, draw_shots(probes, 2), strict=True):
        lines = [s.prompt + s.continuation for s in shots]
        assert context == "<s>" + "\n\n".join([*lines, probe.prompt])
        assert probe not in shots
        assert len(set(shots)) == 2
        assert not (probe.group and any(s.group == probe.group for s in shots))
    with pytest.raises(InputError, match="shots=4, but 'many' has 3 other probes"):
        draw_shots(probes, 4)


def test_a_chat_with_shots_answers_in_turns(folder):
    probes = ProbeSet("two", (Probe("a", "1?", " x"), Probe("b", "2?", " y")))
    found = contexts(f"{folder}@chat=on,shots=1", probes)
    assert found[0] == "[user:2?][assistant:y][user:1?][assistant:"


def test_what_cannot_be_done_is_refused(folder, llama):
    with pytest.raises(InputError, match="'tiny@chat=on' has no chat template"):
        rows(f"{llama}@chat=on")
    with pytest.raises(InputError, match="no start token"):
        rows(f"{folder}@bos=off", ProbeSet("empty", (Probe("a", "", "x"),)))
    with pytest.raises(InputError, match="thoughts go with neither"):
        parse_spec("m@thoughts=2,kv_cache=on")
    with pytest.raises(InputError, match="bos does nothing with chat=on"):
        parse_spec("m@chat=on,bos=on")


@pytest.mark.parametrize(
    "spec",
    ['m@system="a, \\"b\\" = c@d"', "m@system=plain words", "m@kv_cache=on,shots=3,chat=on"],
)
def test_specs_of_text_and_switches_survive_a_round_trip(spec):
    settings = parse_spec(spec)[1]
    assert settings.canonical == spec[2:]
    assert parse_spec(f"x@{settings.canonical}")[1] == settings


@pytest.mark.parametrize("spec", ['m@system="open', 'm@system="a"b', "m@chat=maybe", "m@shots=-1"])
def test_specs_that_do_not_parse(spec):
    with pytest.raises(InputError) as caught:
        parse_spec(spec)
    assert spec in str(caught.value)
