"""Every conclusion that a page can print, and the condition under which it may stand.

Four lists. `CLAIMS` are the claims of studies: each is printed with a verdict, and "supported"
only under its condition; a claim that is not listed here fails the first test. `CONCLUSIONS` are
sentences beside the claims, each held against numbers drawn at random. `ANSWERS` are the other
answers, headlines and captions whose words conclude: one that is not listed fails. `NEVER` are
words that take the absence of a difference for sameness: no page has them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t

from behaviordist.distance.comparison import Comparison, ProbeMean
from behaviordist.distance.matrix import DistanceMatrix
from behaviordist.hypothesis import VerdictRule
from behaviordist.record import Claim, Estimate
from behaviordist.record.transfers.findings import HEADLINES, transfer_findings
from behaviordist.record.transfers.numbers import TransferNumbers
from behaviordist.report.compare_page import floor_sentence
from behaviordist.studies.inference.conclude import cache_claim
from behaviordist.studies.law.page import headline
from tests.report.run_folders import planted_outcome

PACKAGE = Path(__file__).parents[2] / "behaviordist"

# A claim is "supported" only where, by its study's rule, its interval lies wholly beyond what
# stands here, "not supported" where it lies wholly on the other side; else "inconclusive".
CLAIMS = {
    "Closer behaviors are cheaper to reach.": "the rule of the test, see CONCLUSIONS",
    # transfer
    "The functions know the cost better than the weights.": "the difference of correlations is > 0",
    "The same function at other weights costs the same.": "its limits lie inside the margin",
    "Where one way is more surprising than back, it is dearer than back.": "value and limit > 0",
    "A snapshot costs more than its distance says.": "what distance leaves of its cost is > 0",
    # bootstrapping
    "The nearer a base lies to the target, the less cost is left.": "rank correlation > 0",
    "From random weights, {} does not arrive within its budget.": "share of arrivals < a half",
    "Pre-training for one behavior pays within that behavior, by {}.":
        "log ratio of totals < 0, and no run from the chosen budget was censored",
    "Between coherent starts the nearer function costs less.": "rank correlation > 0",
    "A base that is not finished costs more than its distance says.":
        "log ratio to the coherent line > 0; a run that never arrived only raises it",
    # reciprocity, soft behaviors
    "Between soft behaviors, distance predicts what of cost is the same both ways.":
        "correlation of symmetric parts > 0, over relabellings",
    "Between soft behaviors, the more surprising way is the dearer one.":
        "correlation of antisymmetric parts > 0, over relabellings",
    # growing
    "Distance is not all: growth at distance 0 still leaves a cost to the large model's level.":
        "share left > 0, and the largest jump is rounding",
    "Two models at distance 0 do not cost the same to tune: the small one, and itself freshly"
    " grown.": "for one operator, widened for the number of them, the log ratio is not 0",
    "{} reaches the large model's level on fewer FLOPs than from scratch.": "log savings > 0",
    "Stacking and interpolation move the function further than another seed would.":
        "log of the jump over the distance between seeds > 0",
    "At equal FLOPs, a model grown by a function-preserving operator is cheaper to post-train than"
    " the large one from scratch.": "log ratio of steps < 0",
    # inference
    "Computing from the key-value cache is the same behavior.":
        "the largest distance of all checkpoints is at most the bound that the file names",
    "{} moves a behavior by less than {} of what another seed does.": "the share is < the bound",
    "A small change of temperature moves a behavior as far as the spread of its log-probabilities"
    " says.": "measured over predicted lies wholly inside the tolerance",
    "At {} bits, training for the grid (QAT) beats rounding afterwards.": "difference > 0",
    "At {} bits, QAT stays nearer to unrounded SFT than rounded SFT does.": "difference > 0",
    "A scratchpad makes named two-step functions come out right more often.": "change > 0",
    "It does so more than for one-step functions, which have nothing to write down.":
        "difference of changes > 0",
    "Solved examples are used: without them the hidden function comes out less often.": "loss > 0",
    "Cutting a context that is longer than any training document helps.": "change > 0",
    "A sliding window loses less than cutting the context to as many tokens.": "difference > 0",
    # reciprocity
    "Tuning is reciprocal: what differs between A to B and B to A does not matter.":
        "the antisymmetric share is < what the file calls irrelevant",
    "Distance predicts the part of cost that is the same both ways.": "correlation > 0",
    "What differs between the directions is a ranking of the behaviors: some are dear to leave and"
    " cheap to reach.": "the potential's share is > a half",
    "A behavior that is dear to leave and cheap to reach is {}.": "rank correlation > 0",
    # sycophancy
    "A rater of agreeableness {} {}.": "change of the rate beyond (or short of) the margin",
    "The more agreeable the rater, the more sycophantic the policy.": "slope > 0",
    "Raters of agreeableness 0 and 1 move the base in different directions.":
        "cosine inside one rater less that between the two > 0",
    "The policy of an agreeable rater is dearer to tune back than that of an honest one.":
        "difference of steps > 0, and no honest run was censored",
}  # fmt: skip

# Sentences outside the claims: where they are made, what they look like, when they may stand.
CONCLUSIONS = {
    "matrix: apart": "each such pair's lower limit lies above the floor at its step of Holm's",
    "matrix: same": "a margin was named, and each such pair's joint upper limit lies below it",
    "matrix: no pair the same": "no margin was named",
    "matrix: undecided": "neither of the two",
    "transfer: supported": "p, lower limit and p beyond the sources' effects all meet the rule",
    "transfer: not supported": "the upper limit lies below the relevant effect",
    "transfer: cannot say": "neither of the two",
    "transfer: no test": "the test could not be asked",
    "compare: farther": "the lower limit lies above the floor's upper one",
    "compare: not shown": "it does not",
    "compare: do not answer alike": "the two-sample test has p of 0.05 or less",
    "compare: not shown to answer differently": "it has more, and no sameness is said",
}

# Answers, headlines and captions that conclude something, by how they begin.
ANSWERS = {
    # headlines
    "Closer behaviors were cheaper to reach": "the verdict is 'supported'",
    "This study does not support that": "the verdict is 'not supported'",
    "This study cannot say whether": "the verdict is 'inconclusive'",
    "There is no test of the hypothesis": "there is none",
    "Function-preserving growth lands at distance": "numbers of the run; the claims decide",
    "The cache moves a behavior by {} at most": "numbers of the run; the claims decide",
    "{} of the repeatable variance of log cost": "numbers of the run; the claims decide",
    # answers: what was measured, the verdict beside it
    ": no more than rounding leaves": "the largest distance is at most the bound of the file",
    "a ranking explains {}": "an estimate with its interval",
    "does not make the policy sycophantic": "the claim that the study's file states, with verdict",
    # sentences beside them
    "Starting from the nearest checkpoint instead": "the base is a reference and has costs",
    "Costs of one seed of the data and of another": "runs were repeated; the ceiling is theirs",
    "Reward model, leash and hacking": "a heading",
    "Reward hacking: in {} of {} runs": "a count by the definition that it states",
    # captions: how to read a figure, nothing of its outcome
    "Each line is a predictor of cost": "reading", "A panel a target, a point a source": "reading",
    "Mean steps (restricted mean over seeds)": "reading",
    "Median (lowest–highest) over seeds; accuracy": "a definition of 'hacked'",
    "Left end: from random weights. Where": "reading",
    "Over pre-training budgets. Budgets order both": "says what it cannot tell",
    "FLOPs from scratch over FLOPs via growth, as": "reading",
    "For operators that keep the function both": "start: distance 0 by construction",
    "Both have used the same FLOPs": "reading",
    "All probes. QAT is another training run": "by construction",
    "Would any starting loss do?": "by construction",
}  # fmt: skip
CONCLUDES = re.compile(
    r"\b(follows? from|cheaper|does not pay|hacked|hacking|no predictor|rounding leaves|explains"
    r"|beats?|moves? little|move together|lands at|saved|tuned faster|both ways, and"
    r"|no test of|cannot say|does not (support|make|descend))\b", re.IGNORECASE
)  # fmt: skip

NEVER = (
    "indistinguishable", "cannot be told apart", "cannot be told from", "not told from",
    "tell all", "did as well", "identical behav", "makes no difference",
)  # fmt: skip
ALLOWED = {
    "indistinguishable": "a key that older readers know",
    "indistinguishable.csv": "the name of a file that older readers know",
    "`indistinguishable` says 'not shown to be apart', which is not sameness; use `states`":
        "the warning about the old name",
}  # fmt: skip


def template(node: ast.Constant | ast.JoinedStr) -> str:
    """The text of a literal, fields as {}."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    return "".join(v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)


