"""What a study found: a headline, claims with their verdicts, facts, and sections of blocks."""

from __future__ import annotations

from behaviordist.record.blocks import Fact, Section
from behaviordist.record.claims import Claim
from behaviordist.record.estimate import Part


class Findings(Part):
    """All that a study's page shows.

    Attributes
    ----------
    headline
        The answer to the study's question in one sentence.
    more
        Sentences that follow it, set smaller.
    claims
        The first is the study's main claim and colours the page; none where nothing is tested.
    facts
        To see at first glance.
    lead
        Sections to see first, above the claims.
    sections
        In reading order.
    """

    headline: str
    more: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    facts: tuple[Fact, ...] = ()
    lead: tuple[Section, ...] = ()
    sections: tuple[Section, ...] = ()
