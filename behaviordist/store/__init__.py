"""Content-addressed artifacts, atomic writes, labelled tables on disk."""

from behaviordist.store.artifacts import (
    digest_of,
    file_digest,
    is_finished,
    publish,
    write_bytes,
    write_json,
    write_text,
)

__all__ = [
    "digest_of",
    "file_digest",
    "is_finished",
    "publish",
    "write_bytes",
    "write_json",
    "write_text",
]
