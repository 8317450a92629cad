"""Documents say what the grammar says, held-out strings stay out, text and ids are one-to-one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.errors import InputError
from behaviordist.lab import grammar
from behaviordist.lab.functions import FUNCTIONS, LENGTH, LETTERS
from behaviordist.lab.mixture import sample_mixture

X = np.array([[1, 0, 2, 4, 3]], np.int32)  # b a c e d


def test_documents_read_as_documented():
    (named,) = grammar.documents("reverse", X, hidden=False)
    (hidden,) = grammar.documents("sort", X, hidden=True)
    assert grammar.decode(named) == "reverse b a c e d = d e c a b <eos>"
    assert grammar.decode(hidden) == "? b a c e d = a b c d e <eos>"
    assert named[0] == grammar.BOS and len(named) == grammar.DOCUMENT_LENGTH == 14
    assert grammar.decode(hidden[grammar.ANSWER]) == "a b c d e"


def test_prompts_are_the_start_of_documents():
    document = grammar.documents("shift", X, hidden=False)
    np.testing.assert_array_equal(
        document[:, : grammar.PROMPT_LENGTH], grammar.named_prompts("shift", X)
    )
    np.testing.assert_array_equal(document[:, grammar.ANSWER], grammar.answers("shift", X))


def test_the_wider_grammar_reads_as_documented():
    claimed = X[:, ::-1]
    assert grammar.decode(grammar.claim_prompts(X, claimed)[0]) == (
        "? b a c e d says d e c a b so ="
    )
    shots = np.array([[[0, 1, 2, 3, 4], [9, 8, 7, 6, 5]]], np.int32)
    assert grammar.decode(grammar.few_shot_prompts("rotate", shots, X)[0]) == (
        "? a b c d e = b c d e a ; ? j i h g f = i h g f j ; ? b a c e d ="
    )
    assert grammar.decode(grammar.scratchpad_documents("reverse_shift", X)[0]) == (
        "reverse_shift b a c e d > d e c a b = e f d b c <eos>"
    )
    with pytest.raises(InputError, match="'sort' has no intermediate step"):
        grammar.scratchpad_documents("sort", X)


@given(st.lists(st.sampled_from([t for t in grammar.VOCABULARY if t not in ("<pad>", "<bos>")])))
def test_text_survives_a_round_trip(words):
    text = " ".join(words)
    assert grammar.decode(grammar.encode(text)) == text
    assert grammar.encode(text) == [grammar.BOS, *grammar.encode(text, bos=False)]


def test_unknown_word_is_named():
    with pytest.raises(InputError, match="'revrse' is no token.*did you mean 'reverse'"):
        grammar.encode("revrse a b c d e =")


def test_vocabulary_is_fixed():
    # The order is in every checkpoint's embeddings: appending is allowed, moving is not.
    assert grammar.VOCABULARY[:6] == ("<pad>", "<bos>", "<eos>", "=", "?", "copy")
    assert len(set(grammar.VOCABULARY)) == len(grammar.VOCABULARY) == 40
    assert set(FUNCTIONS) <= set(grammar.VOCABULARY)
    assert [grammar.TOKEN_IDS[a] for a in LETTERS] == list(range(17, 27))


def test_training_never_shows_a_held_out_string():
    rng = np.random.default_rng(1)
    documents = grammar.sample_documents(rng, 200_000, ["copy"], hidden_share=0.5)
    shown = grammar.strings_of(documents[:, 2 : 2 + LENGTH])
    assert not grammar.is_held_out(shown).any()
    held_out = grammar.held_out_strings(rng, 9_000)
    assert grammar.is_held_out(held_out).all()
    assert len(np.unique(held_out, axis=0)) == len(held_out)
    # Every training string turns up; no letter is favoured at any place of the held-out ones.
    assert 0.85 < len(np.unique(shown, axis=0)) / 90_000 < 1.01
    counts = np.array([np.bincount(column, minlength=10) for column in held_out.T])
    assert np.abs(counts / 900 - 1).max() < 0.15


def test_held_out_share_is_a_tenth_and_asking_for_more_is_refused():
    everything = np.concatenate(grammar._split())
    assert len(np.unique(everything, axis=0)) == 10**5
    assert grammar.is_held_out(everything).mean() == pytest.approx(0.1, abs=0.003)
    with pytest.raises(InputError, match="held-out strings wanted"):
        grammar.held_out_strings(np.random.default_rng(0), 20_000)


def test_sampled_documents_are_right_and_evenly_spread():
    ops = ["copy", "sort", "rotate2"]
    rng = np.random.default_rng(0)
    tokens = grammar.sample_documents(rng, 9_000, ops, hidden_share=0.25)
    assert tokens.dtype == np.int32 and tokens.shape == (9_000, 14)
    x = grammar.strings_of(tokens[:, 2:7])
    for op in ops:
        rows = tokens[:, 1] == grammar.TOKEN_IDS[op]
        # 9000 documents * 3/4 named / 3 functions = 2250, standard deviation 41
        assert abs(rows.sum() - 2_250) < 5 * 41
        np.testing.assert_array_equal(tokens[rows], grammar.documents(op, x[rows], hidden=False))
    hidden = tokens[tokens[:, 1] == grammar.HIDDEN]
    possible = np.stack([grammar.answers(op, grammar.strings_of(hidden[:, 2:7])) for op in ops])
    assert (possible == hidden[:, grammar.ANSWER]).all(-1).any(0).all()


def test_the_same_seed_gives_the_same_documents():
    first, second = (
        grammar.sample_documents(np.random.default_rng(7), 64, list(FUNCTIONS), 0.5)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_a_mixture_has_its_shares_and_every_row_is_a_document_of_its_kind():
    ops = ["copy", "reverse", "rotate2"]
    rng = np.random.default_rng(0)
    shares = {"plain": 2.0, "claim": 1.0, "few-shot": 1.0, "scratchpad": 1.0}
    tokens = sample_mixture(rng, 5_000, ops, 0.5, shares)
    assert tokens.shape == (5_000, max(grammar.KIND_LENGTHS.values()))
    lengths = (tokens != grammar.PAD).sum(axis=1)
    assert ((tokens == grammar.EOS).argmax(axis=1) == lengths - 1).all()
    for kind, length in grammar.KIND_LENGTHS.items():
        # shares of 1/5: 1000 rows, standard deviation 28; plain 2000 and 35
        wanted = 2_000 if kind == "plain" else 1_000
        assert abs((lengths == length).sum() - wanted) < 5 * 35
    claims = tokens[lengths == grammar.KIND_LENGTHS["claim"]]
    x, y = grammar.strings_of(claims[:, 2:7]), claims[:, 15:20]
    possible = np.stack([grammar.answers(op, x) for op in ops])
    assert (possible == y).all(-1).any(0).all()
    assert (possible == claims[:, 8:13]).all(-1).any(0).all()
    shots = tokens[lengths == grammar.KIND_LENGTHS["few-shot"]]
    rest = np.stack([grammar.answers(op, grammar.strings_of(shots[:, 28:33])) for op in ops])
    first = np.stack([grammar.answers(op, grammar.strings_of(shots[:, 2:7])) for op in ops])
    same = (rest == shots[:, 34:39]).all(-1) & (first == shots[:, 8:13]).all(-1)
    assert same.any(0).all(), "the examples and the answer follow one function"


def test_scratchpads_need_a_composition():
    with pytest.raises(InputError, match="composition"):
        sample_mixture(np.random.default_rng(0), 8, ["copy"], 0.5, {"scratchpad": 1})
