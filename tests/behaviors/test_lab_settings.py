"""Every setting of a lab checkpoint against something that computes it another way."""

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.lab_models import scratchpad
from behaviordist.behaviors.lab_models.backend import LabBehavior
from behaviordist.errors import InputError
from behaviordist.lab import grammar
from behaviordist.probes import Probe, ProbeSet

PROBES = ProbeSet(
    "mixed lengths",
    (
        Probe("hidden", "? a b c d e =", "e d c b a"),
        Probe("shots", "? a b c d e = e d c b a ; ? b b c d j =", "j d c b b"),
        Probe("named", "copy a b c d e =", "a b c d e <eos>"),
    ),
)


def rows(spec, probes=PROBES):
    blocks = list(load(spec).log_probs(probes))
    order = np.argsort(np.concatenate([b.probe for b in blocks]), kind="stable")
    return np.concatenate([b.log_p for b in blocks])[order]


@pytest.mark.parametrize("window", ["", ",sliding_window=6"])
def test_token_by_token_from_the_cache_is_the_whole_pass(lab_checkpoint, window):
    plain = rows(f"{lab_checkpoint}@{window.lstrip(',')}" if window else lab_checkpoint)
    cached = rows(f"{lab_checkpoint}@kv_cache=on{window}")
    np.testing.assert_allclose(cached, plain, atol=2e-5)
    assert load(f"{lab_checkpoint}@kv_cache=on").identity != load(lab_checkpoint).identity


