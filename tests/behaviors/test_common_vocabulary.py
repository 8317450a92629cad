"""One tokenizer, two widths: compared over common tokens; what is dropped is counted."""

import copy

import numpy as np
import pytest
import torch

from behaviordist.behaviors import load, over_common_tokens
from behaviordist.distance import distances
from behaviordist.distance.comparison import compare
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

PROBES = ProbeSet("p", (Probe("a", "Once upon", " a time"), Probe("b", "The end", " is near")))


def widened(model, rows, bias):
    """The same model with more rows, whose logits are far below all others."""
    wide = copy.deepcopy(model)
    old = model.config.vocab_size
    wide.resize_token_embeddings(old + rows, mean_resizing=False)
    with torch.no_grad():
        wide.get_output_embeddings().weight[old:] = bias * wide.lm_head.weight[:old].mean(0)
        wide.get_input_embeddings().weight[old:] = 0
    return wide


def save(model, folder, extra=()):
    model.save_pretrained(folder)
    tokenizer = byte_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": list(extra)})
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("widths")
    one, other = write_llama(root / "one"), write_llama(root / "other", seed=1)
    # Softmax over more rows: those of the added ones are made small by a large negative logit.
    save(widened(other, 6, 0.0), root / "wide", ("<think>",))
    return root, one, other


def by_hand(model, keep):
    """Log-probabilities over the first `keep` ids, renormalised, at the scored positions."""
    tokenizer, rows = byte_tokenizer(), []
    for probe in PROBES:
        ids = tokenizer.encode(probe.prompt + probe.continuation)
        with torch.no_grad():
            log_p = model(torch.tensor([ids])).logits[0, :, :keep].double().log_softmax(-1)
        rows.append(log_p[-len(probe.continuation) - 1 : -1].numpy())
    return rows


def hellinger(first, second):
    pairs = zip(first, second, strict=True)
    each = [np.mean(((np.exp(a / 2) - np.exp(b / 2)) ** 2).sum(1)) for a, b in pairs]
    return float(np.mean(each))


def test_a_distance_is_that_of_the_renormalised_distributions(models, monkeypatch):
    from behaviordist.behaviors import common_vocabulary

    monkeypatch.setattr(common_vocabulary, "LARGEST_LOSS", 0.5)
    root, one, other = models
    pair = [load(root / "one"), load(root / "wide")]
    expected = hellinger(by_hand(one, 258), by_hand(other, 258))
    matrix = distances(pair, PROBES, "hellinger", sketch=None)
    assert matrix.squared[0, 1] == pytest.approx(expected, rel=1e-4)
    found = compare(*pair, PROBES)
    assert found.overall["squared"].value == pytest.approx(expected, rel=1e-4)


def test_what_is_dropped_is_counted_and_said(models, monkeypatch):
    from behaviordist.behaviors import common_vocabulary

    monkeypatch.setattr(common_vocabulary, "LARGEST_LOSS", 0.5)
    root, _, _ = models
    _, wide = over_common_tokens([load(root / "one"), load(root / "wide")])
    assert "at most 50% of a probe's probability is dropped" in wide.notes[-1]
    whole = {}
    for block in load(root / "wide").log_probs(PROBES):
        for i in set(block.probe.tolist()):
            p = np.exp(block.log_p[block.probe == i].astype(float))
            whole[i] = p[:, 258:].sum(1).mean()
    for block in wide.log_probs(PROBES):
        np.testing.assert_allclose(np.exp(block.log_p).sum(1), 1, atol=1e-6)
    assert wide.lost == pytest.approx(whole, rel=1e-4)
    assert f"at most {max(whole.values()):.2g} of a probe's" in wide.notes[-1]
    assert wide.vocabulary_size == 258


def test_too_much_dropped_is_refused_and_nothing_is_published(models, monkeypatch, tmp_path):
    from behaviordist.behaviors import common_vocabulary

    monkeypatch.setattr(common_vocabulary, "LARGEST_LOSS", 1e-9)
    root, _, _ = models
    pair = [load(root / "one"), load(root / "wide")]
    with pytest.raises(InputError, match="'wide', probe '[ab]'.*cannot be compared.*next-byte"):
        distances(pair, PROBES, "hellinger", folder=tmp_path)
    assert not list(tmp_path.glob("wide*.safetensors"))


def test_texts_with_a_token_that_the_other_lacks_are_refused(models):
    root, _, _ = models
    pair = over_common_tokens([load(root / "one"), load(root / "wide")])
    with pytest.raises(InputError, match="scores the token '<think>' of 'wide'"):
        pair[1].check(ProbeSet("p", (Probe("a", "x", "<think>"),)))


def test_equal_vocabularies_stay_as_they_are_and_different_tokenizers_are_refused(models, tmp_path):
    root, _, _ = models
    same = [load(root / "one"), load(root / "other")]
    assert over_common_tokens(same) == same
    tokenizer = byte_tokenizer()
    vocab = list(tokenizer.get_vocab())
    write_llama(tmp_path / "turned", extra=tuple(f"x{i}" for i in range(len(vocab))))
    with pytest.raises(InputError, match="vocabularies of 258 and"):
        over_common_tokens([load(root / "one"), load(tmp_path / "turned"), permuted(tmp_path)])


def permuted(tmp_path):
    """The same tokens under other ids."""
    import json

    write_llama(tmp_path / "permuted")
    path = tmp_path / "permuted/tokenizer.json"
    spec = json.loads(path.read_text())
    vocab = spec["model"]["vocab"]
    letters = [t for t in vocab if len(t) == 1]
    spec["model"]["vocab"] |= dict(
        zip(letters, [vocab[t] for t in letters[1:] + letters[:1]], strict=True)
    )
    path.write_text(json.dumps(spec))
    return load(tmp_path / "permuted")