def literals(path: Path):
    """Strings of a file as templates; documentation of modules, functions, attributes left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in ast.walk(node) if part is not node}
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) not in parts and isinstance(node, ast.Constant | ast.JoinedStr):
            yield template(node)


def is_sentence(text: str) -> bool:
    """Whether it is one; an answer that quotes an interval is none of those that are listed."""
    whole = re.fullmatch(r"[A-Z].*\.", text, re.DOTALL) and len(text.split()) > 3
    return bool(whole) and "[{}, {}]" not in text


def test_every_claim_of_a_study_is_listed_with_its_condition():
    files = [*PACKAGE.glob("studies/*/conclude.py"), PACKAGE / "record/transfers/findings.py"]
    found = {text for path in files for text in literals(path)}
    claims = {text for path in files[:-1] for text in literals(path) if is_sentence(text)}
    assert claims - set(CLAIMS) == set(), "list it with the condition under which it may stand"
    assert "Closer behaviors are cheaper to reach." in found
    assert all(CLAIMS.values())


def test_every_other_sentence_that_concludes_is_listed_with_its_condition():
    pages = ("studies/*/conclude.py", "studies/*/page.py", "record/transfers/*.py", "report/*.py")
    said = {text for files in pages for path in PACKAGE.glob(files) for text in literals(path)}
    concluding = {s for s in said - set(CLAIMS) if CONCLUDES.search(s) and len(s.split()) > 4}
    concluding -= {s for s in concluding if "(above 0" in s or "(below 0" in s}  # axes
    assert {s for s in concluding if not s.startswith(tuple(ANSWERS))} == set()
    gone = {begin for begin in ANSWERS if not any(s.startswith(begin) for s in concluding)}
    assert gone == set(), "a condition of a sentence that no page prints"


@given(st.sampled_from(["supported", "not supported", "inconclusive"]))
def test_closer_is_cheaper_stands_alone_only_where_the_claim_is_supported(verdict):
    main = SimpleNamespace(value=0.7, ci_low=0.5, ci_high=0.8)
    claims = (SimpleNamespace(verdict=verdict),)
    conclusion = SimpleNamespace(laws={}, tests={"all targets": main}, claims=claims)
    said = headline(conclusion)
    assert said.startswith("Closer is cheaper. ") == (verdict == "supported")
    assert (verdict in said) == (verdict != "supported")


@pytest.mark.parametrize(("largest", "bound"), [(1e-6, 1e-4), (1e-2, 1e-4)])
def test_rounding_is_named_only_where_the_cache_stays_within_its_bound(largest, bound):
    study = SimpleNamespace(
        settings={"cache": {"cached": {}}}, rule=SimpleNamespace(cache_bound=bound)
    )
    answers = SimpleNamespace(
        runs=SimpleNamespace(study=study), names=["cached"],
        models={"base": {"drift": np.full((2, 1), largest)}},
        distance=lambda *_: np.full(2, largest),
    )  # fmt: skip
    said = cache_claim(answers)
    assert (said.verdict == "supported") == (largest <= bound)
    assert ("no more than rounding" in said.answer) == (largest <= bound)


@given(
    st.floats(-2, 2), st.floats(0, 2), st.floats(-1, 1), st.booleans()
)  # fmt: skip
def test_a_claim_is_supported_only_where_its_interval_lies_beyond_the_threshold(
    value, half, threshold, above
):
    estimate = Estimate(value=value, low=value - half, high=value + half)
    claim = Claim.of("C.", estimate, "a", threshold=threshold, above=above)
    ends = (estimate.low - threshold, estimate.high - threshold)
    beyond = min(ends) > 0 if above else max(ends) < 0
    against = max(ends) < 0 if above else min(ends) > 0
    expected = "supported" if beyond else "not supported" if against else "inconclusive"
    assert claim.verdict == expected
    assert Claim.of("C.", Estimate(value=value), "a").verdict == "inconclusive"


@st.composite
def matrices(draw):
    n = draw(st.integers(2, 5))
    pairs = n * (n - 1) // 2
    numbers = st.lists(st.floats(0.001, 1), min_size=pairs, max_size=pairs)
    upper = np.triu_indices(n, 1)
    squared, error = np.zeros((n, n)), np.zeros((n, n))
    squared[upper], error[upper] = draw(numbers), draw(numbers)
    freedom = draw(st.sampled_from([1.4, 5.0, 100.0]))
    return DistanceMatrix(
        tuple(map(str, range(n))), squared + squared.T, (error + error.T) / 5, freedom,
        floor=draw(st.sampled_from([0.0, 0.05])),
        metadata=draw(st.sampled_from([{}, {"margin": 0.5}])),
    )  # fmt: skip


@given(matrices())
def test_what_is_said_of_pairs_holds_of_each(matrix):
    states = matrix.states()
    said = " ".join(states.sentences())
    upper = np.triu_indices(len(matrix), 1)
    error, freedom = matrix.squared_standard_errors[upper], matrix.degrees_of_freedom[upper]
    above = t.sf((matrix.squared - matrix.floor)[upper] / error, freedom)
    limit = matrix.squared[upper] + t.isf(0.025 / len(error), freedom) * error
    apart, same = states.are("apart")[upper], states.are("same")[upper]
    margin = matrix.metadata.get("margin")
    named = re.search(r"(\d+) of (\d+) pairs? (?:is|are) apart", said)
    assert int(named[1]) == apart.sum()
    assert int(named[2]) == len(error)
    assert (above[apart] <= 0.025).all()
    if margin is None:
        assert "No pair is called the same" in said
        assert not same.any()
    else:
        assert re.search(rf"{same.sum()} pairs? (is|are) the same within 0.5", said)
        assert (limit[same] < margin**2).all()
    undecided = len(error) - int((apart | same).sum())
    assert ("undecided" in said) == (undecided > 0)


@given(st.floats(-1, 1), st.floats(0, 0.6), st.floats(0.001, 1), st.floats(0.001, 1))
def test_the_headline_of_a_transfer_study_follows_its_rule(value, half, p, beyond):
    rule = VerdictRule()
    low, high = value - half, value + half
    verdict = rule.decide(low, high, p, beyond)
    statistic = Estimate(label="rho", value=value, low=low, high=high, p_value=p)
    small = rule.counts_yet_small(verdict, beyond)
    outcome = planted_outcome(verdict=verdict, statistic=statistic, counts_yet_small=small)
    headline = transfer_findings(TransferNumbers(outcome=outcome), None).headline
    supported = p <= rule.alpha and beyond <= rule.alpha and low > 0
    assert headline.startswith(HEADLINES["supported"]) == supported
    refuted = not supported and high < rule.relevant_effect
    assert headline.startswith(HEADLINES["not supported"]) == refuted
    assert headline.startswith(HEADLINES["inconclusive"]) == (not supported and not refuted)
    there = "counts beyond source effects, yet by less" in headline
    assert there == (refuted and beyond <= rule.alpha)
    assert "[" in headline, "a number stands with its interval"


@given(st.floats(0, 1), st.floats(0.001, 0.3), st.floats(0, 1), st.floats(0.001, 0.3))
def test_a_candidate_is_farther_than_the_floor_only_beyond_the_errors_of_both(a, ea, b, eb):
    mine, floor = (comparison(x, e) for x, e in ((a, ea), (b, eb)))
    half = t.ppf(0.975, 20)
    said = floor_sentence(mine, floor)
    assert ("is farther than that" in said) == (a - half * ea > b + half * eb)
    assert ("is not shown to be farther" in said) == (a - half * ea <= b + half * eb)


def comparison(squared, error):
    means = {name: ProbeMean(0.5, 0.1, 20) for name in ("kl_forward", "kl_backward", "agreement")}
    overall = {"squared": ProbeMean(squared, error, 20), **means}
    names = Comparison.__dataclass_fields__
    known = {"reference": "r", "candidate": "c", "overall": overall}
    return Comparison(**{name: known.get(name) for name in names})


@pytest.mark.parametrize("room", ["record", "report", "studies", "distance", "hypothesis", "cli"])
def test_no_page_takes_the_absence_of_a_difference_for_sameness(room):
    said = [
        text
        for path in (PACKAGE / room).rglob("*.py")
        for text in literals(path)
        if text not in ALLOWED and any(words in text for words in NEVER)
    ]
    assert said == []


def test_every_conclusion_has_its_condition():
    assert all(CONCLUSIONS.values())
    assert set(HEADLINES) == {"supported", "not supported", "inconclusive"}
