"""The JSON schema of ``run.json``, generated from the types.

``python -m behaviordist.record.json_schema > docs/run-schema.json`` brings the documentation up to
date; a test holds it.
"""

from __future__ import annotations

import json

from behaviordist.record.run import RECORD, SCHEMA

TITLE = f"What a run of behaviordist says (schema {SCHEMA})"


def json_schema() -> str:
    """Return the schema (JSON Schema 2020-12) as text."""
    schema = RECORD.json_schema(by_alias=True, mode="serialization")
    return json.dumps({"title": TITLE, **schema}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(json_schema(), end="")
