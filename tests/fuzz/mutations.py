"""Hypothesis strategies that damage a good file the way disks, editors and people do."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from hypothesis import strategies as st

ODD_VALUES: list[Any] = [
    None, True, False, -1, 0, 1, 2**63, 10**400, -0.0, 0.5, 1e308, -1e308, float("nan"),
    float("inf"), float("-inf"), "", " ", "0", "-1", "1e999", "1,5", "nan", "None", "NA", "null",
    "\x00", "\x1b[31mred", "=1+1", "a\nb", "\ud800", "ü☃日本", "../..", "/", "~", "%s{0}{{x}}",
    "<script>", "[/x]", "x" * 5_000, [], {}, [None], [[]], {"": 0}, [1, "a"], {"a": {"b": []}},
]  # fmt: skip
ODD_TEXTS = [value for value in ODD_VALUES if isinstance(value, str)]
TOKENS = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r\n", b"\n", b",", b";", b"\t", b'"', b"'",
    b"{", b"}", b"[", b"]", b":", b"- ", b"!!python/object:os.system ", b"2024-01-01", b"&a ",
    b"*a ", b"NaN", b"-Infinity", b"1e999", b"\xf0\x9f", b"[" * 2_000, b"9" * 400, b"\x1b[2J",
]  # fmt: skip


@st.composite
def damaged_bytes(draw: st.DrawFn, good: bytes) -> bytes:
    """Cut, flip, repeat or insert a few bytes."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(data), 1)))
        length = draw(st.sampled_from([1, 2, 8, 64, 4_096]))
        kind = draw(st.sampled_from(["flip", "cut", "repeat", "insert", "truncate"]))
        if kind == "flip":
            for i in range(at, min(at + length, len(data), at + 8)):
                data[i] ^= draw(st.integers(1, 255))
        elif kind == "cut":
            del data[at : at + length]
        elif kind == "repeat":
            data[at:at] = data[at : at + length]
        elif kind == "insert":
            data[at:at] = draw(st.sampled_from(TOKENS))
        else:
            del data[at:]
    return bytes(data)


@st.composite
def damaged_tree(draw: st.DrawFn, good: Any) -> Any:
    """Change one to three nodes of a tree of mappings and lists."""
    tree = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        holder = draw(st.sampled_from(_holders(tree) or [None]))
        if not holder:
            return draw(st.sampled_from(ODD_VALUES))
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = draw(st.sampled_from(keys))
        kind = draw(st.sampled_from(["value", "value", "delete", "rename", "wrap", "swap"]))
        if kind == "value":
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
        elif kind == "delete":
            del holder[key]
        elif kind == "wrap":
            holder[key] = [holder[key]] if draw(st.booleans()) else {"x": holder[key]}
        elif kind == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from([f"{key}z", str(key)[1:], *ODD_TEXTS]))] = holder.pop(key)
        else:
            other = draw(st.sampled_from(keys))
            holder[key], holder[other] = holder[other], holder[key]
    return tree


def _holders(tree: Any) -> list[Any]:
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return ([tree] if inner else []) + [h for value in inner for h in _holders(value)]


@st.composite
def damaged_json(draw: st.DrawFn, good: bytes) -> bytes:
    """Damage a JSON document as a tree, or as bytes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged_bytes(good))
    return json.dumps(draw(damaged_tree(json.loads(good)))).encode()


@st.composite
def damaged_json_lines(draw: st.DrawFn, good: bytes) -> bytes:
    """Damage one line of JSON lines, drop or repeat lines."""
    lines = good.splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["line", "line", "line", "drop", "repeat"]))
    if kind == "line":
        lines[at] = draw(damaged_json(lines[at]))
    elif kind == "drop":
        del lines[at:]
    else:
        lines.append(lines[at])
    return b"\n".join(lines) + b"\n"


@st.composite
def damaged_yaml(draw: st.DrawFn, good: bytes) -> bytes:
    """Damage a YAML document as a tree, or as bytes (tags, dates, anchors, tabs)."""
    if draw(st.integers(0, 2)) == 0:
        return draw(damaged_bytes(good))
    tree = draw(damaged_tree(yaml.safe_load(good)))
    return yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")


@st.composite
def damaged_csv(draw: st.DrawFn, good: bytes) -> bytes:
    """Damage a table: cells, rows, columns, the delimiter, quotes, or its bytes."""
    rows = [line.split(",") for line in good.decode().splitlines()]
    kind = draw(
        st.sampled_from(["cell", "cell", "cell", "row", "column", "twice", "dialect", "bytes"])
    )
    row = draw(st.integers(0, len(rows) - 1))
    column = draw(st.integers(0, len(rows[row]) - 1))
    if kind == "bytes":
        return draw(damaged_bytes(good))
    if kind == "cell":
        rows[row][column] = draw(
            st.sampled_from(ODD_TEXTS) | st.floats().map(str) | st.integers().map(str)
        )
    elif kind == "row":
        del rows[row]
    elif kind == "column":
        rows = [[cell for i, cell in enumerate(cells) if i != column] for cells in rows]
    elif kind == "twice":
        rows.insert(row, list(rows[row]))
    separator = draw(st.sampled_from([";", "\t", ",", "|"])) if kind == "dialect" else ","
    quote = '"' if kind == "dialect" and draw(st.booleans()) else ""
    text = "\n".join(separator.join(f"{quote}{cell}{quote}" for cell in cells) for cells in rows)
    return (text + "\n").encode("utf-8", "surrogatepass")


@st.composite
def damaged_header(draw: st.DrawFn, good: bytes) -> bytes:
    """Damage the first bytes of a file, where formats keep their counts and lengths."""
    return draw(damaged_bytes(good[:2_048])) + good[2_048:]


DAMAGE = {
    "bytes": damaged_bytes,
    "header": damaged_header,
    "csv": damaged_csv,
    "json": damaged_json,
    "jsonl": damaged_json_lines,
    "yaml": damaged_yaml,
}
