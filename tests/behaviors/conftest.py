"""Tiny random checkpoints that the tests write themselves: a few thousand weights, real formats."""

import pytest


def byte_tokenizer(extra=()):
    """A byte-level tokenizer of 256 bytes, BOS, EOS and `extra` tokens; BOS goes before a text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokens = ["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet()), *extra]
    tokenizer = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def write_llama(folder, seed=0, extra=(), **changes):
    """Write a random LlamaForCausalLM with the byte tokenizer; return the model."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_tokenizer(extra)
    settings = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "initializer_range": 0.2,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }
    torch.manual_seed(seed)
    model = LlamaForCausalLM(LlamaConfig(**{**settings, **changes})).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """A folder with a tiny random Llama."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_llama(folder)
    return folder


@pytest.fixture(scope="session")
def lab_checkpoint(tmp_path_factory):
    """A folder with the lab's model, random weights."""
    from behaviordist.lab import checkpoint
    from behaviordist.lab.grammar import VOCABULARY
    from behaviordist.lab.llama import LlamaConfig, init

    folder = tmp_path_factory.mktemp("models") / "lab"
    config = LlamaConfig(vocab_size=len(VOCABULARY))
    checkpoint.save(folder, init(config, 0), config, {"regime": "random"})
    return folder
