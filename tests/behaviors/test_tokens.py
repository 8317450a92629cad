"""Texts as token ids, against `tokenizers.Tokenizer.from_file` and `transformers` used by hand."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.behaviors import load
from behaviordist.behaviors.text.tokens import tokens_from
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import write_llama

TEXTS = ProbeSet(
    "texts",
    (
        Probe("blank", "The capital of France is", " Paris and Rome."),
        Probe("line", "She said:\n", "hello to the world"),
        Probe("numbers", "In 1989 it was", " 1234 dollars"),
        Probe("bracket", "What is it? (", "forty two)"),
        Probe("alone", "", "The cat"),
    ),
)
CORPUS = "The capital of France is Paris and Rome. She said hello to the world in 1989 and 1234."


def trained(kind, before=False, after=False):
    """A small BPE tokenizer: byte-level, or SentencePiece's way with a blank before every text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers.trainers import BpeTrainer

    specials = ["<unk>", "<s>", "</s>"]
    if kind == "bytes":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        blanks = normalizers.Replace(" ", "▁")
        if kind == "prepend":
            blanks = normalizers.Sequence([normalizers.Prepend("▁"), blanks])
        if kind in ("first", "always"):
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme=kind)
        else:
            tokenizer.normalizer = blanks
            tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
        tokenizer.decoder = decoders.Replace("▁", " ")
        alphabet = [chr(c) for c in range(33, 127)] + ["\n", "▁", "é"]
    trainer = BpeTrainer(
        vocab_size=400, special_tokens=specials, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([CORPUS] * 4, trainer)
    if kind == "bytes":  # the merges know numbers, the pre-tokenizer takes them apart
        single = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([single, tokenizer.pre_tokenizer])
    single = ("<s> " if before else "") + "$A" + (" </s>" if after else "")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=single, special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def saved(folder, tokenizer, tokenizer_class=None, **told):
    """A random Llama with this tokenizer; what its tokenizer_config.json says besides."""
    from transformers import PreTrainedTokenizerFast

    size = tokenizer.get_vocab_size()
    model = write_llama(folder, vocab_size=size, bos_token_id=1, eos_token_id=2)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text()) | told
    if tokenizer_class:
        config["tokenizer_class"] = tokenizer_class
    path.write_text(json.dumps(config))
    return model


KINDS = ["bytes", "prepend", "first", "always", "gemma"]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_log_probabilities_are_those_of_the_whole_text_cut_at_the_prompt(tmp_path, kind):
    from tokenizers import Tokenizer

    model = saved(tmp_path, trained(kind, before=True))
    raw = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    behavior = load(tmp_path)
    scores = {}
    for block in behavior.log_probs(TEXTS):
        rows = block.log_p[np.arange(len(block.token)), block.token].astype(float)
        for index in set(block.probe.tolist()):
            scores[index] = rows[block.probe == index].sum()
    for item, probe in zip(behavior.encoder()(TEXTS), TEXTS, strict=True):
        whole = raw.encode(probe.prompt + probe.continuation).ids
        cut = len(raw.encode(probe.prompt).ids)
        assert whole[:cut] == raw.encode(probe.prompt).ids
        assert list(item.ids) == whole
        assert item.scored == len(whole) - cut
        with torch.no_grad():
            log_p = model(torch.tensor([whole])).logits[0].double().log_softmax(-1)
        expected = sum(float(log_p[i - 1, whole[i]]) for i in range(cut, len(whole)))
        assert scores[item.index] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_where_a_token_crosses_the_cut_prompt_and_continuation_still_spell_the_text(tmp_path, kind):
    saved(tmp_path, trained(kind))
    behavior = load(tmp_path)
    tokenizer = behavior.source.tokens().tokenizer
    probes = ProbeSet("p", (Probe("word", "The cap", "ital of"), Probe("blank", "It is ", "Paris")))
    for item, probe in zip(behavior.encoder()(probes), probes, strict=True):
        scored = tokenizer.decode(list(item.ids[-item.scored :]))
        assert scored == probe.continuation
        assert tokenizer.decode(list(item.ids)).lstrip() == probe.prompt + probe.continuation


