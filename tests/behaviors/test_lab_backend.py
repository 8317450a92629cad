"""The lab's checkpoints in JAX and in torch: one behavior, whichever runs it."""

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.huggingface.describe import describe
from behaviordist.behaviors.huggingface.sources import source_of
from behaviordist.behaviors.lab_models.backend import ROWS, LabBehavior
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

PROBES = ProbeSet(
    "lab-like",
    (
        Probe("hidden", "? a b c d e =", "e d c b a"),
        Probe("named", "copy a b c d e =", "a b c d e <eos>"),
        Probe("start", "", "? a"),
    ),
)


def rows(blocks):
    found = {}
    for block in blocks:
        for index in np.unique(block.probe):
            found[int(index)] = block.log_p[block.probe == index]
    return found


@pytest.mark.parametrize("setting", ["", "@quant=int8", "@temperature=0.5,quant=int4"])
def test_jax_and_transformers_agree(lab_checkpoint, setting):
    mine = load(f"{lab_checkpoint}{setting}")
    assert isinstance(mine, LabBehavior)
    torch_one = describe(source_of(lab_checkpoint), "torch", mine.settings)
    assert mine.vocabulary == torch_one.vocabulary
    assert mine.vocabulary_size == torch_one.vocabulary_size
    assert mine.identity == torch_one.identity
    jax_rows, torch_rows = rows(mine.log_probs(PROBES)), rows(torch_one.log_probs(PROBES))
    assert jax_rows.keys() == torch_rows.keys() == {0, 1, 2}
    for index in jax_rows:
        np.testing.assert_allclose(jax_rows[index], torch_rows[index], atol=1e-4)


def test_more_probes_than_rows_come_in_several_blocks(lab_checkpoint):
    many = ProbeSet("many", tuple(Probe(str(i), "? a =", "b c") for i in range(ROWS + 3)))
    blocks = list(load(lab_checkpoint).log_probs(many))
    assert [len(b.probe) for b in blocks] == [2 * ROWS, 6]
    together = rows(blocks)
    for index in (1, ROWS + 2):
        np.testing.assert_allclose(together[index], together[0], atol=1e-6)


def test_bad_probes_for_the_lab(lab_checkpoint):
    with pytest.raises(InputError, match="no token of the lab's language"):
        list(load(lab_checkpoint).log_probs(ProbeSet("p", (Probe("x", "hello", "a"),))))
    long = ProbeSet("p", (Probe("x", "? " * 200, "a"),))
    with pytest.raises(InputError, match="'x' takes 201 tokens"):
        list(load(lab_checkpoint).log_probs(long))


def test_precisions_that_the_lab_lacks_run_in_transformers(lab_checkpoint):
    assert not isinstance(load(f"{lab_checkpoint}@dtype=bfloat16"), LabBehavior)
