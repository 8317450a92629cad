"""The schema in the documentation is that of the types, and records follow it."""

from __future__ import annotations

import json
from pathlib import Path

from behaviordist.record.json_schema import json_schema
from behaviordist.record.run import KINDS
from tests.record.test_files import RECORDS

SHIPPED = Path(__file__).parents[2] / "docs" / "run-schema.json"


def test_the_documented_schema_is_current():
    assert SHIPPED.read_text(encoding="utf-8") == json_schema(), (
        "run: python -m behaviordist.record.json_schema > docs/run-schema.json"
    )


def test_it_knows_every_kind():
    mapping = json.loads(json_schema())["discriminator"]["mapping"]
    assert set(mapping) == set(KINDS)


def test_every_record_follows_it():
    """Held with a validator of its own: no library that validates JSON is among those needed."""
    schema = json.loads(json_schema())
    for record in RECORDS:
        follows(record.to_json(), schema, schema["$defs"])


def follows(value, schema, defs):
    """Assert that a JSON value follows the part of JSON Schema that pydantic writes."""
    if "$ref" in schema:
        return follows(value, defs[schema["$ref"].rsplit("/", 1)[1]], defs)
    choices = schema.get("oneOf") or schema.get("anyOf")
    if choices:
        tag = schema.get("discriminator", {}).get("propertyName")
        if tag:
            return follows(value, {"$ref": schema["discriminator"]["mapping"][value[tag]]}, defs)
        return any(allowed(value, choice, defs) for choice in choices) or failed(value, schema)
    if "const" in schema:
        assert value == schema["const"]
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer",
             float: "number", type(None): "null"}  # fmt: skip
    kind = schema.get("type")
    if kind:
        mine = names[type(value)]
        assert mine == kind or (mine, kind) == ("integer", "number"), (value, schema)
    if kind == "object":
        known = schema.get("properties", {})
        assert set(schema.get("required", ())) <= set(value)
        if schema.get("additionalProperties") is False:
            assert set(value) <= set(known), set(value) - set(known)
        for key, item in value.items():
            more = schema.get("additionalProperties")
            follows(item, known.get(key, more if isinstance(more, dict) else {}), defs)
    if kind == "array":
        for item in value:
            follows(item, schema.get("items", {}), defs)
    return True


def allowed(value, schema, defs):
    try:
        return follows(value, schema, defs)
    except AssertionError:
        return False


def failed(value, schema):
    raise AssertionError(f"{value!r} follows none of {schema}")
