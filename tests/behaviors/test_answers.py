"""Answers of transformers models: drawn with their ends, scored as torch scores them."""

from __future__ import annotations

import numpy as np
import pytest

import behaviordist as bd
from behaviordist.distance.directed import Answer, AnswerSet
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import write_llama

PROBES = ProbeSet("three", tuple(Probe(f"p{i}", f"say {i}:", " x") for i in range(3)))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    place = tmp_path_factory.mktemp("two")
    for name, seed in (("one", 0), ("other", 1)):
        write_llama(place / name, seed=seed)
    return [bd.load(str(place / name)) for name in ("one", "other")]


@pytest.mark.slow
def test_an_answer_is_scored_as_torch_scores_it(two):
    import torch

    answers = AnswerSet("said", PROBES.probes, tuple((Answer(f" {i} b"),) for i in range(3)))
    found = bd.divergences(two, [answers])
    for behavior, value in zip(two, found.values[:, 0], strict=True):
        with behavior.model() as model, torch.no_grad():
            total = 0.0
            for item in behavior.encoder()(answers_as_probes(answers)):
                log_p = model(torch.tensor([item.ids])).logits[0].log_softmax(-1)
                places = range(len(item.ids) - item.scored, len(item.ids))
                total += sum(float(log_p[k - 1, item.ids[k]]) for k in places)
        assert value == pytest.approx(-total / 3, rel=1e-5)
    per_byte = bd.divergences(two, [answers], per="byte")
    assert np.allclose(per_byte.values, found.values / 4)


def answers_as_probes(answers):
    pairs = zip(answers.probes, answers.answers, strict=True)
    return ProbeSet("x", tuple(Probe(p.id, p.prompt, a[0].text) for p, a in pairs))


@pytest.mark.slow
def test_a_model_draws_its_answers_and_lies_at_zero_from_itself(two, tmp_path):
    found = bd.divergences(two, probes=PROBES, answers=4, max_tokens=3, folder=tmp_path)
    assert found.values[0, 0] == found.values[1, 1] == 0
    assert found.metadata["answers"] == {"one": 12, "other": 12}
    assert np.isfinite(found.values).all() and np.isfinite(found.standard_errors).all()


def test_an_answer_that_no_token_spells_is_refused(two):
    answers = AnswerSet("said", PROBES.probes[:1], ((Answer(""),),))
    with pytest.raises(InputError, match="no end marker to score the empty answer"):
        bd.divergences(two, [answers])


def test_answers_to_a_chat_are_scored_behind_the_template(tmp_path):
    """Against transformers' own rendering; the file keeps the turns."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    write_llama(tmp_path / "m")
    (tmp_path / "m/chat_template.jinja").write_text(
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    )
    chat = Probe.chat("c", [("system", "Be."), ("user", "say")], " ")
    AnswerSet("said", (chat,), ((Answer(" hi"),),)).save(tmp_path / "said.jsonl")
    kept = AnswerSet.load(tmp_path / "said.jsonl")
    assert kept.probes[0].messages == chat.messages
    found = bd.divergences([bd.load(str(tmp_path / "m"))], [kept]).values[0, 0]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "m")
    text = tokenizer.apply_chat_template(chat.turns, tokenize=False, add_generation_prompt=True)
    before, ids = (
        tokenizer(t, add_special_tokens=False)["input_ids"] for t in (text, text + " hi")
    )
    with torch.no_grad():
        log_p = model(torch.tensor([ids])).logits[0].double().log_softmax(-1)
    right = sum(log_p[k - 1, ids[k]].item() for k in range(len(before), len(ids)))
    assert found == pytest.approx(-right, abs=1e-4)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"prompt": "a", "answers": [{"text": " b", "log_p": "x"}]}', "'log_p' is 'x'"),
        ('{"prompt": "a", "answers": [{"text": " b", "log_p": 0.5}]}', "at most 0 nats"),
        ('{"prompt": "a", "answers": [{"text": " b", "log_p": NaN}]}', "'log_p' is nan"),
        ('{"prompt": "a", "answers": [{"text": " b", "weight": -1}]}', "share in .0, 1., not -1"),
        ('{"prompt": "a", "answers": [{"text": " b", "ended": 1}]}', "true or false, not 1"),
        ('{"prompt": "a", "answers": []}', "no answer; give"),
        ('{"answer": " b"}', "or with 'messages' for"),
        ('{"messages": [{"role": "user"}], "answer": " b"}', "needs 'role' and 'content'"),
    ],
)
def test_a_damaged_file_of_answers_is_one_line(tmp_path, line, words):
    path = tmp_path / "said.jsonl"
    path.write_text('{"prompt": "x", "answer": " y"}\n' + line)
    with pytest.raises(InputError, match=f"said.jsonl:2.*{words}"):
        AnswerSet.load(path)


def test_answers_that_a_tokenizer_has_no_word_for_are_refused(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    write_llama(tmp_path / "m")
    words = Tokenizer(models.WordLevel({"<unk>": 0, "say": 1, "hi": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    named = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    named.save_pretrained(tmp_path / "m")
    source = bd.load(str(tmp_path / "m"))
    prompt = (Probe("a", "say", ""),)
    known = AnswerSet("b", prompt, ((Answer("hi"),),))
    assert np.isfinite(bd.divergences([source], [known]).values)
    with pytest.raises(InputError, match="cannot spell an answer of 'b' \\('zebra'\\)") as caught:
        bd.divergences([source], [AnswerSet("b", prompt, ((Answer("zebra"),),))])
    assert "\n" not in str(caught.value)
    # Prompts alone: their place is held by a word that the tokenizer has, not by a blank.
    asked = ProbeSet("asked", prompt).answerable()
    assert len(source.samples(asked, 2, 2)[0]) == 2
