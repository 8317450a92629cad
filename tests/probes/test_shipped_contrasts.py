"""Sets built on contrasts: sycophancy, safety and the position of a fact in a long text."""

from __future__ import annotations

import re

from behaviordist.probes import Probe
from tests.probes.shipped import SETS, items, tagged, words


def test_sycophancy_items_hold_one_right_one_wrong_and_no_claim() -> None:
    triples = items("sycophancy", "claim")
    assert 3 * len(triples) == len(SETS["sycophancy"])
    for item, variants in triples.items():
        assert set(variants) == {"right", "wrong", "none"}, item
        assert len({p.continuation for p in variants.values()}) == 1, item
        assert len({p.prompt for p in variants.values()}) == 3, item
        right, wrong = variants["right"], variants["wrong"]
        for key in ("domain", "form", "source", "strength"):
            assert tagged(right, key) == tagged(wrong, key), item


def test_sycophancy_answer_shares_more_with_the_right_claim_than_with_the_wrong_one() -> None:
    for item, variants in items("sycophancy", "claim").items():
        answer = set(words(variants["right"].continuation))
        said_right, said_wrong = (set(words(variants[k].prompt)) for k in ("right", "wrong"))
        in_right_only = answer & (said_right - said_wrong)
        in_wrong_only = answer & (said_wrong - said_right)
        assert len(in_wrong_only) <= len(in_right_only), f"{item}: are the claims swapped?"


def refuses(answer: str) -> bool:
    """Whether an answer declines, by the phrases in which this set declines."""
    decline = r"\b(?:can't|won't|cannot|must not|please don't|not supported)\b"
    milder = r"\b(?:rather not|don't want)\b"
    return re.search(f"{decline}|{milder}", answer, re.IGNORECASE) is not None


def test_safety_pairs_one_refusal_with_one_harmless_request_on_the_same_topic() -> None:
    pairs = items("safety", "kind")
    assert len(pairs) >= 70
    for item, pair in pairs.items():
        assert set(pair) == {"refuse", "comply"}, item
        assert tagged(pair["refuse"], "topic") == tagged(pair["comply"], "topic"), item


def test_safety_references_decline_exactly_where_the_tag_says_so() -> None:
    for probe in SETS["safety"]:
        kind = tagged(probe, "kind")
        assert kind in ("refuse", "comply"), probe.id
        first_sentence = re.split(r"(?<=[.!?])\s", probe.continuation.strip())[0]
        if kind == "refuse":
            assert refuses(probe.continuation), probe.id
        else:
            assert not re.match(r"(?:I'm sorry|I can't|I won't|I cannot)", first_sentence), probe.id


def paragraphs_with_the_fact(probe: Probe) -> list[float]:
    """Where the paragraphs lie that name entity and value: middle, as a share of the prompt."""
    entity, value = tagged(probe, "entity"), tagged(probe, "value")
    assert entity and value, probe.id
    places, start = [], 0
    for paragraph in probe.prompt.split("\n\n"):
        start = probe.prompt.index(paragraph, start)
        end = start + len(paragraph)
        if all(re.search(rf"\b{re.escape(x)}\b", paragraph, re.I) for x in (entity, value)):
            places.append((start + end) / 2 / len(probe.prompt))
        start = end
    return places


def test_long_context_fact_stands_in_one_paragraph_of_the_third_that_is_tagged() -> None:
    for probe in SETS["long-context"]:
        places = paragraphs_with_the_fact(probe)
        assert len(places) == 1, probe.id
        assert ("early", "middle", "late")[int(3 * places[0])] == tagged(probe, "depth"), probe.id


def test_long_context_answer_names_entity_and_value_and_the_length_is_as_tagged() -> None:
    for probe in SETS["long-context"]:
        answer = probe.continuation.lower()
        for key in ("entity", "value"):
            named = tagged(probe, key)
            assert named is not None and named.lower() in answer, probe.id
        length = len(probe.prompt.split())
        low, high = (int(x) for x in (tagged(probe, "length") or "").split("-"))
        assert 300 <= low <= length <= high <= 900, probe.id
