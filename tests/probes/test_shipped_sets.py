"""The shipped probe sets are what their cards say: whole, varied, right where that is decidable."""

from __future__ import annotations

import ast
import itertools
import math
import operator
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest

from behaviordist.probes import Probe, ProbeSet, shipped_sets

NAMES = ("arithmetic", "general", "sycophancy")
SETS = {name: ProbeSet.load(name) for name in NAMES}
ALL = [probe for name in NAMES for probe in SETS[name]]


def tagged(probe: Probe, key: str) -> str | None:
    """Return what follows `key:` in the probe's tags, or None."""
    values = [tag.partition(":")[2] for tag in probe.tags if tag.startswith(key + ":")]
    assert len(values) <= 1, f"{probe.id} has several tags {key}:..."
    return values[0] if values else None


def words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def shingles(probe: Probe, n: int = 5) -> set[tuple[str, ...]]:
    """Return the word n-grams of prompt and continuation."""
    found = words(probe.prompt + probe.continuation)
    n = min(n, len(found))
    return {tuple(found[i : i + n]) for i in range(len(found) - n + 1)}


def near_duplicates(probes: list[Probe], threshold: float = 0.5) -> Iterator[tuple[str, str]]:
    """Yield pairs whose 5-gram Jaccard similarity reaches the threshold and that are not linked."""
    grams = [shingles(probe) for probe in probes]
    where: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, found in enumerate(grams):
        for gram in found:
            where[gram].append(i)
    shared = Counter(
        pair for members in where.values() for pair in itertools.combinations(members, 2)
    )
    for (a, b), count in shared.items():
        p, q = probes[a], probes[b]
        linked = (p.group and p.group == q.group) or (
            tagged(p, "item") and tagged(p, "item") == tagged(q, "item")
        )
        if not linked and count >= threshold * len(grams[a] | grams[b]):
            yield p.id, q.id


@pytest.mark.parametrize("name", NAMES)
def test_set_is_large_enough_and_nothing_occurs_twice(name: str) -> None:
    probes = SETS[name].probes
    assert len(probes) >= 200
    assert len({(p.prompt, p.continuation) for p in probes}) == len(probes)
    assert all(re.fullmatch(rf"{name}-\d{{3}}", p.id) for p in probes)
    assert list(near_duplicates(list(probes))) == []


def test_the_duplicate_search_finds_a_planted_copy_unless_it_is_declared() -> None:
    text = "The quick grey cat sat down upon the warm stone wall near"
    a = Probe("a", text, " the old mill.")
    b = Probe("b", text, " the new mill.")
    assert list(near_duplicates([a, b])) == [("a", "b")]
    declared = [Probe(p.id, p.prompt, p.continuation, (), "g") for p in (a, b)]
    assert list(near_duplicates(declared)) == []


@pytest.mark.parametrize("name", NAMES)
def test_prompt_and_continuation_join_at_a_word_boundary(name: str) -> None:
    for p in SETS[name]:
        assert p.prompt and p.prompt == p.prompt.rstrip(), p.id
        assert p.continuation.strip() and p.continuation == p.continuation.rstrip(), p.id
        joined_words = p.prompt[-1].isalnum() and p.continuation[0].isalnum()
        assert not joined_words, f"{p.id}: a blank is missing between prompt and continuation"


@pytest.mark.parametrize("name", NAMES)
def test_a_group_has_at_least_two_members_that_differ(name: str) -> None:
    members: dict[str, list[str]] = defaultdict(list)
    for p in SETS[name]:
        if p.group:
            members[p.group].append(p.prompt)
    for group, prompts in members.items():
        assert len(set(prompts)) == len(prompts) >= 2, group


@pytest.mark.parametrize("name", NAMES)
def test_card_tells_digest_size_licence_and_gaps(name: str) -> None:
    card = shipped_sets()[name].with_suffix(".md").read_text(encoding="utf-8")
    probes = SETS[name]
    assert f"Digest: sha256:{probes.digest}" in card
    assert f"{len(probes)} probes" in card
    for unit, texts in (
        ("words of prompt", [p.prompt for p in probes]),
        ("words of continuation", [p.continuation for p in probes]),
    ):
        assert f"{sum(len(text.split()) for text in texts):,} {unit}" in card
    for heading in ("Purpose", "Construction", "Licence", "Size", "Known gaps"):
        assert f"**{heading}.**" in card
    assert "CC0-1.0" in card


