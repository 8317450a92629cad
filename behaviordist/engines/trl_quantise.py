"""Quantisation-aware training on engine `trl`: torchao's fake quantisation of every linear layer.

Forward passes see weights rounded to `bits` a number, symmetric, one scale an output channel;
gradients pass straight through the rounding (Bengio et al. 2013; Jacob et al. 2018).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from behaviordist.errors import InputError

MOST_LEFT = 0.05
"""Largest share of the blocks' weights that may stay whole (the routers of mixtures are below)."""


def fake_quantise(model: Any, bits: int) -> None:
    """Make a model's linear layers, its head aside, compute with rounded weights.

    Raises
    ------
    InputError
        If torchao is not installed, or more than a twentieth of the blocks' weights would stay
        whole: experts of mixtures in one tensor, layers that are not torch's linear ones.
    """
    _refuse_others(model)
    try:
        from torchao.quantization import quantize_
        from torchao.quantization.qat import IntxFakeQuantizeConfig, QATConfig
    except ImportError:
        raise InputError("qat needs torchao: pip install 'behaviordist[quant]'") from None
    config = IntxFakeQuantizeConfig(_dtype(bits), "per_channel", is_symmetric=True)
    quantize_(model, QATConfig(weight_config=config, step="prepare"), filter_fn=_inner)


def round_weights(model: Any) -> None:
    """Write the rounded weights in the place of the trained ones and take the rounding away.

    What remains is a plain model, whose weights lie on the grid of `bits`.
    """
    import torch

    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            quantiser = getattr(layer, "weight_fake_quantizer", None)
            if quantiser is None:
                continue
            with torch.no_grad():
                layer.weight.copy_(quantiser(layer.weight))
            plain = torch.nn.Linear(
                layer.in_features, layer.out_features, layer.bias is not None, device="meta"
            )
            plain.weight, plain.bias = layer.weight, layer.bias
            setattr(parent, name, plain)


def _refuse_others(model: Any) -> None:
    """Refuse a model whose weights are mostly not those of linear layers."""
    import torch

    head, sizes, left = model.get_output_embeddings(), Counter[bool](), Counter[str]()
    for module in model.modules():
        if module is head or isinstance(module, torch.nn.Embedding):
            continue
        rounded = isinstance(module, torch.nn.Linear)
        for name, weight in module.named_parameters(recurse=False):
            if weight.ndim < 2 or name.endswith("bias"):
                continue
            sizes[rounded] += weight.numel()
            if not rounded:
                left[type(module).__name__] += weight.numel()
    share = sizes[False] / max(1, sizes.total())
    if share > MOST_LEFT:
        raise InputError(
            f"qat would leave {share:.0%} of the blocks' weights whole ({', '.join(left)}: no"
            " linear layers); train a dense model, or a mixture whose experts are linear layers"
        )


def _inner(module: Any, name: str) -> bool:
    import torch

    return isinstance(module, torch.nn.Linear) and not name.endswith("lm_head")


def _dtype(bits: int) -> Any:
    import torch

    return getattr(torch, f"int{bits}")
