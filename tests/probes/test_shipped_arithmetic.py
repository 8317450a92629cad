"""Every answer in the shipped set `arithmetic`, recomputed with exact fractions."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Iterator
from fractions import Fraction

from tests.probes.shipped import SETS, tagged

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
    """Yield both sides of each `a + b = c` (or `a plus b is c`), as Python expressions."""
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
