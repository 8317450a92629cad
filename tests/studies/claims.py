"""Claims are asked for by their words, never by their position on the page."""

from __future__ import annotations


def claim_of(claims, words):
    """Return the one claim that has these words."""
    (claim,) = [claim for claim in claims if words in claim.claim]
    return claim


def verdict_of(claims, words):
    """Return the verdict of the one claim that has these words."""
    return claim_of(claims, words).verdict
