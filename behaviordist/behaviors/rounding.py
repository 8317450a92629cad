"""Simulated weight quantisation: round to nearest, symmetric, no calibration.

What deployed weight-only quantisation computes, up to the kernels: weights are rounded to a grid
and multiplied as floats. The formula is `lab.rounding`'s, which quantisation-aware training shares.

Which weights are rounded is decided parameter by parameter: the matrices of linear layers and of
the fused experts of mixtures (three dimensions, one matrix an expert). What is left is counted; a
model of which more than a twentieth would stay whole is refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from behaviordist.errors import InputError, in_brief
from behaviordist.lab.rounding import GROUP, LEVELS, round_weights

__all__ = ["GROUP", "LEVELS", "TORCHAO", "Plan", "note", "plan", "quantise", "round_weights"]

TORCHAO = "torchao-int8"
MOST_LEFT = 0.05
"""Largest share of the blocks' weights that may stay whole (the routers of mixtures are below)."""
NOTE = (
    "{quant}: simulated, weights of the blocks rounded to nearest, symmetric, one scale {scale};"
    " embeddings, norms and the output head are not rounded"
)
TURNED = {"JetMoeParallelExperts": False, "Llama4TextExperts": True}
"""Experts that do not say themselves whether their matrices are (in, out): by class."""


@dataclass(frozen=True)
class Plan:
    """What of a model is quantised.

    Attributes
    ----------
    turned
        Name of each parameter that is, and whether its matrices stand (in, out).
    left
        Matrices of the blocks that stay whole: name of the module's class -> how many.
    share_left
        Their share of the blocks' weights, in [0, 1].
    """

    turned: dict[str, bool]
    left: dict[str, int]
    share_left: float

    def note(self) -> str:
        """Return what stays whole as the end of a note; "" if it is nothing."""
        if not self.left:
            return ""
        names = ", ".join(f"{count} of {name}" for name, count in self.left.items())
        return f"; left whole: {names}, {self.share_left:.1%} of the blocks' weights"


def note(quant: str, chosen: Plan | None = None) -> str:
    """Return the sentence that reports carry about a quantised behavior."""
    left = "" if chosen is None else chosen.note()
    if quant == TORCHAO:
        return (
            f"{quant}: torchao's int8 weight-only kernels; the output head is not quantised{left}"
        )
    scale = "an output channel" if quant == "int8" else f"a group of {GROUP} inputs"
    return NOTE.format(quant=quant, scale=scale) + left


def plan(model: Any, quant: str, label: str) -> Plan:
    """Decide which parameters of a model are quantised; weights are not looked at.

    Parameters
    ----------
    model
        Of `transformers`; it may be one without weights (device ``meta``).
    quant
        A grid of `LEVELS`, or `TORCHAO`, whose kernels know linear layers only.
    label
        The behavior, for messages.

    Raises
    ------
    InputError
        If more than a twentieth of the blocks' weights would stay whole.
    """
    import torch
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()
    turned: dict[str, bool] = {}
    left: Counter[str] = Counter()
    sizes = {True: 0, False: 0}
    for prefix, module in model.named_modules():
        if module is head or isinstance(module, torch.nn.Embedding):
            continue
        kind = type(module).__name__
        for name, weight in module.named_parameters(recurse=False):
            if weight.ndim < 2 or name.endswith("bias"):  # a row an expert
                continue
            way: bool | None = None
            if isinstance(module, torch.nn.Linear | Conv1D):
                way = isinstance(module, Conv1D)  # GPT-2 keeps its matrices (in, out)
                way = None if way and quant == TORCHAO else way
            elif weight.ndim == 3 and quant != TORCHAO:
                way = getattr(module, "is_transposed", TURNED.get(kind))
            sizes[way is not None] += weight.numel()
            if way is None:
                left[kind] += 1
            else:
                turned[f"{prefix}.{name}"] = way
    share = sizes[False] / max(1, sizes[True] + sizes[False])
    if share > MOST_LEFT:
        other = "; quant=int8 rounds experts too" if quant == TORCHAO else ""
        raise InputError(
            f"'{label}': quant={quant} would leave {share:.0%} of the blocks' weights whole"
            f" ({', '.join(left)}: no linear layers, nor experts whose layout is known){other}"
        )
    return Plan(turned, dict(left), share)


def plan_of(config: Any, quant: str, label: str) -> Plan:
    """Return `plan` for a configuration: the model is built without its weights.

    Raises
    ------
    InputError
        As `plan`, or if the configuration describes no model.
    """
    import torch
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    except Exception as error:  # whatever an architecture meets in its own configuration
        reason = in_brief(error)
        raise InputError(f"'{label}': its config.json describes no model ({reason})") from None
    return plan(model, quant, label)


def quantise(model: Any, quant: str, label: str) -> Plan:
    """Quantise a loaded model in place; return what was.

    Raises
    ------
    InputError
        As `plan`; if torchao is missing, or weights are not in memory.
    """
    chosen = plan(model, quant, label)
    if quant == TORCHAO:
        _with_torchao(model)
        return chosen
    import torch

    weights = dict(model.named_parameters())
    for name, turned in chosen.turned.items():
        weight = weights[name].data
        if weight.device.type == "meta":
            raise InputError(f"'{label}': quant={quant} needs the weights in memory; drop device")
        for matrix in weight if weight.ndim == 3 else weight[None]:
            whole = matrix.float().cpu().numpy()
            rounded = round_weights(whole.T if turned else whole, quant)
            matrix.copy_(torch.from_numpy(rounded.T if turned else rounded))
    return chosen


def _with_torchao(model: Any) -> None:
    import torch

    try:
        from torchao.quantization import Int8WeightOnlyConfig, quantize_
    except ImportError:
        raise InputError(
            f"quant={TORCHAO} needs torchao: pip install 'behaviordist[quant]'"
        ) from None
    head = model.get_output_embeddings()
    quantize_(
        model,
        Int8WeightOnlyConfig(),
        filter_fn=lambda m, _: isinstance(m, torch.nn.Linear) and m is not head,
    )
