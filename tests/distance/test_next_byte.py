"""Next-byte distances: one function of bytes under two tokenizers, real models, refusals."""

import dataclasses

import numpy as np
import pytest

from behaviordist.behaviors import ArrayBehavior, load
from behaviordist.distance import distances
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet
from tests.behaviors.conftest import byte_tokenizer, write_llama
from tests.behaviors.test_token_bytes import byte_fallback_tokenizer

PROBES = ProbeSet("four", tuple(Probe(f"p{i}", "x", "abcd") for i in range(4)))


@dataclasses.dataclass(frozen=True, eq=False)
class Cut(ArrayBehavior):
    """Log-probabilities over tokens that are given as bytes, and where each text is cut."""

    pieces: tuple[bytes, ...] = ()
    starts: tuple[int, ...] = ()

    def first_bytes(self):
        return np.array([piece[0] if piece else 256 for piece in self.pieces])

    def boundaries(self, probes):
        return [list(self.starts)] * len(probes)


def cut(label, byte_p, pieces, starts, seed):
    """A behavior whose mass on a byte is split at random among the tokens that begin with it."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(len(PROBES)):
        for start in starts:
            p = np.empty(len(pieces))
            for byte, mass in zip(b"ab", byte_p[start], strict=True):
                mine = [i for i, piece in enumerate(pieces) if piece[:1] == bytes([byte])]
                p[mine] = mass * rng.dirichlet(np.ones(len(mine)))
            rows.append(np.log(p))
    probe = np.repeat(np.arange(len(PROBES)), len(starts))
    table = np.array(rows, dtype=np.float32)
    return Cut(label, probe, table, vocabulary=label, pieces=pieces, starts=starts)


def test_one_function_of_bytes_is_at_no_distance_from_itself_however_it_is_cut():
    byte_p = np.array([[0.3, 0.7], [0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
    fine = cut("fine", byte_p, (b"a", b"b"), (0, 1, 2, 3), 0)
    coarse = cut("coarse", byte_p, (b"ab", b"a", b"b", b"ba", b"abc"), (0, 2), 1)
    other = cut("other", 1 - byte_p, (b"aa", b"bb"), (0, 2, 3), 2)
    matrix = distances([fine, coarse, other], PROBES, "next-byte")
    assert abs(matrix.squared[0, 1]) < 1e-6
    bc = (2 * np.sqrt(byte_p[[0, 2]] * (1 - byte_p[[0, 2]])))[:, 0]
    np.testing.assert_allclose(matrix.squared[:2, 2], 2 * (1 - bc.mean()), atol=1e-5)
    assert matrix.metadata["positions"] == 8
    assert matrix.metadata["tokens"] == {"fine": 16, "coarse": 8, "other": 12}


@pytest.mark.slow
def test_with_one_token_a_byte_it_is_the_hellinger_distance(tmp_path):
    """But for the two special tokens, which are one symbol."""
    for seed, name in enumerate(("a", "b")):
        write_llama(tmp_path / name, seed=seed)
    pair = [load(tmp_path / name) for name in ("a", "b")]
    probes = ProbeSet("few", tuple(Probe(f"p{i}", f"Say {i}", " né b") for i in range(5)))
    of_bytes, of_tokens = (
        distances(pair, probes, name, sketch=None, folder=tmp_path / "kept")
        for name in ("next-byte", "hellinger")
    )
    assert of_bytes.squared[0, 1] <= of_tokens.squared[0, 1]
    assert of_bytes.squared[0, 1] == pytest.approx(of_tokens.squared[0, 1], rel=0.05)
    again = distances(pair, probes, "next-byte", folder=tmp_path / "kept")
    np.testing.assert_array_equal(again.squared, of_bytes.squared)


@pytest.mark.slow
def test_models_with_different_tokenizers_are_compared_where_both_cut(tmp_path):
    write_llama(tmp_path / "bytes")
    sized = byte_fallback_tokenizer()
    write_llama(tmp_path / "words", vocab_size=len(sized))
    sized.save_pretrained(tmp_path / "words")
    pair = [load(tmp_path / name) for name in ("bytes", "words")]
    probes = ProbeSet("few", tuple(Probe(f"p{i}", "é", " the cat") for i in range(4)))
    matrix = distances(pair, probes, "next-byte")
    assert matrix.metadata["tokens"] == {"bytes": 32, "words": 8}
    assert matrix.metadata["positions"] == 8
    # By hand, at the two places of one probe.
    expected = []
    tables = [next(iter(b.log_probs(ProbeSet("p", probes.probes[:1])))).log_p for b in pair]
    for mine, theirs in ((0, 0), (4, 1)):
        rows = [tables[0][mine], tables[1][theirs]]
        masses = [
            np.bincount(b.first_bytes(), weights=np.exp(row.astype(float)), minlength=257)
            for b, row in zip(pair, rows, strict=True)
        ]
        expected.append(((np.sqrt(masses[0]) - np.sqrt(masses[1])) ** 2).sum())
    assert matrix.squared[0, 1] == pytest.approx(np.mean(expected), rel=1e-4)


def test_what_has_no_bytes_or_no_common_place_is_refused(tmp_path, lab):
    write_llama(tmp_path / "bytes")
    probes = ProbeSet("one", (Probe("a", "x", "y"),))
    with pytest.raises(InputError, match="'lab' does not say which bytes.*loglik or samples"):
        distances([load(tmp_path / "bytes"), load(lab, label="lab")], probes, "next-byte")
    prefixed = byte_fallback_tokenizer(prefix=True)
    write_llama(tmp_path / "prefixed", vocab_size=len(prefixed))
    prefixed.save_pretrained(tmp_path / "prefixed")
    pair = [load(tmp_path / name) for name in ("bytes", "prefixed")]
    # Before a text of its own, SentencePiece puts a blank; behind a prompt it does not.
    with pytest.raises(InputError, match="probe 'a': its continuation has no place where"):
        distances(pair, ProbeSet("one", (Probe("a", "", "the"),)), "next-byte")


@pytest.fixture
def lab(tmp_path):
    from behaviordist.lab import checkpoint
    from behaviordist.lab.grammar import VOCABULARY
    from behaviordist.lab.llama import LlamaConfig, init

    config = LlamaConfig(vocab_size=len(VOCABULARY))
    checkpoint.save(tmp_path / "lab", init(config, 0), config, {"regime": "random"})
    return tmp_path / "lab"


def test_the_tokenizer_of_the_tests_is_one_token_a_byte():
    assert len(byte_tokenizer()) == 258
