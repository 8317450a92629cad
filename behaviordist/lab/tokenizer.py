"""The lab's tokenizer as Hugging Face files, so that ``AutoTokenizer`` gives the lab's ids."""

from __future__ import annotations

from pathlib import Path

from behaviordist.lab.grammar import BOS, VOCABULARY
from behaviordist.store import write_json


def write_tokenizer(folder: Path, max_positions: int) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json`` into `folder`.

    One word is one token, words are separated by blanks, and ``<bos>`` is put before the text by
    the post-processor (``add_special_tokens=False`` leaves it out). There is no unknown token: a
    word outside the vocabulary is an error, not a guess.
    """
    write_json(folder / "tokenizer.json", _tokenizer())
    write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<bos>",
            "eos_token": "<eos>",
            "pad_token": "<pad>",
            "clean_up_tokenization_spaces": False,
            "model_max_length": max_positions,
        },
    )


def _tokenizer() -> dict[str, object]:
    bos = {"SpecialToken": {"id": "<bos>", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_special(i) for i in range(3)],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [bos, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [
                bos,
                {"Sequence": {"id": "A", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 0}},
            ],
            "special_tokens": {"<bos>": {"id": "<bos>", "ids": [BOS], "tokens": ["<bos>"]}},
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "vocab": {token: i for i, token in enumerate(VOCABULARY)},
            "unk_token": "<unk>",
        },
    }


def _special(token_id: int) -> dict[str, object]:
    return {
        "id": token_id,
        "content": VOCABULARY[token_id],
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
