"""Write the parts of the reference that follow from the code: command line, names, files.

`python docs/generate.py`; a test fails where what is committed is not what this writes.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import typer

import behaviordist as bd
from behaviordist.cli.app import app
from behaviordist.cli.help import EXAMPLES

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"


def main() -> None:
    """Write the generated pages."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """Return file name -> text."""
    return {"cli.md": _command_line(), "python.md": _python(), "files.md": _files()}


def _command_line() -> str:
    root: Any = typer.main.get_command(app)
    parts = ["# The command line", "", f"{root.help} Generated from the code.", ""]
    for name, command in root.commands.items():
        parts += _command(f"behaviordist {name}", command)
        parts += ["Examples:", "", *(f"    {line}" for line in EXAMPLES[name]), ""]
        for sub, inner in getattr(command, "commands", {}).items():
            parts += _command(f"behaviordist {name} {sub}", inner, level=3)
    return "\n".join(parts).rstrip() + "\n"


def _command(name: str, command: Any, level: int = 2) -> list[str]:
    lines = ["#" * level + f" {name}", "", inspect.cleandoc(command.help or ""), ""]
    rows = [
        _option(one)
        for one in command.params
        if one.name != "help" and not getattr(one, "hidden", False)
    ]
    if rows and not hasattr(command, "commands"):
        lines += ["| | |", "|---|---|", *rows, ""]
    return lines


def _option(one: Any) -> str:
    flags = [*one.opts, *one.secondary_opts]
    words = (getattr(one, "help", "") or "").replace("|", "\\|").replace("<", "&lt;")
    if one.param_type_name == "argument":
        flags = [one.metavar or one.name.upper()]
    default = one.default if isinstance(one.default, int | float | str) else None
    shown = getattr(one, "show_default", None)
    if isinstance(shown, str):
        default = shown
    tail = ""
    if one.required:
        tail = " *Required.*"
    elif default not in (None, "", False):
        tail = f" Default: {default}."
    names = ", ".join(f"`{flag}`" for flag in flags).replace("|", "\\|")
    return f"| {names} | {words}{tail} |"


def _python() -> str:
    parts = [
        "# Python",
        "",
        "Everything that `import behaviordist as bd` offers. The rest is reached through modules"
        " and may move.",
        "",
    ]
    names = sorted(bd.__all__, key=str.lower)
    parts += ["| name | |", "|---|---|"]
    for name in names:
        first = (inspect.getdoc(getattr(bd, name)) or "").split("\n\n")[0]
        words = " ".join(first.split()).replace("|", "\\|").replace("<", "&lt;")
        parts.append(f"| `bd.{name}` | {words} |")
    parts.append("")
    for name in names:
        home = getattr(bd, name)
        parts += [f"::: {home.__module__}.{home.__qualname__}", ""]
    return "\n".join(parts)


def _files() -> str:
    schema = json.loads((HERE / "run-schema.json").read_text(encoding="utf-8"))
    parts = [
        "# Files",
        "",
        "What lies in the folder of a run is listed under"
        " [architecture](../architecture.md#the-folder-of-a-run). `run.json`, the record, is held"
        " against [a JSON schema](../run-schema.json); its types:",
        "",
    ]
    for name, kind in sorted(schema["$defs"].items()):
        words = kind.get("description", "").split("\n\nAttributes")[0]
        parts += [f"## {name}", "", " ".join(words.split()), ""]
        if "properties" in kind:
            needed = set(kind.get("required", ()))
            rows = [
                f"| `{key}` | {_type(value)}{' *required*' if key in needed else ''} |"
                for key, value in kind["properties"].items()
            ]
            parts += ["| key | type |", "|---|---|", *rows, ""]
    return "\n".join(parts).rstrip() + "\n"


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(one) for one in value["anyOf"]))
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}" if "items" in value else "list"
    if "enum" in value:
        return " or ".join(f"`{one}`" for one in value["enum"])
    return str(value.get("type", "any"))


if __name__ == "__main__":
    main()
