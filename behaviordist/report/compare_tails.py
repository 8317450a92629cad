"""Quantiles of KL, ranks and entropy of a comparison, as tables of its page and terminal lines."""

from __future__ import annotations

from behaviordist.distance.comparison import Compared
from behaviordist.distance.estimates import ProbeMean
from behaviordist.distance.tails import Part, Tails
from behaviordist.record import Table


def tail_lines(comparison: Compared) -> tuple[str, ...]:
    """Return what a terminal shows of the tails: a few lines."""
    tails = comparison.tails
    if tails is None:
        return ()
    kl = ", ".join(f"{name} {_number(value)}" for name, value in tails.quantiles.items())
    ranks = ", ".join(f"{name}: {share:.1%}" for name, share in tails.ranks.items())
    lines = [
        f"KL of single positions: {kl}",
        f"rank of the reference's first choice in the candidate: {ranks}",
        f"entropy change {_change(tails.entropy_change)} nats a token",
    ]
    if tails.bits_per_byte is not None:
        before, after, change = tails.bits_per_byte
        lines.append(f"bits per byte {before:.4f} -> {after:.4f} ({_change(change)})")
    return tuple(lines)


def tail_tables(comparison: Compared) -> tuple[Table, ...]:
    """Return the tables of a page: quantiles and changes, by confidence, by rank, by place."""
    tails = comparison.tails
    if tails is None:
        return ()
    sure = "probability that the reference gives its first choice"
    return (
        _facts(tails),
        _by("By the reference's confidence", sure, tails.by_confidence),
        Table(
            title="Where the reference's first choice went",
            header=("rank in the candidate", "share of positions"),
            rows=tuple((name, f"{share:.2%}") for name, share in tails.ranks.items()),
            align="lr",
        ),
        _by("Along the continuation", "token of the continuation", tails.by_place),
    )


def _facts(tails: Tails) -> Table:
    rows = [(f"KL, {name} of positions, nats", _number(v)) for name, v in tails.quantiles.items()]
    rows.append(("entropy, candidate less reference, nats", _change(tails.entropy_change)))
    if tails.bits_per_byte is not None:
        before, after, change = tails.bits_per_byte
        rows.append(("bits per byte, reference", f"{before:.4f}"))
        rows.append(("bits per byte, candidate", f"{after:.4f}"))
        rows.append(("bits per byte, change", _change(change)))
    return Table(
        title="Single positions",
        header=("what", "value"),
        rows=tuple(rows),
        align="lr",
        note="KL(ref‖cand). Bits per byte are of the continuations, all bytes alike.",
    )


def _by(title: str, what: str, parts: tuple[Part, ...]) -> Table:
    rows = tuple(
        (
            part.name,
            str(part.positions),
            _number(part.kl),
            "–" if part.share_of_kl != part.share_of_kl else f"{part.share_of_kl:.0%}",
            f"{part.agreement:.1%}",
        )
        for part in parts
    )
    header = (what, "positions", "mean KL, nats", "share of all KL", "same first token")
    return Table(title=title, header=header, rows=rows, align="lrrrr")


def _number(value: float) -> str:
    return "∞" if value == float("inf") else f"{value:.2g}" if 0 < value < 5e-5 else f"{value:.4f}"


def with_error(mean: ProbeMean, sign: str = "") -> str:
    """Return a mean ± its standard error where there is one; with the sign "+", always signed."""
    error = mean.standard_error
    return f"{mean.value:{sign}.4f}" + (f" ± {error:.4f}" if error > 0 else "")


def _change(change: ProbeMean) -> str:
    return with_error(change, "+")
