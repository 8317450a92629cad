"""Every reference answer of the shipped set `format` has the form that its tag demands."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from datetime import datetime
from xml.etree import ElementTree

import pytest

from tests.probes.shipped import SETS, tagged

Check = Callable[[str, str], bool]


def split_shape(argument: str) -> tuple[int, int]:
    rows, columns = argument.split("x")
    return int(rows), int(columns)


def json_object(answer: str, keys: str) -> bool:
    value = json.loads(answer)
    return isinstance(value, dict) and list(value) == keys.split(",")


def json_array(answer: str, n: str) -> bool:
    value = json.loads(answer)
    return isinstance(value, list) and len(value) == int(n)


def bullets(answer: str, n: str) -> bool:
    lines = answer.split("\n")
    return len(lines) == int(n) and all(re.fullmatch(r"- \S.*", line) for line in lines)


def numbered(answer: str, n: str) -> bool:
    lines = answer.split("\n")
    in_order = (line.startswith(f"{i}. ") for i, line in enumerate(lines, start=1))
    return len(lines) == int(n) and all(in_order)


def csv_table(answer: str, shape: str) -> bool:
    rows, columns = split_shape(shape)
    table = list(csv.reader(io.StringIO(answer), strict=True))
    return len(table) == rows and all(len(row) == columns for row in table)


def markdown_table(answer: str, shape: str) -> bool:
    rows, columns = split_shape(shape)
    header, rule, *body = [line.strip("| ").split(" | ") for line in answer.split("\n")]
    widths = {len(header), len(rule), *(len(row) for row in body)}
    return len(body) + 1 == rows and widths == {columns} and set("".join(rule)) == {"-"}


def comma(answer: str, n: str) -> bool:
    parts = answer.split(", ")
    return len(parts) == int(n) and len(set(parts)) == len(parts) and "\n" not in answer


def comma_sorted(answer: str, n: str) -> bool:
    return comma(answer, n) and answer.split(", ") == sorted(answer.split(", "))


def key_value(answer: str, keys: str) -> bool:
    found = [line.partition(": ") for line in answer.split("\n")]
    return [key for key, _, _ in found] == keys.split(",") and all(value for _, _, value in found)


def dated(answer: str, pattern: str) -> bool:
    return datetime.strptime(answer, pattern).strftime(pattern) == answer


CHECKS: dict[str, tuple[str, Check]] = {
    "json": ("keys", json_object),
    "json-array": ("n", json_array),
    "bullets": ("n", bullets),
    "numbered": ("n", numbered),
    "words": ("n", lambda answer, n: len(answer.split()) == int(n)),
    "lines": ("n", lambda answer, n: len(answer.split("\n")) == int(n)),
    "sentences": ("n", lambda a, n: len(re.findall(r"[.!?](?=\s|$)", a)) == int(n)),
    "csv": ("shape", csv_table),
    "table": ("shape", markdown_table),
    "one-of": ("options", lambda answer, options: answer in options.split(",")),
    "upper": ("", lambda answer, _: answer == answer.upper() != answer.lower()),
    "lower": ("", lambda answer, _: answer == answer.lower() != answer.upper()),
    "xml": ("root", lambda answer, root: ElementTree.fromstring(answer).tag == root),
    "date": ("format", dated),
    "comma": ("n", comma),
    "comma-sorted": ("n", comma_sorted),
    "keyvalue": ("keys", key_value),
    "integer": ("", lambda answer, _: re.fullmatch(r"-?\d+", answer) is not None),
    "starts": ("with", lambda answer, text: answer.startswith(text)),
    "ends": ("with", lambda answer, text: answer.endswith(text)),
    "lacks": ("with", lambda answer, letter: letter not in answer.lower()),
    "quoted": ("", lambda answer, _: re.fullmatch(r'"[^"]+"', answer) is not None),
}


def test_every_kind_of_check_occurs_and_every_probe_names_one() -> None:
    assert {tagged(probe, "check") for probe in SETS["format"]} == set(CHECKS)


@pytest.mark.parametrize("kind", CHECKS)
def test_reference_answers_pass_their_check(kind: str) -> None:
    key, check = CHECKS[kind]
    for probe in SETS["format"]:
        if tagged(probe, "check") == kind:
            argument = tagged(probe, key) if key else ""
            assert argument is not None, probe.id
            assert check(probe.continuation.strip(), argument), probe.id


@pytest.mark.parametrize("kind", CHECKS)
def test_no_check_is_satisfied_by_everything(kind: str) -> None:
    key, check = CHECKS[kind]
    probe = next(p for p in SETS["format"] if tagged(p, "check") == kind)
    argument = (tagged(probe, key) or "") if key else ""
    try:
        passed = check("Quite another? Answer. eE\nwith four\nlines\n.", argument)
    except (ValueError, ElementTree.ParseError):
        passed = False
    assert not passed
