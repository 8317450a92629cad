"""The shipped probe sets: large enough, nothing twice, cards that tell the truth."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from behaviordist.probes import Probe, shipped_sets
from tests.probes.shipped import NAMES, SETS, tagged, words


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
