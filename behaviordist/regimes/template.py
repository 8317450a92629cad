"""A regime file to fill in: what an algorithm needs, what it reads beside, and their meaning."""

from __future__ import annotations

import json
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from behaviordist.regimes.base import SPREADING, model_of
from behaviordist.regimes.declaration import AnyRegime
from behaviordist.regimes.rows import PREFERENCES
from behaviordist.store.declared import Declared

STARTS: dict[str, Any] = {
    "task": "mine",
    "budget": 200,
    "batch_size": 16,
    "learning_rate": 0.0002,
    "convergence": {"at_least": 0.9, "consecutive": 2, "every": 10},
    "data": {"train": "train.jsonl", "held_out": "held-out.jsonl"},
    "bits": 4,
    "teacher": "path/of/the/teacher",
    "growth": {"operator": "depth", "layers": 8},
}
"""What a new file says; of them `data` alone is no key that must stand there."""


END = "...\n"
"""With what YAML ends a document that is a single word."""


def summary(algorithm: str) -> str:
    """Return what an algorithm is, in one line.

    >>> summary("sft")
    'Supervised fine-tuning: cross-entropy on answers.'
    """
    return (model_of({"algorithm": algorithm}).__doc__ or "").strip().splitlines()[0]


def schema() -> dict[str, Any]:
    """Return the JSON schema of a regime file, for editors that check YAML by one."""
    return TypeAdapter(AnyRegime).json_schema()


def template(algorithm: str) -> str:
    """Return the text of a regime file of an algorithm; it can be read as it stands.

    What must be said stands there with a value to change; what else the algorithm reads is
    commented out, at its default.

    Raises
    ------
    InputError
        If no algorithm has that name.
    """
    model = model_of({"algorithm": algorithm})
    fields = {k: f for k, f in model.model_fields.items() if k not in ("algorithm", *model.LAB)}
    said = [k for k in STARTS if k in fields and (k == "data" or fields[k].is_required())]
    said += ["task"] if algorithm in SPREADING else []
    lines = [f"# {summary(algorithm)}", f"algorithm: {algorithm}"]
    for name in sorted(said, key=list(STARTS).index):
        lines.append(_line(name, STARTS[name], _meaning(name, fields[name], algorithm)))
    lines += ["", "# Read too, at its default:"]
    for name, field in fields.items():
        if name not in said and (name, algorithm == "rlvr") != ("verifier", False):
            default = field.get_default(call_default_factory=True)
            lines.append("# " + _line(name, _plain(default), _meaning(name, field, algorithm)))
    return "\n".join(lines) + "\n"


def _meaning(name: str, field: FieldInfo, algorithm: str) -> str:
    if name == "data":
        return f"rows of {_columns(algorithm)}"
    if name == "task":
        return "what the data teach; the behavior is called algorithm-task"
    if name == "budget":
        return "most optimizer steps, a multiple of convergence.every"
    kind = field.annotation
    if not field.description and isinstance(kind, type) and issubclass(kind, Declared):
        return (kind.__doc__ or "").strip().splitlines()[0].rstrip(".:")
    return field.description or ""


def _columns(algorithm: str) -> str:
    if algorithm in SPREADING:
        return "text"
    if algorithm in PREFERENCES:
        return "prompt, chosen, rejected"
    return "prompt, answer (or tests)" if algorithm == "rlvr" else "prompt, completion"


def _line(name: str, value: Any, meaning: str) -> str:
    dumped = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    said = f"{name}: {dumped.removesuffix(END).strip()}"
    return f"{said}  # {meaning}" if meaning else said


def _plain(value: Any) -> Any:
    """Return a section as a mapping without what says nothing, anything else as JSON has it."""
    if not isinstance(value, BaseModel):
        return json.loads(json.dumps(value))
    plain = value.model_dump(mode="json")
    return {k: v for k, v in plain.items() if v is not None}