@pytest.mark.parametrize("window", [1, 4, 9])
def test_the_sliding_window_is_mistrals(lab_checkpoint, window):
    """The same tensors as a Mistral, whose attention has the window in `transformers` itself."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoConfig, MistralConfig, MistralForCausalLM

    plain = AutoConfig.from_pretrained(lab_checkpoint).to_dict()
    for key in ("model_type", "architectures", "transformers_version", "attention_bias"):
        plain.pop(key, None)
    config = MistralConfig(**{**plain, "sliding_window": window})
    model = MistralForCausalLM(config).eval()
    model.load_state_dict(load_file(lab_checkpoint / "model.safetensors"))
    expected = []
    for item in load(lab_checkpoint).encoder()(PROBES):
        with torch.no_grad():
            logits = model(torch.tensor([item.ids[:-1]])).logits[0, -item.scored :]
        expected.append(logits.log_softmax(-1).numpy())
    mine = rows(f"{lab_checkpoint}@sliding_window={window}")
    np.testing.assert_allclose(mine, np.concatenate(expected), atol=1e-4)
    assert np.abs(mine - rows(lab_checkpoint)).max() > 1e-2


@pytest.mark.parametrize(
    ("settings", "before"),
    [
        ("context=13,truncate=left", "<bos> d e = e d c b a ;"),
        ("context=13,truncate=right", "<bos> ? a b c d e = e d"),
    ],
)
def test_truncation_is_a_shorter_prompt(lab_checkpoint, settings, before):
    long = ProbeSet("long", (Probe("a", "? a b c d e = e d c b a ;", "? a b c"),))
    item = load(f"{lab_checkpoint}@{settings}").encoder()(long)[0]
    assert " ".join(grammar.VOCABULARY[t] for t in item.ids[: -item.scored]) == before
    short = ProbeSet("short", (Probe("a", before.removeprefix("<bos> "), "? a b c"),))
    np.testing.assert_allclose(
        rows(f"{lab_checkpoint}@{settings}", long), rows(lab_checkpoint, short), atol=1e-5
    )
    with pytest.raises(InputError, match="truncate=left"):
        load(f"{lab_checkpoint}@context=13").check(long)


def test_shots_stand_as_the_grammar_writes_them(lab_checkpoint):
    two = ProbeSet("two", (Probe("a", "? a =", " a"), Probe("b", "copy b =", " b")))
    first, second = load(f"{lab_checkpoint}@shots=1").encoder()(two)
    assert grammar.decode(first.ids) == "copy b = b ; ? a = a"
    assert grammar.decode(second.ids) == "? a = a ; copy b = b"


def test_logit_level_settings_are_their_formulas(lab_checkpoint):
    log_p = rows(lab_checkpoint).astype(np.float64)
    p = np.exp(log_p / 0.5)
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(rows(f"{lab_checkpoint}@temperature=0.5")), p, atol=1e-5)
    kept = np.where(p >= np.sort(p, axis=1)[:, -3:-2], p, 0)
    kept /= kept.sum(axis=1, keepdims=True)
    kept = np.where(kept >= 0.5 * kept.max(axis=1, keepdims=True), kept, 0)
    kept /= kept.sum(axis=1, keepdims=True)
    mine = np.exp(rows(f"{lab_checkpoint}@temperature=0.5,top_k=3,min_p=0.5"))
    np.testing.assert_allclose(mine, kept, atol=1e-5)


# ---------------------------------------------------------------- chain of thought


def enumerated(folder, question):
    """All 1407 scratchpads of at most two tokens with their exact probabilities."""
    words = [w for i, w in enumerate(grammar.VOCABULARY) if i not in scratchpad.ENDS]
    asked = ProbeSet("z", tuple(Probe(w, f"{question} >", f"{w} =") for w in words))
    p = np.exp(rows(folder, asked).reshape(len(words), 2, -1).astype(np.float64))
    first, second = p[0, 0], p[:, 1]
    stops, ids = sorted(scratchpad.ENDS), [grammar.TOKEN_IDS[w] for w in words]
    chance = {"": first[stops].sum()}
    for w, i, after in zip(words, ids, second, strict=True):
        chance[w] = first[i] * after[stops].sum()
        chance |= {f"{w} {v}": first[i] * after[k] for v, k in zip(words, ids, strict=True)}
    return chance


def test_the_mixture_over_scratchpads_is_the_enumerated_one(lab_checkpoint):
    """Every scratchpad summed exactly; 4000 sampled ones come within their standard error."""
    question, answer, count = "? a b c d e", "e d", 4000
    thoughts = enumerated(lab_checkpoint, question)
    chance = np.array(list(thoughts.values()))
    assert chance.sum() == pytest.approx(1, abs=1e-4)
    after = ProbeSet("y", tuple(Probe(z, f"{question} > {z} =", answer) for z in thoughts))
    each = np.exp(rows(lab_checkpoint, after).reshape(len(thoughts), 2, -1).astype(np.float64))
    first = grammar.TOKEN_IDS[answer.split()[0]]
    heads, whole = each[:, 0], each[:, 0, first, None] * each[:, 1]
    one = ProbeSet("one", (Probe("p", f"{question} =", answer),))
    found = np.exp(rows(f"{lab_checkpoint}@thoughts={count},thought_tokens=2", one))
    for exact, mine in ((heads, found[0]), (whole, found[0, first] * found[1])):
        mean = chance @ exact
        error = np.sqrt(chance @ (exact - mean) ** 2 / count)
        # 40 tokens twice: 4.5 standard errors are passed by chance once in 2000 tests.
        assert (np.abs(mine - mean) <= 4.5 * error + 1e-6).all()
        assert (error < 0.2 * mean).all()


def test_a_scratchpad_depends_on_its_probe_alone(lab_checkpoint):
    setting = f"{lab_checkpoint}@thoughts=3,thought_tokens=4"
    together = rows(setting)
    np.testing.assert_array_equal(together, rows(setting))
    alone = rows(setting, ProbeSet("one", PROBES.probes[1:2]))
    np.testing.assert_allclose(together[5:10], alone, atol=1e-5)
    assert "3 scratchpads" in load(setting).notes[0]


def test_scratchpads_need_a_question_and_room(lab_checkpoint):
    open_ended = ProbeSet("open", (Probe("x", "? a b", "c"),))
    with pytest.raises(InputError, match="'x': thoughts go before the '='"):
        load(f"{lab_checkpoint}@thoughts=2").check(open_ended)
    long = ProbeSet("long", (Probe("x", "? " * 70 + "=", "c"),))
    load(lab_checkpoint).check(long)
    with pytest.raises(InputError, match="'x' takes 72 tokens"):
        load(f"{lab_checkpoint}@thoughts=2,thought_tokens=60").check(long)


# ---------------------------------------------------------------- what the lab cannot do


def test_what_cannot_be_done_is_refused_in_one_line(lab_checkpoint, llama):
    with pytest.raises(InputError, match="no chat template; drop chat=on") as caught:
        load(f"{lab_checkpoint}@chat=on").check(PROBES)
    assert "\n" not in str(caught.value)
    for spec in (llama, f"{lab_checkpoint}@dtype=bfloat16"):
        setting = f"{spec}{',' if '@' in str(spec) else '@'}sliding_window=4"
        with pytest.raises(InputError, match="drop sliding_window"):
            load(setting)
    assert isinstance(load(f"{lab_checkpoint}@sliding_window=4"), LabBehavior)
    with pytest.raises(InputError, match="sliding_window must be at least 1"):
        load(f"{lab_checkpoint}@sliding_window=0")
