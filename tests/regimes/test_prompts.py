"""What is asked: claims are right as often as declared, and else another function's answer."""

from __future__ import annotations

import numpy as np

from behaviordist.lab import grammar
from behaviordist.lab.functions import function
from behaviordist.regimes.declaration import Convergence, Regime
from behaviordist.regimes.evaluation import evaluation_documents
from behaviordist.regimes.prompts import NOBODY, ask, documents, other_answers

REGIME = Regime(
    algorithm="sft", task="reverse", functions=("copy", "reverse", "rotate"), budget=5,
    batch_size=8, learning_rate=0.01, prompts="claim", claims_right=0.3,
    convergence=Convergence(at_least=0.9, strings=32),
)  # fmt: skip
STRINGS = grammar.training_strings(np.random.default_rng(0), 4000)


def test_claims_are_right_as_often_as_declared_and_else_another_functions_answer():
    questions = ask(REGIME, np.random.default_rng(1), STRINGS)
    palindromes = (STRINGS[:, ::-1] == STRINGS).all(axis=1)
    share = 1 - questions.wrong[~palindromes].mean()
    assert abs(share - 0.3) < 4 * np.sqrt(0.3 * 0.7 / (~palindromes).sum())
    said = grammar.strings_of(questions.claimed[questions.wrong][:, :-1])
    x = STRINGS[questions.wrong]
    others = [function(name).apply(x) for name in ("copy", "rotate")]
    assert np.any([(said == other).all(axis=1) for other in others], axis=0).all()
    assert (questions.right == grammar.documents("reverse", STRINGS, hidden=True)[:, 8:]).all()


def test_a_claim_document_reads_as_the_grammar_says():
    questions = ask(REGIME, np.random.default_rng(1), STRINGS[:1])
    text = grammar.decode(documents(questions, questions.right)[0]).split()
    assert text[0] == "?" and text[6] == "says" and text[12:14] == ["so", "="]
    assert text[14:19] == text[5:0:-1] and text[19] == "<eos>"


def test_another_answer_differs_wherever_some_function_does():
    answers = other_answers(REGIME, np.random.default_rng(2), STRINGS)
    right = function("reverse").apply(STRINGS)
    same = (answers == right).all(axis=1)
    could = [(function(f).apply(STRINGS) != right).any(axis=1) for f in ("copy", "rotate")]
    np.testing.assert_array_equal(~same, np.any(could, axis=0))


def test_plain_questions_have_no_claim_and_leave_the_generator_alone():
    rng = np.random.default_rng(3)
    questions = ask(REGIME.model_copy(update={"prompts": "plain"}), rng, STRINGS)
    assert (questions.claimed == NOBODY).all() and not questions.wrong.any()
    assert rng.random() == np.random.default_rng(3).random()


def test_evaluation_asks_with_claims_about_held_out_strings():
    found = evaluation_documents(REGIME)
    assert found.shape == (32, grammar.KIND_LENGTHS["claim"])
    assert grammar.is_held_out(grammar.strings_of(found[:, 2:7])).all()
