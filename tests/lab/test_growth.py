"""Growth against a Llama in plain NumPy, written here: float64, one loop a head."""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from behaviordist.errors import InputError
from behaviordist.lab import growth, llama
from behaviordist.lab.llama import LlamaConfig

TOKENS = np.random.default_rng(0).integers(13, size=(2, 9))
SMALL = LlamaConfig(
    vocab_size=13,
    hidden_size=12,
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=4,
    intermediate_size=10,
    rms_eps=1e-2,
)
ONE = replace(SMALL, layers=1)
EXACT = {
    "depth": partial(growth.deepen, layers=3),
    "mlp": partial(growth.widen_mlp, intermediate_size=23, seed=1),
    "heads": partial(growth.add_heads, heads=8, seed=1),
    "more queries a key": partial(growth.add_heads, heads=9, kv_heads=3, seed=1),
    "width": partial(growth.widen, hidden_size=20, seed=1),
    "head width": partial(growth.widen_heads, head_dim=12, seed=1),
}


def numpy_logits(params, config, tokens):
    """Logits (B, T, V) from Touvron et al. 2023 and Su et al. 2021, nothing shared with the lab."""
    c, h, half = config, config.head_dim, config.head_dim // 2
    angle = np.arange(tokens.shape[1])[:, None] * c.rope_theta ** (-np.arange(half) / half)

    def norm(x, gamma):
        return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + c.rms_eps) * gamma

    def turn(x):
        z = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angle)
        return np.concatenate([z.real, z.imag], -1)

    x = params["embed"][tokens]
    for layer in params["layers"]:
        joint = norm(x, layer["attention_norm"]) @ layer["qkv"]
        slot = [joint[..., i * h : (i + 1) * h] for i in range(c.heads + 2 * c.kv_heads)]
        heads = []
        for i in range(c.heads):
            k = c.heads + i // (c.heads // c.kv_heads)
            scores = turn(slot[i]) @ turn(slot[k]).swapaxes(1, 2) / np.sqrt(h)
            scores = np.where(np.tri(tokens.shape[1], dtype=bool), scores, -np.inf)
            weight = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(weight / weight.sum(-1, keepdims=True) @ slot[k + c.kv_heads])
        x = x + np.concatenate(heads, -1) @ layer["out"]
        gate, up = np.split(norm(x, layer["mlp_norm"]) @ layer["gate_up"], 2, -1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ layer["down"]
    return norm(x, params["norm"]) @ params.get("head", params["embed"].T)


def random_params(config, seed=0):
    """Float64 parameters with no entry at a value (a gamma of one) that hides a mistake."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: llama.init(config, 0))
    return jax.tree.map(lambda leaf: rng.normal(0.3, 0.5, leaf.shape), shapes)


@st.composite
def configs(draw):
    size = partial(draw, st.integers(1, 3))
    kv_heads = size()
    return replace(
        SMALL,
        hidden_size=draw(st.integers(3, 9)),
        layers=size(),
        heads=kv_heads * size(),
        kv_heads=kv_heads,
        head_dim=2 * size(),
        intermediate_size=draw(st.integers(2, 9)),
        tie_embeddings=draw(st.booleans()),
        rms_eps=draw(st.sampled_from([1e-6, 0.1])),
    )


more = st.integers(1, 7)


def larger(c, operator, by):
    """The operator on a config, grown by a drawn amount, as a function of the parameters."""
    group = c.heads // c.kv_heads
    return {
        "depth": partial(growth.deepen, layers=c.layers + by),
        "mlp": partial(growth.widen_mlp, intermediate_size=c.intermediate_size + 2 * by, seed=by),
        "heads": partial(growth.add_heads, heads=c.heads + by * group, seed=by),
        "more queries a key": partial(
            growth.add_heads, heads=c.kv_heads * (group + by), kv_heads=c.kv_heads, seed=by
        ),
        "width": partial(growth.widen, hidden_size=c.hidden_size + by, seed=by),
        "head width": partial(growth.widen_heads, head_dim=c.head_dim * (1 + by), seed=by),
    }[operator]


@pytest.mark.parametrize("operator", EXACT)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(config=configs(), by=more)
def test_exact_growth_keeps_the_function_of_any_llama(operator, config, by):
    params = random_params(config)
    before = numpy_logits(params, config, TOKENS)
    grown, bigger = larger(config, operator, by)(params, config)
    after = numpy_logits(grown, bigger, TOKENS)
    assert llama.parameter_count(bigger) > llama.parameter_count(config)
    shapes = jax.eval_shape(lambda: llama.init(bigger, 0))
    jax.tree.map(
        lambda leaf, shape: np.testing.assert_equal(leaf.shape, shape.shape), grown, shapes
    )
    assert np.abs(after - before).max() <= 1e-12 * max(1.0, np.abs(before).max())


forward = jax.jit(llama.forward, static_argnums=1)


@pytest.mark.parametrize(
    ("dtype", "most", "tied"), [(np.float32, 1e-5, True), (np.float64, 1e-12, False)]
)
def test_exact_growth_in_the_lab(dtype, most, tied):
    config = replace(ONE, tie_embeddings=tied)
    with jax.enable_x64(dtype == np.float64):
        params = jax.tree.map(partial(np.asarray, dtype=dtype), random_params(config))
        before = np.asarray(forward(params, config, TOKENS))
        assert np.ptp(before) > 1.0 and before.dtype == dtype
        for name, operator in EXACT.items():
            grown, bigger = operator(params, config)
            assert {leaf.dtype for leaf in jax.tree.leaves(grown)} == {np.dtype(dtype)}
            assert np.abs(np.asarray(forward(grown, bigger, TOKENS)) - before).max() <= most, name
    # The lab's rotary angles are float32, whatever the parameters are.
    assert np.abs(before - numpy_logits(params, config, TOKENS)).max() < 1e-4


def train(params, config, steps):
    """Adam on next-token loss; returns the parameters at the start and after each step."""
    optimizer = optax.adam(1e-2)

    def loss(p):
        logits = llama.forward(p, config, TOKENS[:, :-1])
        return optax.softmax_cross_entropy_with_integer_labels(logits, TOKENS[:, 1:]).mean()

    @jax.jit
    def step(p, moments):
        updates, moments = optimizer.update(jax.grad(loss)(p), moments, p)
        return optax.apply_updates(p, updates), moments

    params = jax.tree.map(partial(np.asarray, dtype=np.float32), params)
    moments, path = optimizer.init(params), [params]
    for _ in range(steps):
        params, moments = step(params, moments)
        path.append(params)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("operator", EXACT)
def test_gradients_reach_every_new_parameter_within_three_steps(operator):
    config = replace(ONE, tie_embeddings=operator == "width")
    grown, bigger = EXACT[operator](random_params(config), config)
    start, *_, end = train(grown, bigger, 3)
    seen = np.isin(np.arange(13), TOKENS[:, :-1])
    for path, leaf in jax.tree.leaves_with_path(start):
        moved = np.asarray(leaf != _at(end, path))
        if "embed" in str(path):
            moved = moved[seen]
        # An entry whose first moments cancel to the last bit may stand still; a part may not.
        assert moved.mean() > 0.99, path


def _at(tree, path):
    for key in path:
        tree = tree[key.key if hasattr(key, "key") else key.idx]
    return tree


@pytest.mark.slow
def test_an_identity_block_has_a_gradient_at_once():
    grown, bigger = growth.deepen(random_params(ONE), ONE, 3)
    start, after = train(grown, bigger, 1)
    for place in (1, 2):
        for name in ("out", "down"):
            assert not np.any(start["layers"][place][name])
            assert np.all(after["layers"][place][name] != 0)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "diverge"), [(0.0, False), (0.1, True)])
def test_copied_units_diverge_only_because_of_the_noise(noise, diverge):
    grown, bigger = growth.widen_mlp(random_params(ONE), ONE, 20, seed=0, noise=noise)
    end = train(grown, bigger, 10)[-1]["layers"][0]["gate_up"][:, :20]
    start = grown["layers"][0]["gate_up"][:, :20]
    twins = [np.flatnonzero(np.all(start == start[:, [i]], axis=0)) for i in range(10)]
    apart = [float(np.abs(end[:, a] - end[:, b]).max()) for a, b in twins]
    assert min(apart) > 1e-3 if diverge else max(apart) < 1e-6


@pytest.mark.parametrize("operator", [growth.stack, growth.interpolate])
def test_repeated_blocks_change_the_function(operator):
    params = random_params(SMALL)
    grown, bigger = operator(params, SMALL, 4)
    order = {"stack": [0, 1, 0, 1], "interpolate": [0, 0, 1, 1]}[operator.__name__]
    for place, source in enumerate(order):
        np.testing.assert_array_equal(
            grown["layers"][place]["qkv"], params["layers"][source]["qkv"]
        )
    before, after = (numpy_logits(p, c, TOKENS) for p, c in ((params, SMALL), (grown, bigger)))
    assert np.abs(after - before).max() > 0.1


REFUSED = {
    "layers is 2 already": (growth.deepen, {"layers": 2}),
    "hidden_size is 12 already": (growth.widen, {"hidden_size": 8}),
    "head_dim 6 is no multiple of 4: rotary.* give 8": (growth.widen_heads, {"head_dim": 6}),
    "5 heads in groups of 2 .* multiple of 2": (growth.add_heads, {"heads": 5}),
    "cannot regroup 4 heads over 2 .* as 6 over 6": (growth.add_heads, {"heads": 6, "kv_heads": 6}),
    "7 heads cannot share 2": (growth.add_heads, {"heads": 7, "kv_heads": 2}),
}


@pytest.mark.parametrize("message", REFUSED)
def test_growth_that_cannot_be_exact_is_refused(message):
    operator, sizes = REFUSED[message]
    with pytest.raises(InputError, match=message.replace(" already", "")):
        operator(random_params(SMALL), SMALL, **sizes)
