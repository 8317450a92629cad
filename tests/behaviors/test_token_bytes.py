"""Tokens as bytes: what they spell, for the tokenizers people have."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.behaviors import load
from behaviordist.behaviors.text.token_bytes import NO_BYTE, boundaries, first_bytes, token_bytes
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer


def byte_fallback_tokenizer(words=("▁the", "▁cat", "é", "▁"), prefix=False):
    """SentencePiece's way, as Gemma and Llama 2 have it: spaces as ▁, unknown text as bytes."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "<s>", *(f"<0x{b:02X}>" for b in range(256))]
    pieces += [*"abcdefghijklmnopqrstuvwxyz", *words]
    vocab = [(piece, -float(i % 7) - 1) for i, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    steps = [*([normalizers.Prepend("▁")] if prefix else []), normalizers.Replace(" ", "▁")]
    tokenizer.normalizer = normalizers.Sequence(steps)
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(parts)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>")


def spelled(tokenizer, text):
    known = token_bytes(tokenizer, len(tokenizer), "it")
    return [known[i] for i in tokenizer.encode(text, add_special_tokens=False)]


TOKENIZERS = {"byte-level": byte_tokenizer(), "byte fallback": byte_fallback_tokenizer()}


@pytest.mark.parametrize("kind", TOKENIZERS)
@settings(max_examples=60, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="▁<"), max_size=12))
def test_the_tokens_of_a_text_spell_it(kind, text):
    pieces = spelled(TOKENIZERS[kind], text)
    assert b"".join(pieces) == text.encode()
    starts = boundaries(pieces, text)
    assert starts == sorted(starts) and (not starts or starts[0] == 0)


def test_special_tokens_and_places_without_a_token_are_no_text():
    tokenizer = TOKENIZERS["byte-level"]
    found = first_bytes(token_bytes(tokenizer, len(tokenizer) + 3, "it"))
    assert found[[0, 1, -1, -2, -3]].tolist() == [NO_BYTE] * 5
    assert sorted(found[2:-3].tolist()) == list(range(256))


def test_a_space_of_the_tokenizers_own_begins_before_the_text():
    pieces = spelled(byte_fallback_tokenizer(prefix=True), "the cat")
    assert pieces == [b" the", b" cat"]
    assert boundaries(pieces, "the cat") == [-1, 3]


def test_a_tokenizer_that_changes_the_text_is_refused():
    with pytest.raises(InputError, match="writes b'The' as b'the'"):
        boundaries([b"the"], "The")


def test_a_tokenizer_of_words_is_refused():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"a": 0, "b": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    with pytest.raises(InputError, match="not bytes of the text .decoder none.; use --geometry"):
        token_bytes(tokenizer, 3, "it")


def test_a_behavior_knows_where_its_tokens_begin(llama):
    behavior = load(llama)
    probes = ProbeSet("two", (Probe("a", "née", " à Z"), Probe("b", "", "xyz")))
    assert behavior.boundaries(probes) == [[0, 1, 2, 3, 4], [0, 1, 2]]
    assert len(behavior.first_bytes()) == behavior.vocabulary_size
