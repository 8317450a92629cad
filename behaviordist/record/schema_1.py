"""Records that version 0.1.0 wrote (schema 1), brought to the types of today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from behaviordist.record.run import SCHEMA

SIMPLE = ("kind", "geometry", "probes", "notes", "study", "question", "quick", "seeds")
COMPARED = ("comparison", "floor", "gate")
FACT = ("name", "value", "meaning")


def upgraded(value: dict[str, Any], test: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    """Return a record of schema 1 in the shape of today's, still to be validated.

    Parameters
    ----------
    value, test
        ``run.json``, and ``test.json`` where there is one.
    folder
        Holds the tables of a study of transfers.
    """
    kept = {key: value[key] for key in (*SIMPLE, *COMPARED) if key in value}
    return {
        **kept,
        "schema": SCHEMA,
        "provenance": provenance(value),
        "behaviors": behaviors(value),
        **_of_kind(value, test, folder),
    }


def _of_kind(value: dict[str, Any], test: dict[str, Any] | None, folder: Path) -> dict[str, Any]:
    if value["kind"] == "findings":
        return {"findings": findings(value)}
    if value["kind"] != "transfer":
        return {}
    from behaviordist.record.transfers.schema_1 import read_findings

    return {
        **read_findings(value, test, behaviors(value), folder),
        "targets": value.get("targets", []),
        "untested": value.get("untested", ""),
        "study": value.get("study", "transfer"),
        "question": value.get("question", ""),
    }


def provenance(value: dict[str, Any]) -> dict[str, Any]:
    """Return command, seed, versions, digests and times; the machine was not kept."""
    keys = ("command", "seed", "jobs", "versions", "digests", "times_s")
    return {key: value[key] for key in keys if key in value}


def behaviors(value: dict[str, Any]) -> Any:
    """Return the rows of behaviors; what nothing made had null for its algorithm."""
    rows = value.get("behaviors", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return rows
    return [{k: v for k, v in row.items() if v is not None} for row in rows]


def findings(value: dict[str, Any]) -> Any:
    """Return findings with claims that hold their estimate, and sections of tagged blocks."""
    old = value.get("findings")
    if not isinstance(old, dict):
        return old
    return {
        "headline": old.get("headline"),
        "claims": [_claim(claim) for claim in _list(old, "claims")],
        "facts": [dict(zip(FACT, fact, strict=True)) for fact in _list(old, "facts")],
        "sections": [
            {"title": part.get("title"), "blocks": [_block(b) for b in _list(part, "blocks")]}
            for part in _list(old, "parts")
        ],
    }


def _list(value: Any, key: str) -> list[Any]:
    items = value.get(key, [])
    return items if isinstance(items, list) else []


def _claim(old: dict[str, Any]) -> dict[str, Any]:
    numbers = ("value", "low", "high", "smallest_effect")
    estimate = {key: old[key] for key in numbers if key in old}
    return {**{k: v for k, v in old.items() if k not in numbers}, "estimate": estimate}


def _block(old: Any) -> Any:
    """Return a block of today; rows of a forest plot said themselves whether they are the main."""
    if not isinstance(old, dict) or old.get("type") != "intervals":
        return old
    rows = [row for _, rows in old["groups"] for row in rows]
    return {
        **old,
        "main": [row["label"] for row in rows if row.get("main")],
        "groups": [
            (name, [{k: v for k, v in row.items() if k != "main"} for row in rows])
            for name, rows in old["groups"]
        ],
    }