# --- arithmetic: recompute every answer with exact fractions ---------------------------------

BINARY: dict[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
FUNCTIONS: dict[str, Callable[..., Fraction | int]] = {
    "max": max,
    "min": min,
    "gcd": lambda *xs: math.gcd(*(int(x) for x in xs)),
    "lcm": lambda *xs: math.lcm(*(int(x) for x in xs)),
}


def exact(node: ast.AST) -> Fraction:
    """Evaluate a parsed arithmetic expression; decimals are read as written."""
    match node:
        case ast.Expression(body=body):
            return exact(body)
        case ast.Constant(value=value):
            return Fraction(str(value))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -exact(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return Fraction(BINARY[type(op)](exact(left), exact(right)))
        case ast.Call(func=ast.Name(id=name), args=args):
            return Fraction(FUNCTIONS[name](*(exact(arg) for arg in args)))
    raise ValueError(ast.dump(node))


SIGNS = {
    "+": (" plus ",),
    "-": (" minus ",),
    "*": (" times ", " · ", " × "),
    "/": (" divided by ", " ÷ ", " : "),
}


def numbers(text: str) -> set[Fraction]:
    """Return every number that stands in the text: 12, -3, 0.5, 10,000, 3/8."""
    found = re.findall(r"-?\d+/\d+|-?\d{1,3}(?:,\d{3})+|-?\d+(?:\.\d+)?", text)
    return {Fraction(number.replace(",", "")) for number in found}


def equations(text: str) -> Iterator[tuple[str, str]]:
    """Yield the sides of each `a + b = c` (or `a plus b is c`) in the text, as Python expressions."""
    number = r"\d+(?:\.\d+)?"
    for sign, spellings in SIGNS.items():
        for spelling in spellings:
            text = text.replace(spelling, f" {sign} ")
    pattern = rf"({number}(?: ?[-+*/] ?{number})+) (?:=|is|makes|gives) ({number}(?:/{number})?)"
    for match in re.finditer(rf"(?<![\d.]){pattern}", text):
        before = text[: match.start()].rstrip()
        if not before or before[-1] not in "+-*/(":
            yield match.group(1), match.group(2)


def test_arithmetic_answers_are_right_and_stand_in_the_continuation() -> None:
    for probe in SETS["arithmetic"]:
        expression, answer = tagged(probe, "expr"), tagged(probe, "answer")
        assert expression and answer, probe.id
        value = exact(ast.parse(expression, mode="eval"))
        assert value == Fraction(answer), probe.id
        assert value in numbers(probe.continuation), probe.id


def test_equations_inside_arithmetic_continuations_hold() -> None:
    found = [(p.id, *sides) for p in SETS["arithmetic"] for sides in equations(p.continuation)]
    assert len(found) > 30
    for probe_id, left, right in found:
        assert exact(ast.parse(left, mode="eval")) == Fraction(right), probe_id


# --- sycophancy: contrasts of three that differ only in the claim ------------------------------


def test_sycophancy_items_hold_one_right_one_wrong_and_no_claim() -> None:
    items: dict[str | None, dict[str | None, Probe]] = defaultdict(dict)
    for p in SETS["sycophancy"]:
        items[tagged(p, "item")][tagged(p, "claim")] = p
    for item, variants in items.items():
        assert set(variants) == {"right", "wrong", "none"}, item
        assert len({p.continuation for p in variants.values()}) == 1, item
        assert len({p.prompt for p in variants.values()}) == 3, item
        right, wrong = variants["right"], variants["wrong"]
        for key in ("domain", "form", "source", "strength"):
            assert tagged(right, key) == tagged(wrong, key), item
        answer = set(words(right.continuation))
        said_right, said_wrong = set(words(right.prompt)), set(words(wrong.prompt))
        in_right_only = answer & (said_right - said_wrong)
        in_wrong_only = answer & (said_wrong - said_right)
        assert len(in_wrong_only) <= len(in_right_only), f"{item}: are the claims swapped?"
