"""A token in its context: where in a probe's text it stands."""

from __future__ import annotations

from collections.abc import Sequence

from behaviordist.probes import Probe


def split_at_token(probe: Probe, pieces: Sequence[str]) -> tuple[str, str, str] | None:
    """Return a probe's text before a token, the token's own, and what follows it.

    Parameters
    ----------
    probe
        The prompt stands before its continuation.
    pieces
        Texts of the continuation's tokens, up to and with the one that is meant. Blanks between
        them may be missing, as tokenizers that write them apart have it.

    Returns
    -------
    None where the pieces do not stand in the continuation one after the other (half characters,
    positions that were left out), or there are none: nothing is marked that is not known.

    Examples
    --------
    >>> from behaviordist.probes import Probe
    >>> split_at_token(Probe("a", "2 + 2 =", " four, of course"), [" four", ","])
    ('2 + 2 = four', ',', ' of course')
    """
    text, end, start = probe.continuation, 0, -1
    for piece in pieces:
        start = text.find(piece, end) if piece else -1
        if start < 0 or text[end:start].strip():
            return None
        end = start + len(piece)
    if start < 0:
        return None
    return probe.prompt + text[:start], text[start:end], text[end:]