@settings(max_examples=40, deadline=None)
@given(
    st.text("aeThis \n19", min_size=1, max_size=8), st.text("aeThis \n19", min_size=1, max_size=8)
)
def test_what_stands_inside_a_text_is_decoded_to_itself(first, second):
    from transformers import PreTrainedTokenizerFast

    for kind in ("bytes", "gemma"):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained_once(kind), bos_token="<s>")
        tokens = tokens_from(tokenizer, "here")
        ids = tokens.after(first, tokens.encode(first), second)
        assert tokenizer.decode(ids) == second


MADE = {}


def trained_once(kind):
    return MADE.setdefault(kind, trained(kind))


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_only_what_goes_before_a_text_goes_before_a_probe(tmp_path, before, after):
    saved(tmp_path, trained("bytes", before, after))
    assert load(tmp_path).encoder().bos == ((1,) if before else ())


@pytest.mark.parametrize("before", [False, True])
def test_a_configuration_that_contradicts_tokenizer_json_is_noted(tmp_path, before):
    saved(tmp_path, trained("bytes", before), add_bos_token=not before)
    behavior = load(tmp_path)
    assert behavior.encoder().bos == ((1,) if before else ())
    assert f"add_bos_token={str(not before).lower()}" in " ".join(behavior.notes)
    other = load(f"{tmp_path}@bos={'off' if before else 'on'}")
    assert other.encoder().bos == (() if before else (1,))


@pytest.mark.parametrize("kind", ["GPT2Tokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast"])
def test_tokenizer_json_is_followed_whatever_class_is_named(tmp_path, kind):
    """`GPT2Tokenizer` is rebuilt from vocabulary and merges: digits would not be split."""
    from tokenizers import Tokenizer

    saved(tmp_path, trained("bytes"), tokenizer_class=kind)
    raw = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    behavior = load(tmp_path)
    for item, probe in zip(behavior.encoder()(TEXTS), TEXTS, strict=True):
        before = () if probe.prompt else (1,)
        assert item.ids == (*before, *raw.encode(probe.prompt + probe.continuation).ids)
    noted = any("as tokenizer.json has them" in note for note in behavior.notes)
    assert noted == (kind == "GPT2Tokenizer")


def test_equal_vocabularies_that_cut_texts_differently_are_not_compared(tmp_path):
    from tokenizers import pre_tokenizers

    from behaviordist.distance import distances

    one, other = trained("bytes"), trained("bytes")
    other.pre_tokenizer = pre_tokenizers.Split("o", "isolated")
    from tokenizers import Tokenizer

    other = Tokenizer.from_str(other.to_str())
    other.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("o", "isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    saved(tmp_path / "one", one)
    saved(tmp_path / "other", other)
    pair = [load(tmp_path / name) for name in ("one", "other")]
    assert pair[0].vocabulary == pair[1].vocabulary
    with pytest.raises(InputError, match="cut its continuation into different tokens"):
        distances(pair, TEXTS, "hellinger")
    assert np.isfinite(distances(pair, TEXTS, "loglik").squared).all()


def test_what_a_file_says_of_cutting_and_padding_cuts_nothing(tmp_path):
    """Tokenizers are often saved with the truncation of their last training."""
    write_llama(tmp_path / "m")
    plain = load(tmp_path / "m").scored_tokens(CUT)
    path = tmp_path / "m/tokenizer.json"
    told = json.loads(path.read_text())
    told["truncation"] = {
        "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0,
    }  # fmt: skip
    told["padding"] = {
        "strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<s>",
    }  # fmt: skip
    path.write_text(json.dumps(told))
    behavior = load(tmp_path / "m")
    assert behavior.scored_tokens(CUT) == plain
    assert sum(map(len, plain)) == len(CUT.probes[0].continuation)
    assert not any("truncat" in note for note in behavior.notes)


CUT = ProbeSet("one", (Probe("a", "Once upon", " a time there was"),))
