"""What a server echoes: placed by what the tokens spell, checked against how they were cut."""

import itertools
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.behaviors.servers.echo import read_echo
from behaviordist.errors import InputError


def echoed(pieces, values, **more):
    """The answer of a server whose tokens are these bytes, each decoded alone."""
    names = [p if isinstance(p, str) else p.decode(errors="replace") for p in pieces]
    return {"tokens": names, "token_logprobs": values, **more}


@st.composite
def cut_texts(draw):
    """Prompt, continuation, and the bytes of each cut anywhere: inside characters too."""
    letters = st.text("abc é東京😀", min_size=1, max_size=6)
    parts = [draw(letters), draw(letters)]
    pieces = []
    for part in parts:
        raw = part.encode()
        inner = draw(st.sets(st.integers(1, len(raw)), max_size=len(raw)))
        cuts = [0, *sorted(inner - {len(raw)}), len(raw)]
        pieces.append([raw[a:b] for a, b in itertools.pairwise(cuts)])
    return parts, pieces


@settings(max_examples=300, deadline=None)
@given(cut_texts(), st.booleans())
def test_a_sum_is_that_of_the_tokens_as_they_were_cut_or_is_refused(drawn, generated):
    (prompt, continuation), (before, after) = drawn
    pieces = ["<s>", *before, *after, *(["xyz"] if generated else [])]
    values = [None, *(-float(2**i) for i in range(len(pieces) - 1))]
    scored = values[1 + len(before) : 1 + len(before) + len(after)]
    text = prompt + continuation
    try:
        score = read_echo(echoed(pieces, values), text).sum_from(len(prompt))
    except InputError:
        # Only where a character is cut beside the boundary, or at the end of the text.
        assert any("\ufffd" in p.decode(errors="replace") for p in (*before, *after))
        return
    assert score == sum(scored)


def test_ascii_is_never_refused_whatever_the_offsets_say():
    pieces = [b"Once", b" upon", b" a", b" time", b"!"]
    values = [None, -1.0, -2.0, -4.0, -8.0]
    wrong = [0, 99, -3, 7, 1]
    echo = read_echo(echoed(pieces, values, text_offset=wrong), "Once upon a time")
    assert echo.sum_from(len("Once upon")) == -6.0
    assert echo.only_token(11, 16) == -4.0
    assert echo.only_token(4, 16) is None


def test_sentencepiece_tokens_come_without_their_blanks():
    pieces, values = ["<s>", "The", "cat", "sat"], [None, -1.0, -2.0, -4.0]
    echo = read_echo(echoed(pieces, values), "The cat sat")
    assert echo.sum_from(len("The cat")) == -4.0
    assert echo.sum_from(len("The")) == -6.0


def test_bytes_written_out_are_halves_of_characters():
    pieces = ["n", "bytes:\\xc3", "bytes:\\xa9", "e", " x"]
    echo = read_echo(echoed(pieces, [None, -1.0, -2.0, -4.0, -8.0]), "née x")
    assert echo.sum_from(1) == -15.0
    assert echo.sum_from(2) == -12.0


def test_an_empty_token_at_the_end_is_told_by_offsets_that_agree_with_the_letters():
    pieces, values = ["<s>", "ab", "cd", ""], [None, -1.0, -2.0, -4.0]
    for offsets in ([0, 0, 2, 4], [0, 3, 5, 7]):
        echo = read_echo(echoed(pieces, values, text_offset=offsets), "abcd")
        assert echo.sum_from(2) == -2.0
    for offsets in (None, [0, 0, 3, 4], [0, 0, 2], "0024"):
        with pytest.raises(InputError, match="offsets do not say"):
            read_echo(echoed(pieces, values, text_offset=offsets), "abcd")


def test_a_token_across_the_boundary_is_no_part_of_either():
    echo = read_echo(echoed(["ab", "c d"], [None, -1.0]), "abc d")
    with pytest.raises(InputError, match="across the end of its prompt"):
        echo.sum_from(3)
    # An empty token right at the boundary may be the first byte of what follows, or not.
    echo = read_echo(echoed(["ab", "", "é"], [None, -3.0, -1.0]), "abé")
    with pytest.raises(InputError, match="cannot be told"):
        echo.sum_from(2)


def test_without_a_start_token_the_first_token_has_no_probability():
    with pytest.raises(InputError, match="give the probe a prompt"):
        read_echo(echoed(["ab", "cd"], [None, -1.0]), "abcd").sum_from(0)
    assert read_echo(echoed(["<s>", "ab", "cd"], [None, -1.0, -2.0]), "abcd").sum_from(0) == -3.0
    assert read_echo(echoed(["", "ab", "cd"], [None, -1.0, -2.0]), "abcd").sum_from(0) == -3.0


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, -9999.0, 0.5, 10**400, -(10**400), True, "-1", None, [], {}],
)
def test_what_is_no_log_probability_is_refused_wherever_it_stands(value):
    for place in (1, 2):
        values = [None, -1.0, -2.0]
        values[place] = value
        with pytest.raises(InputError) as caught:
            read_echo(echoed(["a", "b", "c"], values), "abc")
        assert "log-probability" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"tokens": ["x"], "token_logprobs": [-1.0], "text_offset": [4]},
        {"tokens": ["Ġa", "Ġb"], "token_logprobs": [None, -1.0]},
        {"tokens": ["token_id:5", "token_id:6"], "token_logprobs": [None, -1.0]},
        {"tokens": [" a"], "token_logprobs": [None]},
        {"tokens": [" a", " b", "c", "d"], "token_logprobs": [None, -1.0, -1.0, -1.0]},
        {"tokens": [], "token_logprobs": []},
        {"tokens": [" a", 7], "token_logprobs": [None, -1.0]},
        {"tokens": [" a", " b"], "token_logprobs": [None]},
        {"tokens": None, "token_logprobs": [None]},
        {},
    ],
)
def test_tokens_that_do_not_spell_the_text_are_refused(answer):
    with pytest.raises(InputError) as caught:
        read_echo(answer, " a b")
    assert "\n" not in str(caught.value)


def test_json_can_hold_what_is_no_number_and_is_refused():
    answer = json.loads('{"tokens": ["a", "b"], "token_logprobs": [null, NaN]}')
    with pytest.raises(InputError, match="nan for a log-probability"):
        read_echo(answer, "ab")
