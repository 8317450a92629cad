"""YAML files held against pydantic models: whatever is wrong is one line that names the key.

`Declared` is the base of every model that a file is held against: unknown keys are refused with the
nearest known name, values are fixed. `read_yaml` reads a mapping out of any file that people write,
and `held` makes the model of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from behaviordist.errors import InputError, did_you_mean

MOST_VALUES = 100_000
"""Values of a file, counted as often as aliases (``*name``) repeat them."""

DEEPEST = 60
"""Levels of nesting."""

UNKNOWN = "unknown_key"


class Declared(BaseModel):
    """A mapping that somebody writes: no key but the model's, and values that stay."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            for key in values:
                if key not in known:
                    context = {"key": str(key), "hint": cls.hint(str(key), known)}
                    raise PydanticCustomError(UNKNOWN, "unknown key '{key}'; {hint}", context)
        return values

    @classmethod
    def hint(cls, key: str, known: set[str]) -> str:
        """Return what to write instead of a key that the model does not know."""
        return did_you_mean(key, known)


M = TypeVar("M", bound=BaseModel)


def held(model: type[M], values: Any, where: str) -> M:
    """Return the model of what a file says.

    Parameters
    ----------
    model
        What the values must be.
    values
        As `read_yaml` returns them.
    where
        Names the file in the error.

    Raises
    ------
    InputError
        One line: the first thing that is wrong, with its key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise one_line(error, where) from None
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def one_line(error: ValidationError, where: str, at: str = "") -> InputError:
    """Turn a pydantic error into one line that names the place and the key.

    Parameters
    ----------
    error
        Of which the first counts; a typo among them comes first, for it explains the rest.
    where
        Names the file.
    at
        Names the section that the model is of, if the model is not of the whole file.
    """
    errors = sorted(error.errors(), key=lambda e: e["type"] != UNKNOWN)
    first, path = errors[0], ".".join(map(str, (*[at][: bool(at)], *errors[0]["loc"])))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == UNKNOWN:
        key, hint = first["ctx"]["key"], first["ctx"]["hint"]
        return InputError(f"{where}: unknown key '{f'{path}.' * bool(path)}{key}'; {hint}{more}")
    inner = first.get("ctx", {}).get("error")
    if isinstance(inner, ValidationError):  # a model that was made while another was checked
        return one_line(inner, where, inner.title.lower())
    message = " ".join(first["msg"].removeprefix("Value error, ").split())
    return InputError(f"{where}: {f'{path!r}: ' * bool(path)}{message}{more}")


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one mapping.

    Raises
    ------
    InputError
        No such file, not UTF-8, not YAML, not a mapping, a key twice, too deep, too much.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"{path}: cannot be read ({reason})") from None
    return parse_yaml(text, str(path))


def parse_yaml(text: str, where: str) -> dict[str, Any]:
    """Parse a text that holds one mapping; dates stay the text that was written.

    Raises
    ------
    InputError
        As `read_yaml`, naming `where`.
    """
    try:
        values = yaml.load(text, _Loader)
        size = _size(values, 0)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        why = getattr(error, "problem", None)
        raise InputError(f"{where}: not valid YAML{line}{f' ({why})' * bool(why)}") from None
    except RecursionError:
        raise InputError(f"{where}: nested deeper than {DEEPEST} levels") from None
    except (ValueError, TypeError, OverflowError):  # a number that is none, under an explicit tag
        raise InputError(f"{where}: not valid YAML (a value does not fit its tag)") from None
    if size > MOST_VALUES:
        raise InputError(f"{where}: more than {MOST_VALUES} values")
    if not isinstance(values, dict):
        raise InputError(f"{where}: a mapping of keys to values belongs there")
    odd = next((key for key in values if not isinstance(key, str)), None)
    if odd is not None:
        raise InputError(f"{where}: the key {odd!r} is no name: put it in quotes")
    return values


def _size(value: Any, depth: int) -> int:
    """Count values as often as they are reached, up to `MOST_VALUES`; refuse great depth."""
    if depth > DEEPEST:
        raise RecursionError
    inner = value.items() if isinstance(value, dict) else value if isinstance(value, list) else ()
    count = 1
    for item in inner:
        parts = item if isinstance(value, dict) else (item,)
        count += sum(_size(part, depth + 1) for part in parts)
        if count > MOST_VALUES:
            break
    return count


class _Loader(yaml.SafeLoader):
    """YAML without dates (they are text), with every key once, of characters that UTF-8 has."""

    def construct_scalar(self, node: Any) -> Any:
        """Return a scalar's text, which can be written as UTF-8."""
        text = str(super().construct_scalar(node))
        if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
            problem = "half a surrogate pair is no character"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return text


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        name = loader.construct_object(key, deep=True)
        if name in seen:
            raise yaml.MarkedYAMLError(problem=f"key '{name}' twice", problem_mark=key.start_mark)
        seen.add(name)
    return dict(loader.construct_mapping(node, deep=True))


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
