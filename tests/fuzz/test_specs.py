"""Model specifications and options as people mistype them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.command_line import check
from tests.fuzz.mutations import ODD_TEXTS
from tests.fuzz.worlds import tables

SMALL = int(os.environ.get("BEHAVIORDIST_FUZZ", "6"))
LARGE = int(os.environ.get("BEHAVIORDIST_FUZZ_LARGE", "100"))
SAME = "BEHAVIORDIST_FUZZ_LARGE" not in os.environ  # CI sees the same inputs every time
KEYS = ["temperature", "temp", "top_k", "top_p", "min_p", "quant", "cache", "window", "template",
        "revision", "chat", "seed", "dtype", "", "x"]  # fmt: skip
PLACES = ["nowhere", "~nosuch/x", "http://[::1/v1#m", "http://127.0.0.1:1/v1#m", "http://", "a.npz",
          "./d.csv", "org/name", "x.gguf", "/dev/null", ".", ""]  # fmt: skip
VALUES = ["0", "1", "-1", "0.7", '"0.7"', "nan", "inf", "true", "int8", "int99", *ODD_TEXTS]
OPTIONS = ["--seed", "--permutations", "--statistic", "--interval", "--cost-column", "--tau",
           "--units", "--strata", "--baseline", "--invalid", "--out", "--nosuch"]  # fmt: skip


@st.composite
def specifications(draw: st.DrawFn) -> str:
    """A place with a few settings, well or badly spelt."""
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(VALUES[:-1])), max_size=3)
    )
    place = draw(st.sampled_from(PLACES) | st.text(max_size=12))
    return place + ("@" + ",".join(f"{k}={v}" for k, v in pairs) if pairs else "")


def words(text: str) -> bool:
    """Whether an operating system would hand it over: no NUL, no half surrogate."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def stays(option: tuple[str, str]) -> bool:
    """Whether a folder of results lies in the example's own: others' folders are not to be hit."""
    name, value = option
    return name != "--out" or not ({"/", ".."} & set(Path(value).parts) or value.startswith("~"))


def fuzz_specifications(examples: int, derandomize: bool) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=derandomize, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.lists(specifications().filter(words), min_size=1, max_size=3))
    def one(specs: list[str]) -> None:
        with tempfile.TemporaryDirectory() as name:
            check(Path(name), "distance", "--probes-limit", "2", "--out", "o", "--", *specs)

    one()


def fuzz_options(examples: int, derandomize: bool) -> None:
    @settings(max_examples=examples, deadline=None, derandomize=derandomize, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(OPTIONS), st.sampled_from(VALUES).filter(words)
            ).filter(stays),
            min_size=1, max_size=3,
        )
    )  # fmt: skip
    def one(options: list[tuple[str, str]]) -> None:
        with tempfile.TemporaryDirectory() as name:
            tables(Path(name))
            fixed = ["--distances", "d.csv", "--costs", "c.csv", "--permutations", "99"]
            check(Path(name), "test", *fixed, *[word for pair in options for word in pair])

    one()


def test_a_mistyped_model_is_one_line():
    fuzz_specifications(SMALL, derandomize=True)


def test_mistyped_options_are_one_line():
    fuzz_options(SMALL, derandomize=True)


@pytest.mark.slow
def test_thousands_of_mistyped_models_and_options():
    fuzz_specifications(LARGE * 2, derandomize=SAME)
    fuzz_options(LARGE * 2, derandomize=SAME)
