"""String functions against Python's own list operations."""

from itertools import combinations

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from behaviordist.errors import InputError
from behaviordist.lab.functions import FUNCTIONS, LENGTH, LETTERS, all_strings, function

K = len(LETTERS)
EXPECTED = {
    "copy": lambda s: s,
    "reverse": lambda s: s[::-1],
    "rotate": lambda s: s[1:] + s[:1],
    "sort": sorted,
    "shift": lambda s: [(c + 1) % K for c in s],
    "swap": lambda s: [s[1], s[0], *s[2:]],
    "ends": lambda s: [s[-1], *s[1:-1], s[0]],
    "unshift": lambda s: [(c - 1) % K for c in s],
    "rotate2": lambda s: s[2:] + s[:2],
    "sort_descending": lambda s: sorted(s, reverse=True),
    "reverse_shift": lambda s: [(c + 1) % K for c in s[::-1]],
    "rotate_shift": lambda s: [(c + 1) % K for c in s[1:] + s[:1]],
}


@pytest.mark.parametrize("name", FUNCTIONS)
@given(rows=st.lists(st.lists(st.integers(0, K - 1), min_size=LENGTH, max_size=LENGTH), min_size=1))
def test_functions_do_to_arrays_what_python_does_to_lists(name, rows):
    result = FUNCTIONS[name].apply(np.array(rows))
    assert result.tolist() == [list(EXPECTED[name](row)) for row in rows]


def test_every_function_is_checked_against_python():
    assert set(EXPECTED) == set(FUNCTIONS) and len(FUNCTIONS) >= 12


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_run_inside_jit(name):
    x = np.random.default_rng(0).integers(K, size=(7, LENGTH))
    np.testing.assert_array_equal(jax.jit(FUNCTIONS[name].apply)(x), FUNCTIONS[name].apply(x))


def test_parts_of_a_composition_give_the_composition():
    x = np.random.default_rng(0).integers(K, size=(50, LENGTH))
    compositions = [f for f in FUNCTIONS.values() if f.parts]
    assert len(compositions) == 4
    for f in compositions:
        first, second = f.parts
        np.testing.assert_array_equal(f.apply(x), function(second).apply(function(first).apply(x)))


def test_no_two_functions_are_the_same():
    x = all_strings()
    results = {name: f.apply(x) for name, f in FUNCTIONS.items()}
    for f, g in combinations(results, 2):
        assert (results[f] == results[g]).all(axis=1).mean() < 0.5, (f, g)


def test_unknown_function_is_one_line_with_a_suggestion():
    with pytest.raises(InputError, match="did you mean 'reverse'") as error:
        function("revers")
    assert "\n" not in str(error.value)
